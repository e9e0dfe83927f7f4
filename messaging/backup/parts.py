"""What a backup holds, piece by piece, compressed: each part is a head of JSON and bytes. Rows of tables as bytes.

A part is `u32 length || head || u32 length || data`. Rows are kept by columns, some hundred rows a part: of each column
the kind of every value, then the integers, the floats, the lengths of texts and blobs, and their bytes. Not here: which
parts there are (writing.py, restoring.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from messaging.backup.container import CUT_OR_CHANGED
from messaging.backup.keys import BackupError

COMPRESSION_LEVEL: Final = 1  # signatures and keys do not shrink; headers do, at any level
MAX_HEAD_BYTES: Final = 256 * 1024 * 1024  # the manifest has a line for each topic
MAX_DATA_BYTES: Final = 256 * 1024 * 1024  # a part with the largest messages has 100 MB
STEP_BYTES: Final = 1024 * 1024
_LENGTH: Final = struct.Struct(">I")

_NULL, _INTEGER, _FLOAT, _TEXT, _BLOB = range(5)
_KINDS: Final[dict[type, int]] = {type(None): _NULL, int: _INTEGER, float: _FLOAT, str: _TEXT, bytes: _BLOB}


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes) -> None: ...


class Part(NamedTuple):
    """A piece: `head["part"]` says which."""

    head: dict[str, Any]
    data: bytes


class PartWriter:
    """Writes parts into a sink; `finish` once, at the end."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._compressor = zlib.compressobj(COMPRESSION_LEVEL)

    def put(self, head: dict[str, Any], data: bytes = b"") -> None:
        """Add a part."""
        raw = orjson.dumps(head)
        for piece in (_LENGTH.pack(len(raw)), raw, _LENGTH.pack(len(data)), data):
            self._sink.write(self._compressor.compress(piece))

    def finish(self) -> None:
        """Write what is left."""
        self._sink.write(self._compressor.flush())


def read_parts(chunks: Iterable[bytes]) -> Iterator[Part]:
    """The parts in a stream of compressed chunks; BackupError."""
    source = _Source(_inflated(chunks))
    while not source.is_at_end():
        head = orjson.loads(source.sized(MAX_HEAD_BYTES))  # proved: the hub has written it
        yield Part(head, source.sized(MAX_DATA_BYTES))


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What chunks hold, in pieces of about STEP_BYTES at most, however much they swell."""
    inflater = zlib.decompressobj()
    try:
        for chunk in chunks:
            left = chunk
            while left:
                yield inflater.decompress(left, STEP_BYTES)
                left = inflater.unconsumed_tail
            if inflater.unused_data:
                raise BackupError(CUT_OR_CHANGED)
        yield inflater.flush()
    except zlib.error as error:
        raise BackupError(CUT_OR_CHANGED) from error
    if not inflater.eof:
        raise BackupError(CUT_OR_CHANGED)


class _Source:
    """Reads so many bytes of a stream, however it is cut."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._ready = bytearray()

    def sized(self, most: int) -> bytes:
        """A piece with its length in front."""
        (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
        if length > most:
            raise BackupError(CUT_OR_CHANGED)
        return self._take(length)

    def is_at_end(self) -> bool:
        """Whether nothing follows: then the file has been read to its end, and is whole."""
        return not self._has(1)

    def _has(self, count: int) -> bool:
        while len(self._ready) < count:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._ready += piece
        return True

    def _take(self, count: int) -> bytes:
        if not self._has(count):
            raise BackupError(CUT_OR_CHANGED)
        taken = bytes(self._ready[:count])
        del self._ready[:count]
        return taken


# Rows


def pack_rows(rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows of a table, all of the same number of columns, as bytes."""
    packed: list[bytes] = []
    for column in zip(*rows, strict=True):
        kinds = bytes([_KINDS[type(value)] for value in column])
        integers = [value for value in column if type(value) is int]
        floats = [value for value in column if type(value) is float]
        long = [_raw(value) for value in column if type(value) in (str, bytes)]
        packed += [kinds, struct.pack(f">{len(integers)}q", *integers), struct.pack(f">{len(floats)}d", *floats)]
        packed += [struct.pack(f">{len(long)}I", *map(len, long)), *long]
    return b"".join(packed)


def _raw(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def unpack_rows(data: bytes, *, rows: int, columns: int) -> Iterator[tuple[Any, ...]]:
    """Rows again; BackupError where the bytes are not those of so many rows and columns."""
    place = 0
    found: list[list[Any]] = []
    try:
        for _ in range(columns):
            values, place = _unpack_column(data, place, rows)
            found.append(values)
    except (struct.error, UnicodeDecodeError, StopIteration) as error:
        raise BackupError(CUT_OR_CHANGED) from error
    if place != len(data):
        raise BackupError(CUT_OR_CHANGED)
    return zip(*found, strict=True)


def _unpack_column(data: bytes, place: int, rows: int) -> tuple[list[Any], int]:
    kinds = data[place : place + rows]
    place += rows
    if len(kinds) != rows or not set(kinds) <= set(_KINDS.values()):
        raise BackupError(CUT_OR_CHANGED)
    number = {kind: kinds.count(kind) for kind in _KINDS.values()}
    texts_and_blobs = number[_TEXT] + number[_BLOB]
    integers = iter(struct.unpack_from(f">{number[_INTEGER]}q", data, place))
    place += 8 * number[_INTEGER]
    floats = iter(struct.unpack_from(f">{number[_FLOAT]}d", data, place))
    place += 8 * number[_FLOAT]
    lengths = iter(struct.unpack_from(f">{texts_and_blobs}I", data, place))
    place += 4 * texts_and_blobs
    values: list[Any] = []
    for kind in kinds:
        if kind in (_TEXT, _BLOB):
            length = next(lengths)
            raw = data[place : place + length]
            place += length
            values.append(raw.decode() if kind == _TEXT else raw)
        else:
            values.append(next(integers) if kind == _INTEGER else next(floats) if kind == _FLOAT else None)
    return values, place
