"""Reports as those who run the hub see them: who is reported, for what, before whom it stands, what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin import display
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accord.encoding import b64encode
from console import roles
from console.shown import count, key_html, moment
from console.tables import Button, Table
from messaging import opened
from messaging.models import Report
from peers.clock import now_ms
from peers.models import Account, User


def _name(user: User) -> str:
    account = getattr(user, "account", None)
    return account.name if account else f"a stranger, {b64encode(bytes(user.key))[:12]}"


def _told(report: Report) -> list[opened.Told]:
    return list(opened.told(bytes(report.opened), author=bytes(report.reported.key), now=now_ms()))


class ReportTable(Table):
    """Reports of members about people."""

    needs = roles.SEE_PEOPLE
    singular = "report"
    plural = "reports"
    explains = (
        "Whom members have reported. A report stands before whoever invited the reported person, then before the next "
        "one up, at last before the admin. You can close it at any time."
    )
    list_display = ("reported_name", "reason", "state", "reporter_name", "turn_name", "made", "since")
    list_filter = ("state", "reason")
    search_fields = ("reported__account__name", "reporter__account__name")
    search_help_text = "Who is reported, or who reports"
    ordering = ("-pk",)
    list_select_related = ("reported__account", "reporter__account", "turn")
    detail = (
        "reported_name",
        "reported_key",
        "reason",
        "text",
        "quoted",
        "told",
        "reporter_name",
        "turn_name",
        "since",
        "made",
        "state",
        "closed",
        "answer",
    )

    @display(description="reported", ordering="reported__account__name")
    def reported_name(self, report: Report) -> str:
        """Whom."""
        return _name(report.reported)

    @display(description="key")
    def reported_key(self, report: Report) -> str:
        """The user key of the reported."""
        return key_html(report.reported.key)

    @display(description="by", ordering="reporter__account__name")
    def reporter_name(self, report: Report) -> str:
        """Who reports."""
        return _name(report.reporter)

    @display(description="stands before", ordering="turn__name")
    def turn_name(self, report: Report) -> str:
        """Whose turn it is, or was when it was closed."""
        return report.turn.name if report.turn else ""

    @display(description="made (UTC)", ordering="at")
    def made(self, report: Report) -> str:
        """When."""
        return moment(report.at)

    @display(description="there since (UTC)", ordering="turn_since")
    def since(self, report: Report) -> str:
        """Since when it stands before whose turn it is."""
        return moment(report.turn_since)

    @display(description="messages reported")
    def quoted(self, report: Report) -> int:
        """How many messages go along; what they say is shown in the table of messages, where it is open."""
        return len(bytes(report.messages)) // 32

    @display(description="what the reporter opened")
    def told(self, report: Report) -> SafeString:
        """What sealed messages say whose keys the reporter has handed over, as the reported has signed it."""
        lines = []
        for message in _told(report):
            files = f" ({count(len(message.files), 'file', 'files')})" if message.files else ""
            said = f"{message.text}{files}" if not message.wrong else f"Not shown: {message.wrong}."
            lines.append((f"{moment(message.at)}, signed by the reported" if message.at else "", said))
        return format_html_join("", '<p><small>{}</small><br><span dir="auto">{}</span></p>', lines)

    @display(description="closed (UTC)")
    def closed(self, report: Report) -> str:
        """When."""
        return moment(report.closed_at)

    def buttons(self, obj: Report) -> Iterable[Button]:
        for ident in dict.fromkeys(ident for message in _told(obj) for ident in message.files):
            yield Button("Delete their file", "delete-blob", b64encode(ident))
        if obj.state == Report.State.OPEN:
            yield Button("Dismiss", "dismiss-report", obj.pk, is_danger=False)
            yield Button("Warn them", "warn-reported", obj.pk)
            account = Account.objects.filter(user=obj.reported_id, kind=Account.Kind.REAL).first()
            if account:
                yield Button("Remove them", "remove-account", account.pk)
