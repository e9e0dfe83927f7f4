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
    """Empty, in the copy, the bodies that have burned since it was made; gives their number. BackupError.

    The rest of such a message goes when a hub that has gone back to the copy starts. The copy is of an older version,
    so nothing but these columns is touched, which are as old as the table.
    """
    path = settings.ACCORD_HOME / COPY
    if not path.exists():
        return 0
    made_at = path.stat().st_mtime
    try:
        with closing(sqlite3.connect(path)) as copy, copy:
            copy.execute("PRAGMA secure_delete=ON")
            freed = copy.execute(
                "SELECT topic_id, sum(length(body) + coalesce(length(salt), 0)) FROM messaging_message "
                "WHERE burn_at <= ? AND body IS NOT NULL GROUP BY topic_id",
                [now],
            ).fetchall()
            if not freed:
                return 0
            copy.executemany("UPDATE messaging_topic SET bytes = bytes - ?2 WHERE id = ?1", freed)
            emptied = copy.execute(
                "UPDATE messaging_message SET body = NULL, salt = NULL WHERE burn_at <= ? AND body IS NOT NULL", [now]
            ).rowcount
    except sqlite3.Error as error:
        raise BackupError(f"what has burned cannot be removed from {path}: {error}") from error
    os.utime(path, (made_at, made_at))  # it goes when it would have gone
    return emptied


def copy_forget() -> None:
    """Remove the copy once it is a week old."""
    path = settings.ACCORD_HOME / COPY
    if path.exists() and path.stat().st_mtime < time.time() - KEPT_SECONDS:
        path.unlink(missing_ok=True)
