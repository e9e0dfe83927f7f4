"""Making backups and trying them, one at a time, each written down: by hand, each night, from the console.

A drill restores the newest backup into the folder `drill` of the home, proves it there (restoring.py) and removes it
again. What opens the newest backup for that is the passphrase's file; or, where backups are sealed to a key that only
the operator has, its content key, which the hub keeps in `drill.secret` until the next backup. Not here: when
(schedule.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from messaging.backup import rules
from messaging.backup.container import read_header, recipient_of
from messaging.backup.keys import BackupError, ContentKey, Lock, Passphrase, Unlock, secret_file
from messaging.backup.restoring import Progress, Restored, home_build
from messaging.backup.writing import SUFFIX, Made, backup_write, prefix
from messaging.models import BackupRun
from peers import audit, registry
from peers.clock import now_ms
from peers.keyring import keyring, write_private

LOCK_FILE: Final = "backup.lock"
DRILL_FOLDER: Final = "drill"
SECRET_FILE: Final = "drill.secret"  # noqa: S105 - the name of a file
RUNS_KEPT: Final = 500
STAMP: Final = "%Y%m%dT%H%M%SZ"


class BackupBusyError(BackupError):
    """Another process makes or tries a backup of this hub."""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Be the only one who backs up; BackupBusyError. The kernel lets go of the lock with the process."""
    handle = os.open(settings.ACCORD_HOME / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupBusyError("a backup or a drill of this hub is under way already") from error
    finally:
        os.close(handle)


def is_under_way() -> bool:
    """Whether somebody backs up, or tries a backup, now."""
    try:
        with alone():
            return False
    except BackupBusyError:
        return True


def note(kind: str, started_at: int, *, path: Path | None = None, error: str = "", **numbers: int) -> None:
    """Write a run down."""
    shown = "" if path is None else str(path)
    BackupRun.objects.create(kind=kind, started_at=started_at, ended_at=now_ms(), path=shown, error=error, **numbers)
    old = BackupRun.objects.order_by("-pk").values_list("pk", flat=True)[RUNS_KEPT:]
    BackupRun.objects.filter(pk__in=list(old)).delete()
    audit.note(kind, path.name if path else "", error or "done")


@contextlib.contextmanager
def _noted(kind: str, path: Callable[[], Path | None]) -> Iterator[None]:
    """Write down what goes wrong within."""
    started = now_ms()
    try:
        yield
    except BackupBusyError:
        raise
    except BackupError as error:
        note(kind, started, path=path(), error=str(error))
        raise


def backup_run(*, target: Path, lock: Lock, progress: Progress) -> Made:
    """Make a backup and write it down; BackupError."""
    started = now_ms()
    with alone(), _noted(BackupRun.Kind.BACKUP, lambda: target):
        for burn in registry.burns:  # what has burned is in no backup that is made after it
            burn(started)
        made = backup_write(target=target, lock=lock, now=started, progress=progress)
        secret = {"file": str(made.path.absolute()), "key": b64encode(made.content_key.raw)}
        write_private(settings.ACCORD_HOME / SECRET_FILE, json.dumps(secret) + "\n")
        note(
            BackupRun.Kind.BACKUP,
            started,
            path=made.path,
            bytes=made.bytes,
            messages=made.messages,
            topics=made.topics,
        )
    return made


# Which are kept


def backups_in(folder: Path) -> list[Path]:
    """The backups of this hub in a folder, the newest first."""
    return sorted(folder.glob(f"{prefix(keyring().hub)}*{SUFFIX}"), key=lambda path: path.name, reverse=True)


def made_at(path: Path) -> datetime | None:
    """When a backup was begun, by its name; None where that does not say."""
    try:
        return datetime.strptime(path.name.removesuffix(SUFFIX).rpartition("-")[2], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def too_many(paths: Sequence[Path], *, daily: int, weekly: int) -> list[Path]:
    """Those of some backups, the newest first, that are not the newest of one of so many days or weeks."""
    days: set[str] = set()
    weeks: set[str] = set()
    gone = []
    for path in paths:
        at = made_at(path)
        if at is None:
            continue
        day, week = f"{at:%Y-%m-%d}", f"{at:%G-%V}"
        is_kept = False
        if day not in days and len(days) < daily:
            days.add(day)
            is_kept = True
        if week not in weeks and len(weeks) < weekly:
            weeks.add(week)
            is_kept = True
        if not is_kept:
            gone.append(path)
    return gone


def thin_out(folder: Path) -> int:
    """Remove what is too many; gives how many. BackupError."""
    gone = too_many(backups_in(folder), daily=rules.BACKUPS_DAILY.value, weekly=rules.BACKUPS_WEEKLY.value)
    try:
        for path in gone:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"cannot remove an old backup {error.filename}: {error.strerror}") from error
    return len(gone)


# Drills


def unlock_of(path: Path) -> Unlock:
    """What opens a backup here, without anybody's help; BackupError."""
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except OSError as error:
        raise BackupError(f"cannot read {path}: {error.strerror}") from error
    if recipient_of(header) is None and rules.BACKUP_PASSPHRASE_FILE.value:
        return Passphrase(secret_file(Path(rules.BACKUP_PASSPHRASE_FILE.value)))
    with contextlib.suppress(OSError, ValueError, KeyError, AccordError):
        kept = json.loads((settings.ACCORD_HOME / SECRET_FILE).read_text(encoding="utf-8"))
        if kept["file"] == str(path.absolute()):
            return ContentKey(b64decode(kept["key"], 32))
    raise BackupError(f"{path} cannot be opened here: the hub keeps the key of its newest backup only")


def drill_run(*, progress: Progress) -> Restored:
    """Restore the newest backup into a scratch place, prove it, remove it again, write it down; BackupError."""
    started = now_ms()
    path: list[Path] = []
    with alone(), _noted(BackupRun.Kind.DRILL, lambda: path[0] if path else None):
        path += backups_in(rules.folder())[:1]
        if not path:
            raise BackupError(f"there is no backup in {rules.folder()}")
        restored = _drill(path[0], progress)
        note(
            BackupRun.Kind.DRILL,
            started,
            path=path[0],
            bytes=path[0].stat().st_size,
            messages=restored.manifest["messages"],
            topics=len(restored.manifest["roots"]),
        )
    return restored


def _drill(path: Path, progress: Progress) -> Restored:
    scratch = settings.ACCORD_HOME / DRILL_FOLDER
    shutil.rmtree(scratch, ignore_errors=True)  # of a drill that was killed
    try:
        scratch.mkdir(mode=0o700)
        restored = home_build(path, unlock_of(path), scratch, progress=progress)
    except OSError as error:
        raise BackupError(f"cannot use {error.filename or scratch}: {error.strerror}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if restored.hub != keyring().hub.public:
        raise BackupError(f"{path} is the backup of another hub")
    return restored
