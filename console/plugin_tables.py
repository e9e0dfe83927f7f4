"""The outbox of plugins as the operator sees it: jobs, and hubs that somebody has proposed to link."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin import display
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from console.shown import ago, key_html, moment, whole_key_html
from console.tables import Button, StateFilter, Table
from peers.clock import now_ms
from plugins.models import Job, Proposal
from plugins.running import runner

MAX_LINE_CHARS = 100


class JobState(StateFilter):
    """What became of it."""

    title = "state"
    parameter_name = "state"
    conditions = {
        "due": ("due now", lambda: Q(state=Job.State.WAITING, due_at__lte=now_ms())),
        "later": ("later", lambda: Q(state=Job.State.WAITING, due_at__gt=now_ms())),
        "done": ("done", Q(state=Job.State.DONE)),
        "dead": ("given up", Q(state=Job.State.DEAD)),
    }


class JobTable(Table):
    """Work of handlers on single messages."""

    singular = "job"
    plural = "jobs of plugins"
    explains = (
        "One row a message and handler. What failed is tried again; after the last try it is given up, and waits here "
        "for you. What is done is forgotten after a day and a half, and a job goes with its message."
    )
    list_display = ("shown_handler", "shown_state", "when", "tries", "took", "error_line")
    list_filter = (JobState,)
    search_fields = ("handler", "error")
    search_help_text = "Handler, or words of the error"
    ordering = ("-due_at", "-pk")
    detail = ("handler", "shown_state", "when", "written", "shown_message", "tries", "took", "error")

    @display(description="handler", ordering="handler")
    def shown_handler(self, job: Job) -> str:
        """Whose work it is."""
        return job.handler if job.serial == 0 else f"{job.handler}, put off"

    @display(description="state", ordering="state")
    def shown_state(self, job: Job) -> str:
        """In words."""
        if job.state == Job.State.WAITING:
            under_way = runner.running
            if under_way is not None and under_way[0].pk == job.pk:
                return f"running, since {ago(under_way[1], now_ms()).removesuffix(' ago')}"
            return "waits for another try" if job.tries else "waits"
        return "given up" if job.state == Job.State.DEAD else "done"

    @display(description="due or ended (UTC)", ordering="due_at")
    def when(self, job: Job) -> str:
        """Of what waits, when it is due; else when it ended."""
        return moment(job.due_at)

    @display(description="written (UTC)")
    def written(self, job: Job) -> str:
        """The time that what it says bears."""
        return moment(job.at)

    @display(description="took", ordering="took_ms")
    def took(self, job: Job) -> str:
        """The last try."""
        return f"{job.took_ms:,} ms" if job.took_ms or job.tries or job.state == Job.State.DONE else ""

    @display(description="error")
    def error_line(self, job: Job) -> str:
        """Its first line."""
        line = job.error.partition("\n")[0]
        return line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}…"

    @display(description="message")
    def shown_message(self, job: Job) -> str:
        """Leads to what is known of it."""
        return format_html(
            '<a href="{}">number {}</a>',
            reverse("admin:messaging_message_change", args=[job.message_id]),
            job.message_id,
        )

    def buttons(self, obj: Job) -> Iterable[Button]:
        """What was given up can be tried again; anything unfinished can be dropped."""
        if obj.state == Job.State.DEAD:
            yield Button("Run again", "run-job", obj.pk, is_danger=False)
        if obj.state != Job.State.DONE:
            yield Button("Drop", "drop-job", obj.pk)


class ProposalTable(Table):
    """Hubs that somebody has proposed to link."""

    singular = "proposal"
    plural = "hubs to link"
    explains = "Invite links of other hubs, written to the admin. Anyone who can write to the admin can propose."
    list_display = ("origin", "shown_hub", "who", "when")
    search_fields = ("origin",)
    search_help_text = "Address"
    ordering = ("-pk",)
    detail = ("origin", "whole_hub", "who", "when")

    @display(description="hub key")
    def shown_hub(self, proposal: Proposal) -> str:
        """Shortened."""
        return key_html(proposal.hub)

    @display(description="fingerprint of that hub's key")
    def whole_hub(self, proposal: Proposal) -> str:
        """To be compared."""
        return whole_key_html(proposal.hub)

    @display(description="proposed by")
    def who(self, proposal: Proposal) -> str:
        """The author of the message."""
        author = proposal.message.author
        account = getattr(author, "account", None)
        return account.name if account is not None else f"a stranger, {author}"

    @display(description="when (UTC)", ordering="at")
    def when(self, proposal: Proposal) -> str:
        """When it came."""
        return moment(proposal.at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Proposal]:
        rows = super().get_queryset(request).select_related("message__author__account")
        return rows.filter(is_open=True, message__body__isnull=False)

    def buttons(self, obj: Proposal) -> Iterable[Button]:
        """Link it, or not."""
        yield Button("Link this hub", "link-proposed", obj.pk, is_danger=False)
        yield Button("Dismiss", "dismiss-proposal", obj.pk)
