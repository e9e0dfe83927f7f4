"""What needs the operator's attention: plain sentences, each with one thing to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from console import runs
from console.backups import troubles
from console.models import AuditCheck, Sample
from console.selectors import without_factor
from console.shown import count
from invites.selectors import tally
from peers.clock import now_ms
from plugins.selectors import dead_count, proposals_open

FEW_INVITES: Final = 5
LITTLE_DISK_BYTES: Final = 2 * 1024**3
LITTLE_DISK_SHARE: Final = 0.05
MANY_REFUSED: Final = 200
REFUSED_SHARE: Final = 0.2
MANY_LOGINS_REFUSED: Final = 50


@dataclass(frozen=True)
class Concern:
    """A sentence, and a button."""

    says: str
    button: str
    url: str
    is_urgent: bool = False


def concerns(hour: list[Sample], logins_refused: int) -> list[Concern]:
    """Everything that somebody should look at, the urgent first; `hour` are the samples of the last one."""
    found = [
        *_invites(),
        *_disk(),
        *_backups(),
        *_audit(),
        *_tasks(),
        *_jobs(),
        *_proposals(),
        *_refusals(hour, logins_refused),
        *_clear(),
        *_factor(),
    ]
    return sorted(found, key=lambda concern: not concern.is_urgent)


def _invites() -> Iterator[Concern]:
    held = tally()
    if held.unspent == 0:
        yield Concern(
            f"No invite is left: all {held.capacity:,} places are taken, so nobody can be invited.",
            "Raise the capacity",
            reverse("admin:deed", args=["capacity"]),
            is_urgent=True,
        )
    elif held.unspent <= FEW_INVITES:
        yield Concern(
            f"Only {held.unspent:,} invites are left in the whole hub.",
            "Raise the capacity",
            reverse("admin:deed", args=["capacity"]),
        )


def _disk() -> Iterator[Concern]:
    disk = shutil.disk_usage(settings.ACCORD_HOME)
    if disk.free < LITTLE_DISK_BYTES or disk.free < disk.total * LITTLE_DISK_SHARE:
        yield Concern(
            f"The disk is filling up: {disk.free / 1024**3:.1f} GiB of {disk.total / 1024**3:.0f} GiB are free. "
            "When it is full, the hub stores nothing more.",
            "See what takes room",
            reverse("admin:storage"),
            is_urgent=disk.free < LITTLE_DISK_BYTES / 4,
        )


def _audit() -> Iterator[Concern]:
    check = AuditCheck.objects.exclude(fault="").first()
    if check is not None:
        yield Concern(
            f"The audit log is not whole: {check.fault}. Somebody has changed the database, or it was damaged.",
            "See the log",
            reverse("admin:peers_auditentry_changelist"),
            is_urgent=True,
        )


def _backups() -> Iterator[Concern]:
    for says, is_urgent in troubles(now_ms()):
        yield Concern(says, "See the backups", reverse("admin:backups"), is_urgent=is_urgent)


def _tasks() -> Iterator[Concern]:
    for name, record in sorted(runs.records().items()):
        if record.last and record.last[-1].error:
            yield Concern(
                f"The task {name} failed when it last ran ({record.last[-1].error}); the log says more.",
                "See the tasks",
                reverse("admin:tasks"),
                is_urgent=True,
            )


def _jobs() -> Iterator[Concern]:
    if dead := dead_count():
        yield Concern(
            f"{count(dead, 'job of a plugin was', 'jobs of plugins were')} given up after the last try.",
            "See what went wrong",
            f"{reverse('admin:plugins_job_changelist')}?state=dead",
        )


def _proposals() -> Iterator[Concern]:
    if proposed := proposals_open():
        yield Concern(
            f"{count(proposed, 'hub was', 'hubs were')} proposed to be linked, in messages to the admin.",
            "See which",
            reverse("admin:plugins_proposal_changelist"),
        )


def _refusals(hour: list[Sample], logins_refused: int) -> Iterator[Concern]:
    refused = sum(sample.refused for sample in hour)
    stored = sum(sample.stored for sample in hour)
    if refused >= MANY_REFUSED and refused > REFUSED_SHARE * (refused + stored):
        yield Concern(
            f"{refused:,} messages were refused in the last hour, {stored:,} were stored.",
            "See why",
            f"{reverse('admin:numbers')}#refused",
        )
    if logins_refused >= MANY_LOGINS_REFUSED:
        yield Concern(
            f"{logins_refused:,} logins were refused since the start: certificates that have expired or were revoked, "
            "or keys without an account.",
            "See the numbers",
            f"{reverse('admin:numbers')}#logins",
        )


def _clear() -> Iterator[Concern]:
    url = urlsplit(settings.ACCORD_URL)
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield Concern(
            f"Members reach this hub in clear, at {settings.ACCORD_URL}: who listens in between can read its pages and "
            "change the programs in them.",
            "Put TLS in front",
            f"{reverse('admin:help')}#tls",
            is_urgent=True,
        )


def _factor() -> Iterator[Concern]:
    if names := without_factor():
        yield Concern(
            f"A link alone opens this console for {', '.join(names[:5])}: no second factor is set.",
            "Set one up",
            reverse("admin:factors"),
        )
