"""A copy of the database before an upgrade changes it, and a clear no to a database of a newer version.

The copy is a plain database beside the other one, in the same folder and for the same eyes; it goes after a week, since
what is deleted meanwhile is still in it (docs/upgrading.md).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.migrations.executor import MigrationExecutor

from messaging.backup.keys import BackupError
from messaging.backup.places import bodies_empty, burn_aside, homes_aside
from messaging.backup.writing import RESERVE_BYTES

COPY: Final = "before-upgrade.sqlite3"
KEPT_SECONDS: Final = 7 * 24 * 3600


def newer_migrations(executor: MigrationExecutor) -> list[str]:
    """What has been done to the database that this version knows nothing of."""
    known = executor.loader.disk_migrations
    apps = {app for app, _ in known}
    done = executor.loader.applied_migrations
    return sorted(f"{app}.{name}" for app, name in done if app in apps and (app, name) not in known)


def too_new(executor: MigrationExecutor) -> str:
    """A sentence for the operator where a newer version has made the database; empty where not."""
    found = newer_migrations(executor)
    if not found:
        return ""
    return (
        f"a newer version of Accord Hub has made this database ({found[-1]}): use that version again, or go back as "
        "docs/upgrading.md says"
    )


def copy_make(database: Path) -> Path:
    """Copy a database, as it is at one moment, beside it; in place of an older copy. BackupError."""
    path = settings.ACCORD_HOME / COPY
    part = path.with_name(f"{COPY}.part")
    part.unlink(missing_ok=True)
    size = sum(found.stat().st_size for found in database.parent.glob(f"{database.name}*"))
    if shutil.disk_usage(settings.ACCORD_HOME).free < size + RESERVE_BYTES:
        raise BackupError(
            f"there is no room for a copy of the database before the upgrade ({size:,} bytes): make room, or make a "
            "backup elsewhere and then run `manage.py migrate --no-copy`"
        )
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(database, isolation_level=None)) as source:
            source.execute("VACUUM INTO ?", [str(part)])
        part.replace(path)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise BackupError(f"cannot copy the database before the upgrade: {error}") from error
    return path


def copy_burn(*, now: int) -> int:
    """Empty, in the copy and in homes that lie aside, the bodies that have burned since they were made; gives their
    number. BackupError.

    The rest of such a message goes when a hub that has gone back to them starts.
    """
    emptied = 0
    path = settings.ACCORD_HOME / COPY
    try:
        for home in homes_aside():
            emptied += burn_aside(home, now=now)
        if path.exists():
            made_at = path.stat().st_mtime
            with closing(sqlite3.connect(path)) as copy, copy:
                copy.execute("PRAGMA secure_delete=ON")
                found = bodies_empty(copy, now=now)
            if found:
                os.utime(path, (made_at, made_at))  # it goes when it would have gone
            emptied += found
    except sqlite3.Error as error:
        raise BackupError(f"what has burned cannot be removed from a copy of the database: {error}") from error
    return emptied


def copy_forget() -> None:
    """Remove the copy once it is a week old."""
    path = settings.ACCORD_HOME / COPY
    if path.exists() and path.stat().st_mtime < time.time() - KEPT_SECONDS:
        path.unlink(missing_ok=True)
