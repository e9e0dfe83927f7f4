"""The frames of a sync session: what comes is read strictly, what goes is built here (protocol.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from accord import fields
from accord.encoding import b64decode, b64encode, is_rising
from accord.errors import RemoteError
from accord.fields import optional
from accord.merkle import DIGEST_BUCKETS, DIGEST_BYTES, FANOUT, HORIZON_MS, ROOT_LEVEL, split
from accord.sync.limits import (
    DEEPEST_LEVEL,
    MAX_ENTRIES,
    MAX_ENTRY_IDS,
    MAX_LISTED_IDS,
    MAX_LISTED_TOPICS,
    MAX_UPDATE_MESSAGES,
    PREFIX_BYTES,
)
from accord.topics import parse_topic

FRAMES: Final = frozenset({"current", "differ", "latest", "since", "nodes", "update", "took", "done"})

_MAX_SEQ = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """A topic in `current`: its root as seen from `horizon` (ms); `base` is the last root that both sides had."""

    topic: str
    root: bytes
    horizon: int
    base: bytes | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a peer holds at a node: `ids` (first 16 bytes each, rising), or the children of `mask` with 16 bytes of each
    one's hash. Nothing is held where there are neither.
    """

    level: int
    bucket: int
    mask: int = 0
    hashes: tuple[bytes, ...] = ()
    ids: tuple[bytes, ...] | None = None

    @property
    def span(self) -> tuple[int, int]:
        """Where the node begins and ends, in buckets of the deepest level."""
        width: int = FANOUT ** (self.level - DEEPEST_LEVEL)
        return self.bucket * width, (self.bucket + 1) * width

    def hash_at(self, index: int) -> bytes | None:
        """The hash of a child; None where the mask has none."""
        if not self.mask >> index & 1:
            return None
        return self.hashes[(self.mask & (1 << index) - 1).bit_count()]

    def json(self) -> dict[str, Any]:
        """The entry as it goes into a frame."""
        if self.mask:
            payload = {"mask": self.mask, "hashes": b64encode(b"".join(self.hashes))}
        else:
            payload = {"ids": b64encode(b"".join(self.ids or ()))}
        return {"level": self.level, "bucket": self.bucket, **payload}


# ------------------------------------------------------------------------------------------------------------- reading


def _list(check_item: Callable[[Any], Any], most: int) -> fields.Check:
    """A list of 0..most: frames may hold empty ones."""

    def check(value: Any) -> list[Any]:
        if type(value) is not list or len(value) > most:
            raise RemoteError("bad_request", f"list of 0..{most} expected")
        return [check_item(item) for item in value]

    return check


def _topic(value: Any) -> str:
    if type(value) is not str:
        raise RemoteError("bad_request", "topic expected")
    parse_topic(value)
    return value


def _horizon(value: Any) -> int:
    horizon: int = fields.time_ms(value)
    if horizon % HORIZON_MS:
        raise RemoteError("bad_request", f"horizon: multiple of {HORIZON_MS} expected")
    return horizon


def _rising_names(names: list[str]) -> list[str]:
    if not is_rising([name.encode("ascii") for name in names]):
        raise RemoteError("bad_request", "topics: not in rising order")
    return names


def _prefixes(value: Any) -> list[bytes]:
    return split(b64decode(value), PREFIX_BYTES)


def _hashes(value: Any) -> list[bytes]:
    return split(b64decode(value), PREFIX_BYTES, rising=False)


_Table = dict[str, fields.Field | fields.Check]

_ENTRY: Final[_Table] = {
    "level": fields.integer(DEEPEST_LEVEL, ROOT_LEVEL),
    "bucket": fields.integer(0, FANOUT ** (ROOT_LEVEL - DEEPEST_LEVEL) - 1),
    "mask": optional(fields.integer(0, 2**FANOUT - 1)),
    "hashes": optional(_hashes),
    "ids": optional(_prefixes),
}


def _entry(value: Any) -> Entry:
    read = fields.read(value, _ENTRY, "entry")
    level, bucket, ids, mask = read["level"], read["bucket"], read.get("ids"), read.get("mask", 0)
    if bucket >= FANOUT ** (ROOT_LEVEL - level):
        raise RemoteError("bad_request", "entry: no such bucket")
    if (ids is None) == ("mask" not in read) or (ids is not None and "hashes" in read):
        raise RemoteError("bad_request", "entry: either mask and hashes or ids expected")
    if ids is None:
        hashes = read.get("hashes", [])
        if len(hashes) != mask.bit_count() or (mask and level == DEEPEST_LEVEL):
            raise RemoteError("bad_request", "entry: mask and hashes do not fit")
        return Entry(level, bucket, mask, tuple(hashes))
    if len(ids) > (MAX_ENTRY_IDS if level > DEEPEST_LEVEL else MAX_LISTED_IDS):
        raise RemoteError("bad_request", "entry: too many ids")
    if level < 0 and any(id_bucket(ident, -level) != bucket % FANOUT**-level for ident in ids):
        raise RemoteError("bad_request", "entry: an id outside of its bucket")
    return Entry(level, bucket, ids=tuple(ids))


