"""The page about backups: whether they are made, when the last ones were, whether one was restored to try it.

Not here: making them (messaging/backup), the deeds (backup_deeds.py), where and when they are made (Settings),
restoring them (restores.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from console.shown import ago, count, moment, size
from messaging.backup import rules, runs
from messaging.backup.keys import BackupError
from messaging.models import BackupRun
from peers import audit
from peers.clock import now_ms

SiteContext = Callable[[HttpRequest], dict[str, Any]]

RUNS_SHOWN: Final = 30
OLD_MS: Final = 36 * 3600 * 1000  # a day, and time enough for what failed to be tried again
SLOW_MS: Final = 10_000
PIECE_BYTES: Final = 256 * 1024


def last_run(kind: str, *, good: bool = False) -> BackupRun | None:
    """The newest run of a kind; with `good`, the newest that went well."""
    rows = BackupRun.objects.filter(kind=kind, **({"error": ""} if good else {}))
    return rows.order_by("-pk").first()


def troubles(now: int) -> Iterator[tuple[str, bool]]:
    """What the operator should know about backups, in sentences, and whether it is urgent."""
    if not rules.is_possible():
        yield (
            "The store is in PostgreSQL: back it up with pg_dump, and the hub's home with it (docs/operator.md).",
            False,
        )
        return
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


def held() -> list[Path]:
    """This hub's backups in the folder that is set, the newest first."""
    try:
        return runs.backups_in(rules.folder())
    except BackupError:
        return []


def _row(run: BackupRun, files: list[str]) -> dict[str, str]:
    name = Path(run.path).name if run.path else ""
    is_here = run.kind == BackupRun.Kind.BACKUP and name in files
    return {
        "url": reverse("admin:backup-file", args=[name]) if is_here else "",
        "at": moment(run.started_at),
        "kind": BackupRun.Kind(run.kind).label,
        "result": run.error or ("every topic has its root" if run.kind == BackupRun.Kind.DRILL else "done"),
        "size": size(run.bytes) if run.bytes else "",
        "took": _took(run),
        "file": name,
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
    files = [path.name for path in held()]
    context = {
        **site_context(request),
        "title": "Backups",
        "concerns": [says for says, _ in troubles(now)],
        "is_possible": rules.is_possible(),
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
        "runs": [_row(run, files) for run in BackupRun.objects.order_by("-pk")[:RUNS_SHOWN]],
        "settings_url": f"{reverse('admin:settings')}#backup_key",
        "key_url": reverse("admin:deed", args=["backup-key"]),
        "backup_url": reverse("admin:deed", args=["backup"]),
        "drill_url": reverse("admin:deed", args=["drill"]),
    }
    return render(request, "console/backups.html", context)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    """A file as it goes out: read by threads, a piece at a time, as fast as it is taken."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


@require_safe
def backup_file(request: HttpRequest, name: str, *, site_context: SiteContext) -> StreamingHttpResponse:
    """One backup, to be kept elsewhere: it opens for whoever has the key or passphrase, and for nobody else."""
    path = next((path for path in held() if path.name == name), None)
    if path is None:
        raise Http404
    audit.note("download", path.name)
    headers = {"Content-Length": str(path.stat().st_size), "Content-Disposition": f'attachment; filename="{path.name}"'}
    return StreamingHttpResponse(_pieces(path), content_type="application/octet-stream", headers=headers)
