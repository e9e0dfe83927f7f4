"""Making a backup while the hub runs: one encrypted file that appears under its name when it is whole.

Nothing is written to the disk in clear, and nothing lies under the final name before the last byte is there. Not here:
where backups go by themselves and how many are kept (schedule.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.db import connection

from accord.encoding import b64encode
from accord.keys import SigningKey
from blobs.files import path_of
from blobs.models import Blob
from messaging.backup import rows as tables_of
from messaging.backup.container import Sealer
from messaging.backup.keys import BackupError, ContentKey, Lock
from messaging.backup.manifest import DATABASE, FORMAT, home_files, program_version, roots_json
from messaging.backup.parts import PartWriter, pack_rows
from messaging.models import Message, Store
from messaging.trees import as_of
from peers.keyring import keyring
from peers.options import HUB_NAME

RESERVE_BYTES: Final = 64 * 1024 * 1024  # left to the hub: its database is often on the same disk
LOOK_BYTES: Final = 8 * 1024 * 1024  # how often it is looked how much is left
SUFFIX: Final = ".backup"
PART: Final = ".part"

Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True)
class Made:
    """A backup that has been made."""

    path: Path
    bytes: int
    rows: int
    messages: int
    topics: int
    seconds: float
    content_key: ContentKey


def database_path() -> Path:
    """The hub's database; BackupError where it is no file."""
    if connection.vendor != "sqlite":
        raise BackupError("the store is in PostgreSQL: back it up with pg_dump, as docs/operator.md says")
    return Path(connection.settings_dict["NAME"])


def prefix(hub: SigningKey) -> str:
    """How the names of this hub's backups begin."""
    return f"accord-{hub.public.hex()[:8]}-"


def name_of(*, now: int) -> str:
    """The name of a backup that is begun now (ms)."""
    return f"{prefix(keyring().hub)}{datetime.fromtimestamp(now / 1000, tz=UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


class _Counting:
    """The file under the sealer: counts, and stops in time before the disk is full."""

    def __init__(self, file: IO[bytes], folder: Path) -> None:
        self.bytes = 0
        self._file = file
        self._folder = folder
        self._look_at = 0

    def write(self, data: bytes) -> None:
        """Write, while there is room."""
        if self.bytes >= self._look_at:
            if shutil.disk_usage(self._folder).free < RESERVE_BYTES + LOOK_BYTES:
                raise BackupError(f"the disk of {self._folder} is full: nothing of this backup has been kept")
            self._look_at = self.bytes + LOOK_BYTES
        self._file.write(data)
        self.bytes += len(data)


@contextlib.contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that appears under its name when it is whole and on the disk; or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts_remove(path.parent)
    part = path.with_name(f".{path.name}{PART}")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                raise BackupError(f"{path} is there already: nothing has been written over it")
            part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def parts_remove(folder: Path) -> None:
    """Remove what backups that were cut off have left behind; one that is being written is locked, and stays."""
    for path in folder.glob(f".accord-*{SUFFIX}{PART}"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def backup_write(*, target: Path, lock: Lock, now: int, progress: Progress) -> Made:
    """Make a backup: in `target` if that is a folder, under a name of its own, else as that file. BackupError."""
    begun = time.monotonic()
    path = target / name_of(now=now) if target.is_dir() else target
    if path.exists():
        raise BackupError(f"{path} is there already: nothing has been written over it")
    try:
        with _whole_file(path) as file:
            counting = _Counting(file, path.parent)
            sealer = Sealer(counting, lock)  # type: ignore[arg-type]  # writes, and nothing else
            writer = PartWriter(sealer)
            files = home_files(settings.ACCORD_HOME)
            with tables_of.one_moment(database_path()) as database:
                manifest = _Writing(database, writer, now=now, progress=progress).write(files)
            writer.finish()
            sealer.finish()
    except FileExistsError as error:
        raise BackupError(f"another backup is being written to {path}") from error
    except OSError as error:
        where = error.filename or path
        raise BackupError(f"cannot write {where}: {error.strerror}; nothing of this backup has been kept") from error
    return Made(
        path=path,
        bytes=counting.bytes,
        rows=sum(number for number, _ in manifest["tables"].values()),
        messages=manifest["messages"],
        topics=len(manifest["roots"]),
        seconds=time.monotonic() - begun,
        content_key=sealer.content_key,
    )


class _Writing:
    """One run: all parts, from one moment of the database."""

    def __init__(self, database: sqlite3.Connection, writer: PartWriter, *, now: int, progress: Progress) -> None:
        self._database = database
        self._writer = writer
        self._now = now
        self._progress = progress
        self._entries = tables_of.schema(database)
        self._tables = tables_of.tables(self._entries, database)
        self._total = sum(tables_of.count(database, table) for table in self._tables)
        self._done = 0

    def write(self, files: dict[str, bytes]) -> dict[str, Any]:
        """Write everything; gives the manifest."""
        self._writer.put(self._begin())
        for name, data in files.items():
            self._writer.put({"part": "file", "name": name}, data)
        blobs = self._blobs()
        self._writer.put({"part": "schema", "entries": [list(entry) for entry in self._entries]})
        digests = {table: self._table(table) for table in self._tables}
        at = as_of(self._now)
        roots = tables_of.roots(self._database, at)
        store, cursor = self._one(f"SELECT store, cursor FROM {Store._meta.db_table}")  # noqa: S608
        manifest: dict[str, Any] = {
            "part": "manifest",
            "as_of": at,
            "store": b64encode(store),
            "cursor": cursor,
            "messages": self._one(f"SELECT count(*) FROM {Message._meta.db_table}")[0],  # noqa: S608
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
            "tables": digests,
            "roots": roots_json(roots),
            "blobs": blobs,
        }
        self._writer.put(manifest)
        return manifest

    def _blobs(self) -> int:
        """Write the files of blobs; gives their number. One that has just gone is not wanted any more."""
        number = 0
        query = f"SELECT ident FROM {Blob._meta.db_table} WHERE gone_at IS NULL ORDER BY id"  # noqa: S608
        for (ident,) in self._database.execute(query).fetchall():
            with contextlib.suppress(FileNotFoundError):
                self._writer.put({"part": "blob", "name": ident.hex()}, path_of(ident).read_bytes())
                number += 1
        return number

    def _begin(self) -> dict[str, Any]:
        rows = self._database.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
        return {
            "part": "begin",
            "format": FORMAT,
            "program": program_version(),
            "made_at": self._now,
            "hub": b64encode(keyring().hub.public),
            "name": HUB_NAME.value,
            "database": DATABASE,
            "rows": self._total,
            "migrations": rows,
        }

    def _table(self, table: str) -> tuple[int, str]:
        """Write the rows of a table; gives their number and digest."""
        digest = hashlib.sha256()
        number = 0
        names = tables_of.columns(self._database, table)
        for some in tables_of.rows(self._database, table, names):
            packed = pack_rows(some)
            digest.update(packed)
            number += len(some)
            self._writer.put({"part": "rows", "table": table, "columns": names, "rows": len(some)}, packed)
            self._done += len(some)
            self._progress(self._done, self._total)
        return number, digest.hexdigest()

    def _one(self, query: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._database.execute(query).fetchone()
        return row