def _entries(value: Any) -> list[Entry]:
    entries: list[Entry] = _list(_entry, MAX_ENTRIES)(value)
    end = 0
    for entry in entries:
        start = entry.span[0]
        if start < end:
            raise RemoteError("bad_request", "entries: not in rising order")
        end = entry.span[1]
    return entries


def _row(value: Any) -> Row:
    table: _Table = {"topic": _topic, "root": fields.key, "horizon": _horizon, "base": optional(fields.key)}
    return Row(**fields.read(value, table, "topics"))


def _rows(value: Any) -> list[Row]:
    rows: list[Row] = _list(_row, MAX_LISTED_TOPICS)(value)
    _rising_names([row.topic for row in rows])
    return rows


def _names(value: Any) -> list[str]:
    return _rising_names(_list(_topic, MAX_LISTED_TOPICS)(value))


def _buckets(value: Any) -> list[int]:
    return sorted(set(_list(fields.integer(0, DIGEST_BUCKETS - 1), DIGEST_BUCKETS)(value)))


def _refusals(value: Any) -> list[tuple[bytes, str]]:
    table = {"id": fields.message_id, "code": fields.pattern("[a-z_]{1,32}")}
    refused = _list(lambda item: fields.read(item, table, "refused"), MAX_UPDATE_MESSAGES)(value)
    return [(item["id"], item["code"]) for item in refused]


def _messages(value: Any) -> list[Any]:
    if type(value) is not list or len(value) > MAX_UPDATE_MESSAGES:
        raise RemoteError("bad_request", f"messages: list of 0..{MAX_UPDATE_MESSAGES} expected")
    return value


_REF = fields.integer(0, 2**53 - 1)
_SEQ = fields.integer(0, _MAX_SEQ)
_TABLES: Final[dict[str, _Table]] = {
    "current": {
        "at": fields.time_ms,
        "topics": optional(_rows),
        "more": optional(fields.boolean),
        "digests": optional(lambda value: split(b64decode(value, DIGEST_BUCKETS * DIGEST_BYTES), 16, rising=False)),
    },
    "differ": {"buckets": _buckets},
    "latest": {"topics": _names},
    "since": {"topic": _topic, "from": fields.key, "more": fields.boolean},
    "nodes": {"topic": _topic, "entries": optional(_entries), "want": optional(b64decode)},
    "update": {"topic": _topic, "seq": _SEQ, "messages": _messages, "more": fields.boolean},
    "took": {"topic": _topic, "seq": _SEQ, "refused": optional(_refusals)},
    "done": {"topic": _topic, "root": fields.key, "horizon": _horizon},
}


def read_frame(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame of FRAMES with its values as typed, without type and ref; RemoteError("bad_request")."""
    rest = {name: value for name, value in frame.items() if name not in ("type", "ref")}
    return fields.read(rest, _TABLES[frame["type"]], frame["type"])


def frame_ref(frame: dict[str, Any]) -> int | None:
    """The session that a frame belongs to; None if it says nothing of the kind."""
    ref = frame.get("ref")
    return ref if type(ref) is int and ref >= 0 else None


def id_bucket(ident: bytes, digits: int) -> int:
    """The first hex digits of an id as a number: where it lies under its leaf."""
    return int.from_bytes(ident[:4], "big") >> 32 - 4 * digits


# ------------------------------------------------------------------------------------------------------------ building


def row_json(row: Row) -> dict[str, Any]:
    """A topic of `current` as it goes into the frame."""
    value = {"topic": row.topic, "root": b64encode(row.root), "horizon": row.horizon}
    return value if row.base is None else {**value, "base": b64encode(row.base)}


def frame_bytes(type_: str, ref: int, **rest: Any) -> bytes:
    """The JSON text of a frame."""
    return orjson.dumps({"type": type_, "ref": ref, **rest})


def write_bits(chosen: Iterable[bool]) -> bytes:
    """Which of a row of things are chosen: bit i % 8 (of value 2^(i % 8)) of byte i // 8; trailing zeros left out."""
    number = sum(1 << place for place, bit in enumerate(chosen) if bit)
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def read_bits(data: bytes) -> list[int]:
    """The places of the things that are chosen, rising."""
    return [8 * place + bit for place, byte in enumerate(data) for bit in range(8) if byte >> bit & 1]


def joined(items: Sequence[bytes]) -> str:
    """Byte strings of one length as they go into a frame."""
    return b64encode(b"".join(items))
