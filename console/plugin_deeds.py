"""Deeds about plugins: what becomes of jobs that fail, and of hubs that were proposed."""

from __future__ import annotations

from django.urls import reverse

from console.deeds import Deed, Field, named, nothing, number_of
from console.shown import moment, short_key, text_of
from links.joining import link_claim
from peers import audit
from peers.clock import now_ms
from plugins.models import Job, Proposal
from plugins.selectors import proposed_link
from plugins.services import job_again, job_drop, proposal_close
from plugins.tasks import wake


def _job(target: str) -> Job:
    job = Job.objects.filter(pk=number_of(target)).exclude(state=Job.State.DONE).first()
    if job is None:
        raise nothing("that job")
    return job


def _target(job: Job) -> str:
    return f"{job.handler} on message number {job.message_id}"


@named("run-job")
def run_job(target: str) -> Deed:
    """Try what was given up again."""
    job = _job(target)

    def run(values: dict[str, str]) -> str:
        job_again(pk=job.pk, now=now_ms())
        audit.note("run_job", _target(job))
        wake()
        return "The job runs again."

    return Deed(
        "Run this job again",
        (
            f"The handler {job.handler} gets message number {job.message_id} again, with all its tries before it.",
            "It has said nothing so far: what a failed run wanted to say was never said.",
        ),
        "Run it again",
        run,
        reverse("admin:plugins_job_changelist"),
    )


@named("drop-job")
def drop_job(target: str) -> Deed:
    """Forget a job."""
    job = _job(target)

    def run(values: dict[str, str]) -> str:
        job_drop(pk=job.pk)
        audit.note("drop_job", _target(job))
        return "The job has been dropped."

    return Deed(
        "Drop this job",
        (
            f"The handler {job.handler} will not handle message number {job.message_id}.",
            f"It was due at {moment(job.due_at)} UTC, and failed {job.tries} times.",
            "The message stays as it is.",
        ),
        "Drop it",
        run,
        reverse("admin:plugins_job_changelist"),
        is_danger=True,
    )


def _proposal(target: str) -> Proposal:
    proposal = Proposal.objects.filter(pk=number_of(target), is_open=True, message__body__isnull=False).first()
    if proposal is None:
        raise nothing("that proposal")
    return proposal


@named("dismiss-proposal")
def dismiss_proposal(target: str) -> Deed:
    """Do not link a hub that was proposed."""
    proposal = _proposal(target)

    def run(values: dict[str, str]) -> str:
        proposal_close(pk=proposal.pk)
        audit.note("dismiss_proposal", f"hub {text_of(proposal.hub)}", proposal.origin)
        return "The proposal has been dismissed."

    return Deed(
        "Dismiss this proposal",
        (
            f"The hub {short_key(proposal.hub)} at {proposal.origin} is not linked.",
            "Whoever proposed it is not told, and may propose it again.",
        ),
        "Dismiss it",
        run,
        reverse("admin:plugins_proposal_changelist"),
        is_danger=True,
    )


@named("link-proposed")
def link_proposed(target: str) -> Deed:
    """Link a hub that was proposed."""
    proposal = _proposal(target)
    link = proposed_link(proposal)
    if link is None:
        raise nothing("that invite link")

    def run(values: dict[str, str]) -> str:
        made = link_claim(link, everything=values["everything"] == "all")
        proposal_close(pk=proposal.pk)
        audit.note("link_hub", f"hub {text_of(proposal.hub)}", proposal.origin)
        return f"The hub {made.name} is linked. How it stands is shown under Links."

    return Deed(
        "Link this hub",
        (
            f"The invite to the hub {short_key(proposal.hub)} at {proposal.origin} is claimed for this hub's admin.",
            "Both hubs then carry messages to each other: channels, feeds, and what is written to people of both.",
            "The other operator, and whoever sent the invite, sees that it was claimed.",
            "Anyone who can write to the admin can propose a hub: be sure that you want this one.",
        ),
        "Link it",
        run,
        reverse("admin:plugins_proposal_changelist"),
        (
            Field(
                "everything",
                "What the link carries",
                choices=(
                    ("used", "channels that people of both hubs use"),
                    ("all", "all that is readable there"),
                ),
                value="used",
            ),
        ),
    )
