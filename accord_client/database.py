"""Small databases beside a profile: SQLite files that only their owner can read, in which deleted rows are overwritten.

What is deleted is zeroed in the file. What a file system or a disk keeps of blocks that it has given up is out of
reach here.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from accord_client.errors import ProfileError

WAIT_SECONDS: Final = 20
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def open_database(path: Path, schema: str, *, is_durable: bool) -> sqlite3.Connection:
    """The database at `path`, made with `schema` (statements that may run again) where there is none.

    `is_durable`: what is written outlives a loss of power; it is slower. Each statement is a transaction of its own
    unless one is begun. ProfileError where others can read it, or it is damaged.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # SQLite's journal takes over the mode
        try:
            mode = os.fstat(descriptor).st_mode
        finally:
            os.close(descriptor)
        if os.name == "posix" and mode & _OTHERS:
            raise ProfileError(f"{path} is private and others can read it: run `chmod 600 {path}`")
        database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA secure_delete = ON")
            database.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'OFF'}")
            database.executescript(schema)
        except sqlite3.Error:
            database.close()
            raise
    except OSError as error:
        raise ProfileError(f"{path} cannot be used: {error.strerror}") from error
    except sqlite3.Error as error:
        raise ProfileError(f"{path} cannot be used: {error}") from error
    return database
