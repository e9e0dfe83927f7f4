"""The audit log of a hub: a chain of entries, each signed by the hub (protocol.md section 8, "Audit log").

The hash of an entry covers the hash of the one before, and the first covers the hub's key: an entry that is changed,
left out, put in or moved shows, and so does a log under another key. What is cut off at the end shows only against a
head, the hub's signed word on how far the log goes. Pure functions; where entries are kept is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Final

import orjson

from accord import fields
from accord.encoding import b64encode, canonical, parse_canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.primitives import labelled_hash
from accord.statements import make_statement, verify_statement

HASH_BYTES: Final = 32
MAX_ACTOR_CHARS: Final = 96
MAX_ACTION_CHARS: Final = 32
MAX_TARGET_CHARS: Final = 160
MAX_DETAIL_CHARS: Final = 2_000
MAX_LINE_BYTES: Final = 64 * 1024
MAX_FAULTS: Final = 100

_number = fields.integer(0, 2**53 - 1)
_ENTRY: Final = {
    "number": _number,
    "at": fields.time_ms,
    "actor": fields.text(MAX_ACTOR_CHARS),
    "action": fields.text(MAX_ACTION_CHARS),
    "target": fields.text(MAX_TARGET_CHARS),
    "detail": fields.text(MAX_DETAIL_CHARS),
    "hash": fields.octets(HASH_BYTES),
    "sig": fields.octets(64),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to what, and when (ms). Entries are numbered from 1 on."""

    number: int
    at: int
    actor: str
    action: str
    target: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry with its hash and the hub's signature of that, as they are kept."""

    entry: Entry
    hash: bytes
    sig: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log went at a time (ms): its last entry's number and hash; 0 and the hub's key where it has none."""

    number: int
    hash: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a log; `number` is the entry at which it shows."""

    number: int
    says: str


def entry_hash(entry: Entry, before: bytes) -> bytes:
    """SHA256(D("audit-entry") || hash of the entry before || canonical(entry)); before the first is the hub's key."""
    return labelled_hash("audit-entry", before + canonical(asdict(entry)))


def seal(hub: SigningKey, entry: Entry, before: bytes) -> Sealed:
    """Chain and sign an entry. RemoteError where a text is none that canonical JSON may hold."""
    digest = entry_hash(entry, before)
    return Sealed(entry, digest, hub.sign("audit", digest))


def check(log: Iterable[Sealed], *, hub: bytes, head: Head | None = None) -> Iterator[Fault]:
    """Everything that is wrong with a log that should be whole, up to MAX_FAULTS.

    With a `head` the log must go at least as far, and be the one that it was taken of.
    """
    return islice(_faults(log, hub, head), MAX_FAULTS)


def _faults(log: Iterable[Sealed], hub: bytes, head: Head | None) -> Iterator[Fault]:
    before, last = hub, 0
    for sealed in log:
        number = sealed.entry.number
        if number != last + 1:
            yield Fault(number, _misplaced(number, last))
        try:
            if entry_hash(sealed.entry, before) != sealed.hash:
                yield Fault(
                    number, f"entry {number} is not the one that was written, or does not follow the one before"
                )
            verify(hub, "audit", sealed.hash, sealed.sig)
        except RemoteError:
            yield Fault(number, f"entry {number} is not signed by the hub")
        if head is not None and number == head.number and sealed.hash != head.hash:
            yield Fault(number, f"entry {number} is not the one that the hub has signed as the last")
        before, last = sealed.hash, max(last, number)
    if head is not None and last < head.number:
        yield Fault(head.number, f"entries {last + 1} to {head.number} are missing at the end")


def _misplaced(number: int, last: int) -> str:
    if number <= last:
        return f"entry {number} comes after entry {last}"
    if number == last + 2:
        return f"entry {last + 1} is missing"
    return f"entries {last + 1} to {number - 1} are missing"


# A head, and a log as lines of text


def head_line(hub: SigningKey, head: Head) -> bytes:
    """The hub's statement as one line, with its line end."""
    said = make_statement(hub, type="audit.head", at=head.at, number=head.number, hash=b64encode(head.hash))
    return canonical(said) + b"\n"


def read_head(line: bytes, *, hub: bytes | None = None) -> tuple[Head, bytes]:
    """What such a line holds, to the byte, and the key of the hub that signed it. RemoteError."""
    if len(line) > MAX_LINE_BYTES or not line.endswith(b"\n"):
        raise RemoteError("bad_encoding", "no whole line")
    said = verify_statement(parse_canonical(line[:-1], max_bytes=MAX_LINE_BYTES), hub=hub, type="audit.head")
    head = Head(_number(said.get("number")), fields.octets(HASH_BYTES)(said.get("hash")), said["at"])
    return head, fields.key(said["hub"])


def line_of(sealed: Sealed) -> bytes:
    """An entry as one line of JSON, with its line end."""
    value = {**asdict(sealed.entry), "hash": b64encode(sealed.hash), "sig": b64encode(sealed.sig)}
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def read_line(line: bytes) -> Sealed:
    """What such a line holds, to the byte. RemoteError."""
    if len(line) > MAX_LINE_BYTES:
        raise RemoteError("too_large", "the line is too long")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RemoteError("bad_encoding", "the line is no JSON") from error
    read = fields.read(value, _ENTRY, "entry")
    entry = Entry(read["number"], read["at"], read["actor"], read["action"], read["target"], read["detail"])
    sealed = Sealed(entry, read["hash"], read["sig"])
    if line_of(sealed) != line:  # another spelling of the same is not what the hub has written
        raise RemoteError("bad_encoding", "the line is not as a hub writes it")
    return sealed
