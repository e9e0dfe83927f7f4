"""The bytes of blobs: files below $ACCORD_HOME/blobs, one a blob under its id, and parts of what is being brought.

Not here: which there are (models.py). A file without a row is swept; a row without its file is as if it were not there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from accord.blobs import CHUNK_BYTES

FOLDER: Final = "blobs"
PARTS: Final = "parts"


def folder() -> Path:
    """Where blobs lie."""
    path: Path = settings.ACCORD_HOME / FOLDER
    return path


def path_of(ident: bytes) -> Path:
    """The file of a whole blob."""
    name = ident.hex()
    return folder() / name[:2] / name


def part_of(number: int | str) -> Path:
    """The file of one that is being brought, by the number of its upload; copies use a word."""
    return folder() / PARTS / str(number)


def _made(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def received(part: Path) -> int:
    """How many bytes have come."""
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def append(part: Path, data: bytes, *, at: int) -> int | None:
    """Write the bytes that follow the first `at`; gives how many there are then, None where there are not `at`."""
    handle = os.open(_made(part), os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_size != at:
            return None
        file.seek(at)
        try:
            file.write(data)
            file.flush()
        except OSError:
            file.truncate(at)  # a disk that is full: what is there stays whole
            raise
        return at + len(data)


def digests(path: Path) -> tuple[bytes, bytes]:
    """SHA-256 of a file, and those of its chunks, joined."""
    whole = hashlib.sha256()
    chunks = []
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            whole.update(piece)
            chunks.append(hashlib.sha256(piece).digest())
    return whole.digest(), b"".join(chunks)


def keep(part: Path, ident: bytes) -> None:
    """Put a part that is whole where it is found."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(_made(path_of(ident)))


def drop(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def read_range(ident: bytes, start: int, end: int, chunks: bytes) -> Iterator[bytes]:
    """The bytes from `start` up to `end`, chunk by chunk, each compared with its hash; OSError where one is not what
    it was.
    """
    with path_of(ident).open("rb") as file:
        for number in range(start // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
            base = number * CHUNK_BYTES
            file.seek(base)
            chunk = file.read(CHUNK_BYTES)
            if hashlib.sha256(chunk).digest() != chunks[32 * number : 32 * number + 32]:
                raise OSError(f"chunk {number} of blob {ident.hex()[:16]} is not what it was")
            yield chunk[max(0, start - base) : end - base]


def whole_names() -> Iterator[tuple[bytes, Path]]:
    """Every blob's file, with its id."""
    with contextlib.suppress(FileNotFoundError):
        for inner in folder().iterdir():
            if inner.name != PARTS and inner.is_dir():
                for path in inner.iterdir():
                    with contextlib.suppress(ValueError):
                        yield bytes.fromhex(path.name), path


def parts() -> Iterator[Path]:
    """Every file of what is being brought."""
    with contextlib.suppress(FileNotFoundError):
        yield from (folder() / PARTS).iterdir()
