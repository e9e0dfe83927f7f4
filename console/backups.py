"""The page about backups: whether they are made, when the last ones were, whether one was restored to try it.

Not here: making them (messaging/backup), the two deeds (backup_deeds.py), where and when they are made (Settings).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from console.shown import ago, count, moment, size
from messaging.backup import rules, runs
from messaging.models import BackupRun
from peers.clock import now_ms

SiteContext = Callable[[HttpRequest], dict[str, Any]]

RUNS_SHOWN: Final = 30
OLD_MS: Final = 36 * 3600 * 1000  # a day, and time enough for what failed to be tried again
SLOW_MS: Final = 10_000


def last_run(kind: str, *, good: bool = False) -> BackupRun | None:
    """The newest run of a kind; with `good`, the newest that went well."""
    rows = BackupRun.objects.filter(kind=kind, **({"error": ""} if good else {}))
    return rows.order_by("-pk").first()


def troubles(now: int) -> Iterator[tuple[str, bool]]:
    """What the operator should know about backups, in sentences, and whether it is urgent."""
    if not rules.is_set_up():
        yield "No backups are made by themselves: no key and no passphrase's file is set.", False
        return
    good = last_run(BackupRun.Kind.BACKUP, good=True)
    for kind, what in ((BackupRun.Kind.BACKUP, "backup"), (BackupRun.Kind.DRILL, "restore drill")):
        last = last_run(kind)
        if last is not None and last.error:
            yield f"The last {what} went wrong: {last.error}.", True
    if good is not None and good.ended_at < now - OLD_MS:
        yield f"The newest backup is from {moment(good.started_at)} UTC, {ago(good.started_at, now)}.", True
    drilled = last_run(BackupRun.Kind.DRILL, good=True)
    if good is not None and drilled is not None and drilled.ended_at < now - 2 * OLD_MS:
        yield f"No backup has been restored to try it since {moment(drilled.started_at)} UTC.", True


def _took(run: BackupRun) -> str:
    took = run.ended_at - run.started_at
    return f"{took / 1000:,.0f} s" if took >= SLOW_MS else f"{took / 1000:,.1f} s"


def _row(run: BackupRun) -> dict[str, str]:
    return {
        "at": moment(run.started_at),
        "kind": BackupRun.Kind(run.kind).label,
        "result": run.error or ("every topic has its root" if run.kind == BackupRun.Kind.DRILL else "done"),
        "size": size(run.bytes) if run.bytes else "",
        "took": _took(run),
        "file": Path(run.path).name if run.path else "",
        "failed": "failed" if run.error else "",
    }


def _for_whom() -> str:
    if rules.BACKUP_KEY.value:
        return "whoever has the secret half of the key"
    return "whoever has the passphrase" if rules.BACKUP_PASSPHRASE_FILE.value else "nobody: not set up"


@require_safe
def backups(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """How it stands, the last runs, the two buttons."""
    now = now_ms()
    made = last_run(BackupRun.Kind.BACKUP, good=True)
    tried = last_run(BackupRun.Kind.DRILL, good=True)
    kept = f"{count(rules.BACKUPS_DAILY.value, 'day', 'days')}, {count(rules.BACKUPS_WEEKLY.value, 'week', 'weeks')}"
    context = {
        **site_context(request),
        "title": "Backups",
        "concerns": [says for says, _ in troubles(now)],
        "is_set_up": rules.is_set_up(),
        "is_under_way": runs.is_under_way(),
        "facts": [
            ("Newest backup", f"{ago(made.started_at, now)}, {size(made.bytes)}" if made else "none yet"),
            ("Last good drill", f"{ago(tried.started_at, now)}, {_took(tried)}" if tried else "none yet"),
            (
                "Made",
                f"each day after {rules.BACKUP_HOUR.value:02}:00 UTC" if rules.is_set_up() else "not by themselves",
            ),
            ("Opens for", _for_whom()),
            ("Folder", rules.BACKUP_FOLDER.value),
            ("Kept of", kept),
        ],
        "runs": [_row(run) for run in BackupRun.objects.order_by("-pk")[:RUNS_SHOWN]],
        "settings_url": f"{reverse('admin:settings')}#backup_key",
        "backup_url": reverse("admin:deed", args=["backup"]),
        "drill_url": reverse("admin:deed", args=["drill"]),
    }
    return render(request, "console/backups.html", context)
