"""Two trees of one topic, level by level: what one side says of a node, what it learns from the other's word
(protocol.md section 5, `nodes`). Below a leaf of many messages nodes go on by the first digits of their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from accord.errors import RemoteError
from accord.merkle import FANOUT, ROOT_LEVEL, Child, View, bucket_of, leaf_hash
from accord.messages import Envelope
from accord.sync.frames import Entry, id_bucket
from accord.sync.limits import DEEPEST_LEVEL, ENTRY_BYTES, MANY_DIFFERING, PREFIX_BYTES, SMALL

LARGE = 2_048  # ids under a node that are not brought into memory at once


class Place(NamedTuple):
    """A node: level 8..0 of the tree, -1..-5 below a leaf."""

    level: int
    bucket: int

    def child(self, index: int) -> Place:
        """The place of a child."""
        return Place(self.level - 1, self.bucket * FANOUT + index)

    def above(self, level: int) -> Place:
        """The place of a higher level that this one lies under, or this one."""
        return Place(level, self.bucket // FANOUT ** (level - self.level))

    @property
    def start(self) -> int:
        """Where it begins, in buckets of the deepest level."""
        width: int = FANOUT ** (self.level - DEEPEST_LEVEL)
        return self.bucket * width

    @property
    def end(self) -> int:
        """Where the next place of its level begins."""
        return Place(self.level, self.bucket + 1).start


ROOT = Place(ROOT_LEVEL, 0)


def place_of(message: Envelope, level: int) -> Place:
    """The place of a level in which a message lies."""
    if level >= 0:
        return Place(level, bucket_of(message.created_at, level))
    leaf = bucket_of(message.created_at, 0)
    return Place(level, leaf * FANOUT**-level + id_bucket(message.id, -level))


def entry_bytes(entry: Entry) -> int:
    """What an entry is counted as."""
    return ENTRY_BYTES + PREFIX_BYTES * (len(entry.hashes) + len(entry.ids or ()))


class Nodes:
    """A view, with the levels below its leaves."""

    def __init__(self, view: View) -> None:
        self._view = view

    def children(self, place: Place) -> list[Child]:
        """The children of a place above the deepest level, rising."""
        if place.level > 0:
            return self._view.children(*place)
        groups: dict[int, list[bytes]] = {}
        for ident in self.ids(place):
            groups.setdefault(id_bucket(ident, 1 - place.level) % FANOUT, []).append(ident)
        return [Child(index, leaf_hash(ids), len(ids)) for index, ids in sorted(groups.items())]

    def ids(self, place: Place) -> list[bytes]:
        """The full ids under a place."""
        if place.level >= 0:
            return self._view.ids(*place)
        leaf = place.above(0)
        digits = place.bucket % FANOUT**-place.level
        return [ident for ident in self._view.ids(*leaf) if id_bucket(ident, -place.level) == digits]

    def count(self, place: Place) -> int:
        """How many messages lie under a place."""
        if place.level > 0:
            return sum(child.count for child in self._view.children(*place))
        return len(self.ids(place))

    def stream(self, place: Place) -> Iterator[bytes]:
        """The full ids under a place, never very many in memory; in order of time."""
        if place.level <= 0 or self.count(place) <= LARGE:
            yield from self.ids(place)
            return
        for child in self.children(place):
            yield from self.stream(place.child(child.index))

    def entry(self, place: Place, list_up_to: int = SMALL) -> Entry:
        """What is held here under a place; a node with one child is given as that child, one of few messages by ids."""
        while place.level > DEEPEST_LEVEL:
            children = self.children(place)
            if not children:
                return Entry(*place, ids=())
            if sum(child.count for child in children) <= list_up_to:
                break
            if len(children) > 1:
                mask = sum(1 << child.index for child in children)
                return Entry(*place, mask, tuple(child.hash[:PREFIX_BYTES] for child in children))
            place = place.child(children[0].index)
        return Entry(*place, ids=tuple(sorted({ident[:PREFIX_BYTES] for ident in self.ids(place)})))


@dataclass(slots=True)
class Push:
    """What the peer lacks: everything under a place but these ids."""

    place: Place
    but: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Findings:
    """What a peer's entries say beside one's own tree."""

    pushes: list[Push] = field(default_factory=list)
    differing: list[Place] = field(default_factory=list)  # both hold something there
    absent: list[Place] = field(default_factory=list)  # only the peer does
    listed: list[bytes] = field(default_factory=list)  # ids (first 16 bytes) that the peer holds and the view does not
    crowded: set[Place] = field(default_factory=set)  # of the differing, those that lie among others only
    equal_until: int = 0  # the end of the newest child that is equal, in buckets of the deepest level


def compare(nodes: Nodes, asked: Place, entry: Entry, found: Findings) -> None:
    """Add to `found` what a peer's entry for the place `asked` tells."""
    place = Place(entry.level, entry.bucket)
    _push_beside(nodes, asked, place, found)
    if entry.mask:
        mine = {child.index: child for child in nodes.children(place)}
        differing: list[Place] = []
        equal = False
        for index in range(FANOUT):
            theirs = entry.hash_at(index)
            if index not in mine:
                if theirs is not None:
                    found.absent.append(place.child(index))
            elif theirs is None:
                found.pushes.append(Push(place.child(index)))
            elif theirs != mine[index].hash[:PREFIX_BYTES]:
                differing.append(place.child(index))
            else:
                equal = True
                found.equal_until = max(found.equal_until, place.child(index).end)
        found.differing.extend(differing)
        if not equal and len(differing) >= MANY_DIFFERING:
            found.crowded.update(differing)
        return
    listed = frozenset(entry.ids or ())
    if nodes.count(place) > LARGE:
        found.listed.extend(listed)  # whoever asks for them looks first whether they are held
        found.pushes.append(Push(place, listed))
        return
    held = {ident[:PREFIX_BYTES] for ident in nodes.ids(place)}
    found.listed.extend(sorted(listed - held))
    if held - listed:
        found.pushes.append(Push(place, listed))


