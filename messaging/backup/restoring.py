"""Reading a backup: into an empty home, or only to check it.

Everything is built in a folder of its own and proved there: the container to its last byte, digests, the database as
such, and every topic's root, computed anew from the messages. Only then are the files put in their place. A restored
hub has a new `store`: arrival numbers may have gone back (protocol.md section 3). Not here: who may open the file
(keys.py).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.statements import STORE_ID_BYTES
from blobs.files import FOLDER
from messaging.backup import rows as tables_of
from messaging.backup.container import CUT_OR_CHANGED, content_key, opened, read_header
from messaging.backup.keys import BackupError, Unlock
from messaging.backup.manifest import DATABASE, FILE_NAME, HUB_KEY, MAX_FILE_BYTES, check_known, roots_json
from messaging.backup.parts import Part, read_parts, unpack_rows
from messaging.models import Store
from peers.keyring import RESTORING, write_private

MINE: Final = frozenset({"lost+found"})  # what a fresh disk has

Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass
class Restored:
    """What a backup held; `begin` and `manifest` are its first and last part."""

    begin: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def hub(self) -> bytes:
        """The hub's public key."""
        return b64decode(self.begin["hub"], 32)


def backup_check(source: Path, unlock: Unlock, *, progress: Progress) -> Restored:
    """Read a whole backup and prove it, leaving nothing behind; BackupError.

    The rows go into a private temporary database of SQLite, in memory and beyond that in an unnamed file.
    """
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        return _load(source, unlock, database, progress=progress)


def backup_restore(source: Path, unlock: Unlock, home: Path, *, progress: Progress) -> Restored:
    """Restore a backup into a home that is empty or not there yet; BackupError, and then nothing has been put there."""
    with _scratch(home) as scratch:
        restored = home_build(source, unlock, scratch, progress=progress)
        _put_in_place(scratch, home)
    return restored


def home_build(source: Path, unlock: Unlock, folder: Path, *, progress: Progress) -> Restored:
    """Make all files of a home in an empty folder, proved; BackupError."""
    path = folder / DATABASE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            restored = _load(source, unlock, database, progress=progress, blobs=folder / FOLDER)
            store = secrets.token_bytes(STORE_ID_BYTES)
            database.execute(f"UPDATE {Store._meta.db_table} SET store = ?", [store])  # noqa: S608
        for name, data in restored.files.items():
            write_private(folder / name, data.decode())
        for made in folder.iterdir():
            _sync(made)
        _sync(folder)
    except OSError as error:
        raise BackupError(f"cannot write {error.filename or folder}: {error.strerror}; nothing is restored") from error
    return restored


# Reading


def _load(
    source: Path, unlock: Unlock, database: sqlite3.Connection, *, progress: Progress, blobs: Path | None = None
) -> Restored:
    """Read a backup into an empty database, and blobs into a folder, and prove them; BackupError."""
    try:
        with source.open("rb") as file:
            header = read_header(file)
            parts = read_parts(opened(file, header, content_key(header, unlock)))
            restored = _Loading(database, progress, blobs).read(parts)
        _prove(restored, database)
    except OSError as error:
        raise BackupError(f"cannot read {error.filename or source}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be made: {error}; nothing is restored") from error
    return restored


