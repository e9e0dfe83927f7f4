"""The yardstick of the `sync` section: a reference of Negentropy, protocol version 1, written from its public
specification (message semantics, varints, bounds, fingerprints) with the choices that its implementations share: 16
ranges a split, a list of ids below 32 items, no limit of a frame. Test-only: it trusts its peer.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Final, NamedTuple

VERSION: Final = 0x61
SKIP, FINGERPRINT, ID_LIST = range(3)
ID_BYTES: Final = 32
FINGERPRINT_BYTES: Final = 16
RANGES: Final = 16
INFINITY: Final = 2**64 - 1
_MODULUS: Final = 2**256

Bound = tuple[int, bytes]  # timestamp, the beginning of an id


class Found(NamedTuple):
    """What the client has learned: ids that only it has, ids that only the server has."""

    have: set[bytes]
    need: set[bytes]


class Storage:
    """Items in order, with sums of their ids from the first on, so that any range has its fingerprint at once."""

    def __init__(self, items: Iterable[tuple[int, bytes]]) -> None:
        """Items are (timestamp, id)."""
        self.items: list[Bound] = sorted(items)
        self._sums = list(accumulate((int.from_bytes(ident, "little") for _, ident in self.items), initial=0))

    def fingerprint(self, lower: int, upper: int) -> bytes:
        """The digest of a range of items."""
        total = (self._sums[upper] - self._sums[lower]) % _MODULUS
        data = total.to_bytes(ID_BYTES, "little") + varint(upper - lower)
        return hashlib.sha256(data).digest()[:FINGERPRINT_BYTES]


def varint(number: int) -> bytes:
    """Base 128, most significant digit first."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def boundary(before: Bound, after: Bound) -> Bound:
    """The shortest bound between two neighbours."""
    if before[0] != after[0]:
        return after[0], b""
    shared = next(place for place in range(ID_BYTES) if before[1][place] != after[1][place])
    return after[0], after[1][: shared + 1]


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray([VERSION])
        self._last = 0
        self._skipped: Bound | None = None

    def skip(self, upto: Bound) -> None:
        """Ranges that are skipped one after the other become one; at the end nothing is said of them."""
        self._skipped = upto

    def range(self, upto: Bound, mode: int, payload: bytes) -> None:
        if self._skipped is not None:
            self._bound(self._skipped)
            self.data += varint(SKIP)
            self._skipped = None
        self._bound(upto)
        self.data += varint(mode) + payload

    def _bound(self, bound: Bound) -> None:
        timestamp, prefix = bound
        self.data += varint(0 if timestamp == INFINITY else timestamp - self._last + 1)
        self._last = timestamp
        self.data += varint(len(prefix)) + prefix


class _Reader:
    def __init__(self, data: bytes) -> None:
        assert data[0] == VERSION
        self._data = data
        self._place = 1
        self._last = 0

    def __bool__(self) -> bool:
        return self._place < len(self._data)

    def take(self, length: int) -> bytes:
        self._place += length
        return self._data[self._place - length : self._place]

    def varint(self) -> int:
        number = 0
        while (digit := self.take(1)[0]) & 0x80:
            number = number << 7 | digit & 0x7F
        return number << 7 | digit

    def bound(self) -> Bound:
        offset = self.varint()
        timestamp = INFINITY if offset == 0 or self._last == INFINITY else self._last + offset - 1
        self._last = timestamp
        return timestamp, self.take(self.varint())


def _split(storage: Storage, lower: int, upper: int, upto: Bound, out: _Writer) -> None:
    count = upper - lower
    if count < 2 * RANGES:
        ids = b"".join(ident for _, ident in storage.items[lower:upper])
        out.range(upto, ID_LIST, varint(count) + ids)
        return
    for number in range(RANGES):
        end = lower + count // RANGES + (number < count % RANGES)
        bound = upto if end == upper else boundary(storage.items[end - 1], storage.items[end])
        out.range(bound, FINGERPRINT, storage.fingerprint(lower, end))
        lower = end


def initiate(storage: Storage) -> bytes:
    """The client's first message."""
    out = _Writer()
    _split(storage, 0, len(storage.items), (INFINITY, b""), out)
    return bytes(out.data)


def answer(storage: Storage, message: bytes, found: Found | None = None) -> bytes | None:
    """The answer to a message. The client gives `found`, which is added to; None: it has nothing more to ask."""
    query, out = _Reader(message), _Writer()
    lower = 0
    while query:
        upto, mode = query.bound(), query.varint()
        upper = bisect_left(storage.items, upto, lower)
        if mode == FINGERPRINT:
            if query.take(FINGERPRINT_BYTES) == storage.fingerprint(lower, upper):
                out.skip(upto)
            else:
                _split(storage, lower, upper, upto, out)
        elif mode == ID_LIST:
            theirs = {query.take(ID_BYTES) for _ in range(query.varint())}
            mine = [ident for _, ident in storage.items[lower:upper]]
            if found is None:
                out.range(upto, ID_LIST, varint(len(mine)) + b"".join(mine))
            else:
                found.have.update(set(mine) - theirs)
                found.need.update(theirs - set(mine))
                out.skip(upto)
        else:
            out.skip(upto)
        lower = upper
    return None if found is not None and len(out.data) == 1 else bytes(out.data)


class Reconciled(NamedTuple):
    """What a comparison cost and found."""

    bytes: int
    trips: int
    found: Found


def reconcile(client: Storage, server: Storage) -> Reconciled:
    """A comparison from the client's first message to the last answer that it needs."""
    found = Found(set(), set())
    size = trips = 0
    message: bytes | None = initiate(client)
    while message is not None:
        reply = answer(server, message)
        assert reply is not None
        size += len(message) + len(reply)
        trips += 1
        message = answer(client, reply, found)
    return Reconciled(size, trips, found)
