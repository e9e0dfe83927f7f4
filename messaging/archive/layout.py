"""Where things lie in an archive (docs/archive.md), and how its files are written and read.

An archive may come from anybody: names are made from checked values only, files are opened without following links, and
no more than a bounded piece is ever held in memory. Not here: what the files mean (writing.py, reading.py).
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.topics import Topic, parse_topic

MAX_LINE_BYTES: Final = 512 * 1024  # an envelope of the largest header and body, in base64url
MAX_FACTS_BYTES: Final = 64 * 1024
MAX_CURRENT_BYTES: Final = 64 * 1024 * 1024

ARCHIVE: Final = "archive.json"
CURRENT: Final = "current"
DATABASE: Final = "database"
DATA: Final = "data"
META: Final = "meta"
KEPT: Final = "kept"
PEERS: Final = "peers"
USERS: Final = "users"
INDEXES: Final = "indexes"
PART: Final = ".part"


class ArchiveError(Exception):
    """An archive, or a part of it, that is not what it says; the text is for people and names the file."""


def root_folder(folder: Path, root: bytes) -> Path:
    """The folder of the messages that have this root."""
    return folder / DATABASE / b64encode(root)


def topic_file(folder: Path, part: str, topic: Topic) -> Path:
    """The file of a topic in a part of the archive; a colon is no letter of file names everywhere."""
    return folder / part / topic.name.replace(":", ".")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one who writes there; ArchiveError when somebody does."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ArchiveError(f"{folder}: another export is writing there") from error
    finally:
        os.close(handle)


def folder_make(path: Path) -> None:
    """A folder for the operator alone; no error where it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is whole and on the disk."""
    part = path.with_name(path.name + PART)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_json(path: Path, value: object) -> None:
    """A small file of JSON."""
    with written(path) as file:
        file.write(json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n")


def _open(path: Path) -> IO[bytes]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ArchiveError(f"{path}: not a plain file")
    return os.fdopen(handle, "rb")


def parse_object(raw: bytes, where: str) -> dict[str, Any]:
    """An object of JSON; ArchiveError says where there is none."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{where}: not JSON") from error
    if type(value) is not dict:
        raise ArchiveError(f"{where}: an object of JSON expected")
    return value


def read_json(path: Path, *, most: int = MAX_FACTS_BYTES) -> dict[str, Any]:
    """A small file of JSON; ArchiveError."""
    with _open(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise ArchiveError(f"{path}: more than {most} bytes")
    return parse_object(raw, str(path))


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers; ArchiveError for one that is too long or cut off."""
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if not line.endswith(b"\n"):
                raise ArchiveError(f"{path}, line {number}: too long, or the file is cut off")
            yield number, line


def read_roots(path: Path) -> dict[Topic, bytes]:
    """The root of each topic, as `current` and `manage.py roots` list them; ArchiveError."""
    roots = {}
    for name, root in read_json(path, most=MAX_CURRENT_BYTES).items():
        try:
            roots[parse_topic(name)] = b64decode(root, 32)
        except RemoteError as error:
            raise ArchiveError(f"{path}: not a topic and its root: {name[:80]}") from error
    return roots