class _Loading:
    """One run: parts as they come."""

    def __init__(self, database: sqlite3.Connection, progress: Progress, blobs: Path | None) -> None:
        self._database = database
        self._blobs = blobs
        self._blobs_found = 0
        self._progress = progress
        self._restored = Restored()
        self._entries: list[tables_of.Entry] = []
        self._digests: dict[str, Any] = {}
        self._numbers: dict[str, int] = {}
        self._done = 0
        self._takes = {"file": self._file, "blob": self._blob, "schema": self._schema, "rows": self._rows}

    def read(self, parts: Iterator[Part]) -> Restored:
        """Take all parts; the last one is the manifest."""
        first = next(parts, None)
        if first is None:
            raise BackupError(CUT_OR_CHANGED)
        check_known(first.head)
        self._restored.begin = first.head
        for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("BEGIN")
        for part in parts:
            if part.head["part"] == "manifest":
                self._restored.manifest = part.head
                if next(parts, None) is not None:
                    raise BackupError(CUT_OR_CHANGED)
                self._end(part.head)
                return self._restored
            self._takes[part.head["part"]](part)
        raise BackupError(CUT_OR_CHANGED)

    def _file(self, part: Part) -> None:
        name = part.head["name"]
        if not FILE_NAME.fullmatch(name) or len(part.data) > MAX_FILE_BYTES:
            raise BackupError(f"the backup holds a file that belongs in no hub's home: {name[:40]}")
        self._restored.files[name] = part.data

    def _blob(self, part: Part) -> None:
        ident = hashlib.sha256(part.data).digest()
        if part.head["name"] != ident.hex():
            raise BackupError(f"a blob in the backup is not what it was: {part.head['name'][:16]}")
        self._blobs_found += 1
        self._progress(self._done, self._restored.begin["rows"])
        if self._blobs is not None:
            path = self._blobs / ident.hex()[:2] / ident.hex()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(part.data)
                file.flush()
                os.fsync(file.fileno())

    def _schema(self, part: Part) -> None:
        self._entries = [tables_of.Entry(*entry) for entry in part.head["entries"]]
        tables_of.create_tables(self._database, self._entries)
        for table in tables_of.tables(self._entries, self._database):
            self._digests[table] = hashlib.sha256()
            self._numbers[table] = 0

    def _rows(self, part: Part) -> None:
        head = part.head
        names = head["columns"]
        tables_of.insert(
            self._database, head["table"], names, unpack_rows(part.data, rows=head["rows"], columns=len(names))
        )
        self._digests[head["table"]].update(part.data)
        self._numbers[head["table"]] += head["rows"]
        self._done += head["rows"]
        self._progress(self._done, self._restored.begin["rows"])

    def _end(self, manifest: dict[str, Any]) -> None:
        tables_of.create_rest(self._database, self._entries)
        self._database.execute("COMMIT")
        found = {table: [number, self._digests[table].hexdigest()] for table, number in self._numbers.items()}
        files = {name: hashlib.sha256(data).hexdigest() for name, data in self._restored.files.items()}
        if found != manifest["tables"] or files != manifest["files"] or self._blobs_found != manifest.get("blobs", 0):
            raise BackupError("what the backup holds is not what its manifest says")


def _prove(restored: Restored, database: sqlite3.Connection) -> None:
    """BackupError unless the keys, the database and the roots are what they have to be."""
    for fault in tables_of.faults(database):
        raise BackupError(f"the restored database is not sound: {fault}")
    manifest = restored.manifest
    found = orjson.loads(orjson.dumps(roots_json(tables_of.roots(database, manifest["as_of"]))))
    wrong = [name for name in manifest["roots"].keys() | found.keys() if manifest["roots"].get(name) != found.get(name)]
    if wrong:
        raise BackupError(f"the messages of {len(wrong)} topics have another root than the hub's had: {min(wrong)}")
    try:
        public = SigningKey(b64decode(restored.files[HUB_KEY].decode().strip(), 32)).public
    except (KeyError, UnicodeDecodeError, AccordError) as error:
        raise BackupError("the backup holds no key of a hub") from error
    if b64encode(public) != restored.begin["hub"]:
        raise BackupError("the backup holds the key of another hub than it says")


# Places


@contextlib.contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """A folder inside an empty home, in which it is built; gone at the end. While it is there, no hub starts."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        with _only_one(home):
            scratch = home / RESTORING
            if scratch.exists():  # a restore that was cut off: all that is here came from it
                _clear(home)
            held = sorted(path.name for path in home.iterdir() if path.name not in MINE)
            if held:
                raise BackupError(
                    f"{home} is not empty ({', '.join(held[:3])}): a backup is restored into a new home only. "
                    "Stop the hub and move that folder away first."
                )
            scratch.mkdir(mode=0o700)
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise BackupError(f"cannot use {error.filename or home}: {error.strerror}") from error


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Be the only one who restores there, where no hub runs; BackupError."""
    with contextlib.ExitStack() as stack:
        for path in (home, home / "hub.lock"):
            if path.exists():
                handle = os.open(path, os.O_RDONLY)
                stack.callback(os.close, handle)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno != errno.EWOULDBLOCK:
                        raise
                    raise BackupError(f"{home} is in use: a hub runs there, or another restore") from error
        yield


def _clear(home: Path) -> None:
    for path in home.iterdir():
        if path.name == DATABASE or FILE_NAME.fullmatch(path.name):
            path.unlink()
    for name in (FOLDER, RESTORING):
        if (home / name).exists():
            shutil.rmtree(home / name)


def _put_in_place(scratch: Path, home: Path) -> None:
    """Move everything. A kill in between leaves `scratch`: with it no hub starts, and the next restore begins anew."""
    for path in sorted(scratch.iterdir()):
        path.rename(home / path.name)
    _sync(home)
    scratch.rmdir()
    _sync(home)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
