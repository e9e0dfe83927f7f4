"""When backups are made by themselves, and the process that makes them.

A backup takes as long as the store is large, and the hub's worker does one task at a time: so the task only starts a
process (`manage.py backup --scheduled`, `manage.py drill`), and looks after it. It is asked to end when the hub stops.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings

from messaging.backup import rules, runs, staging
from messaging.backup.keys import BackupError
from messaging.backup.upgrade import copy_forget
from messaging.models import BackupRun
from peers.clock import now_ms

RETRY_MS: Final = 3600 * 1000  # after a backup that failed
STOP_SECONDS: Final = 1.0
COMMANDS: Final = {BackupRun.Kind.BACKUP: ("backup", "--scheduled"), BackupRun.Kind.DRILL: ("drill",)}

_child: list[tuple[subprocess.Popen[bytes], BackupRun.Kind, int]] = []


def last_slot(now: int, hour: int) -> int:
    """When a backup was last due (ms)."""
    moment = datetime.fromtimestamp(now / 1000, tz=UTC)
    due = moment.replace(hour=hour, minute=0, second=0, microsecond=0)
    if due > moment:
        due -= timedelta(days=1)
    return int(due.timestamp() * 1000)


def is_due(now: int) -> bool:
    """Whether a backup is to be made by itself now."""
    if not rules.is_set_up():
        return False
    last = BackupRun.objects.filter(kind=BackupRun.Kind.BACKUP).order_by("-pk").first()
    if last is None:
        return True
    if last.error:
        return last.ended_at <= now - RETRY_MS
    return last.started_at < last_slot(now, rules.BACKUP_HOUR.value)


def start(kind: BackupRun.Kind) -> None:
    """Have a process make a backup, or try the newest one; BackupBusyError."""
    look_after()
    if _child or runs.is_under_way():
        raise runs.BackupBusyError("a backup or a drill is under way already")
    process = subprocess.Popen(  # noqa: S603 - this program's own command
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *COMMANDS[kind]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _child.append((process, kind, now_ms()))


def look_after() -> None:
    """Note that a process has ended without having written down why."""
    for entry in list(_child):
        process, kind, started_at = entry
        if process.poll() is None:
            continue
        _child.remove(entry)
        if process.returncode and not BackupRun.objects.filter(kind=kind, ended_at__gte=started_at).exists():
            runs.note(kind, started_at, error=f"it ended by itself (exit code {process.returncode}): see the log")


def keep() -> None:
    """What the task does: look after what runs, let an old copy go, and begin what is due."""
    look_after()
    copy_forget()
    staging.forget(now_ms())
    if is_due(now_ms()):
        with contextlib.suppress(BackupError):
            start(BackupRun.Kind.BACKUP)


def stop() -> None:
    """The hub stops: what runs is asked to end, and leaves nothing half."""
    staging.stop()
    for process, _, _ in _child:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    _child.clear()
