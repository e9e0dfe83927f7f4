"""Deeds about plugins: what becomes of jobs that fail."""

from __future__ import annotations

from django.urls import reverse

from console import audit
from console.deeds import Deed, named, nothing, number_of
from console.shown import moment
from peers.clock import now_ms
from plugins.models import Job
from plugins.services import job_again, job_drop
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