def _push_beside(nodes: Nodes, asked: Place, place: Place, found: Findings) -> None:
    """The peer gave one node for `asked`: what is held here under `asked` beside that node, it lacks."""
    while asked.level > place.level:
        path = place.above(asked.level - 1)
        for child in nodes.children(asked):
            if asked.child(child.index) != path:
                found.pushes.append(Push(asked.child(child.index)))
        asked = path


class Shown:
    """What this side has said of its tree in a pass: which answers fit, which messages the peer may send unasked."""

    def __init__(self) -> None:
        self._said: dict[Place, Entry] = {}
        self._open: set[Place] = set()  # that the peer's next entries may be about

    def ask(self, place: Place) -> None:
        """Let the peer speak first of a place."""
        self._open = {place}

    def say(self, said: list[tuple[Place, Entry]]) -> None:
        """These entries are sent, each for the place before it."""
        self._said.update(said)
        self._open = {
            Place(entry.level, entry.bucket).child(index)
            for _, entry in said
            for index in range(FANOUT)
            if entry.mask >> index & 1
        }

    def answered(self, entries: list[Entry]) -> list[tuple[Place, Entry]]:
        """The peer's entries with the places that they are about; RemoteError if one was not asked for, or twice."""
        open_, self._open = self._open, set()
        pairs = []
        for entry in entries:
            here = Place(entry.level, entry.bucket)
            place = next((up for up in map(here.above, range(entry.level, ROOT_LEVEL + 1)) if up in open_), None)
            if place is None:
                raise RemoteError("bad_request", "entries: of a node that was not asked for")
            open_.discard(place)
            pairs.append((place, entry))
        return pairs

    def lacks(self, message: Envelope) -> bool:
        """Whether the entries that were sent show that this message is not held here."""
        for level in range(ROOT_LEVEL, DEEPEST_LEVEL - 1, -1):
            entry = self._said.get(place_of(message, level))
            if entry is None:
                continue
            if place_of(message, entry.level).bucket != entry.bucket:
                return True
            if not entry.mask:
                return message.id[:PREFIX_BYTES] not in (entry.ids or ())
            if not entry.mask >> place_of(message, entry.level - 1).bucket % FANOUT & 1:
                return True
        return False
