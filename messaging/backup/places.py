"""Where a restore beside the running hub keeps things, below the hub's home; copies of the database, and burning there.

staged/upload       a backup that the operator is bringing, as far as it has come
staged/state.json   how far it is read (staging.py)
staged/home/        the home that it would be, proved
staged/wanted.json  the operator wants it in place (switching.py)
before-restore/     what was in place before, to go back to it; goes after a week
restored.json       what was put in place, until the hub has written it into its audit log
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
from django.conf import settings

from blobs.files import FOLDER as BLOBS
from messaging.backup.manifest import DATABASE
from peers.keyring import write_private

KEPT_SECONDS: Final = 7 * 24 * 3600
STAGED_SECONDS: Final = 24 * 3600


def staged() -> Path:
    """The folder of what is being restored."""
    path: Path = settings.ACCORD_HOME / "staged"
    return path


def staged_home() -> Path:
    """The home that it would be."""
    return staged() / "home"


def upload_file() -> Path:
    """A backup that the operator is bringing."""
    return staged() / "upload"


def state_file() -> Path:
    """How far it is."""
    return staged() / "state.json"


def wanted_file() -> Path:
    """What the operator has confirmed."""
    return staged() / "wanted.json"


def kept_home() -> Path:
    """What was in place before."""
    path: Path = settings.ACCORD_HOME / "before-restore"
    return path


def restored_file() -> Path:
    """What has been put in place."""
    path: Path = settings.ACCORD_HOME / "restored.json"
    return path


def read_json(path: Path) -> dict[str, Any]:
    """What a file of ours says; nothing where it is not there."""
    with contextlib.suppress(FileNotFoundError, orjson.JSONDecodeError):
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        return found
    return {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write it whole, for this user's eyes."""
    write_private(path, orjson.dumps(value).decode() + "\n")


def remove(path: Path) -> None:
    """Remove a folder whose name others go by: first it loses the name, so that nobody meets half of it."""
    doomed = path.with_name(f"{path.name}.gone")
    shutil.rmtree(doomed, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def sync(path: Path) -> None:
    """See that a file, or what a folder lists, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def homes_aside() -> Iterator[Path]:
    """Homes that lie there whole and are not used."""
    if (kept_home() / DATABASE).exists():
        yield kept_home()
    if read_json(state_file()).get("state") == "ready" and (staged_home() / DATABASE).exists():
        yield staged_home()


def burn_aside(home: Path, *, now: int) -> int:
    """Remove from a home that lies aside what has burned: bodies, files, shards; gives the number of bodies.

    The rest of such a message goes when a hub starts with it. sqlite3.Error.
    """
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        database.execute("PRAGMA secure_delete=ON")
        emptied = bodies_empty(database, now=now)
        gone = database.execute("SELECT ident FROM blobs_blob WHERE burn_at <= ? AND gone_at IS NULL", [now])
        for (ident,) in gone.fetchall():
            (home / BLOBS / ident.hex()[:2] / ident.hex()).unlink(missing_ok=True)
        (freed,) = database.execute("SELECT sum(size) FROM vault_shard WHERE burn_at <= ?", [now]).fetchone()
        if freed:
            database.execute("DELETE FROM vault_shard WHERE burn_at <= ?", [now])
            database.execute("UPDATE vault_shardroom SET bytes = bytes - ?", [freed])
    return emptied


def bodies_empty(database: sqlite3.Connection, *, now: int) -> int:
    """Empty the bodies of burned messages in a database that may be of an older version: nothing is touched but columns
    as old as their table.
    """
    freed = database.execute(
        "SELECT topic_id, sum(length(body) + coalesce(length(salt), 0)) FROM messaging_message "
        "WHERE burn_at <= ? AND body IS NOT NULL GROUP BY topic_id",
        [now],
    ).fetchall()
    if not freed:
        return 0
    database.executemany("UPDATE messaging_topic SET bytes = bytes - ?2 WHERE id = ?1", freed)
    return database.execute(
        "UPDATE messaging_message SET body = NULL, salt = NULL WHERE burn_at <= ? AND body IS NOT NULL", [now]
    ).rowcount
