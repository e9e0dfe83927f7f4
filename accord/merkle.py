"""Merkle trees of topics (protocol.md section 5): levels, hashes, a tree in memory, proofs of inclusion.

The shape follows from the times of messages alone, so two peers that hold the same messages have the same root in
whatever order these came. `View` is what a comparison reads: a topic's tree as it stood at one moment. Not here: trees
kept in a database (the hub's), which messages belong to a tree as of a moment, the exchange (accord.sync).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from accord import fields
from accord.encoding import b64decode, b64encode, canonical, is_rising
from accord.errors import RemoteError
from accord.primitives import HASH_BYTES, domain, labelled_hash

LEVELS: Final = 9
ROOT_LEVEL: Final = LEVELS - 1
FANOUT: Final = 16
LEAF_MS: Final = 4096
HORIZON_LEVEL: Final = 3
HORIZON_MS: Final = 2**24
EMPTY: Final = bytes(HASH_BYTES)
ID_BYTES: Final = 32
DIGEST_BYTES: Final = 16
DIGEST_BUCKETS: Final = 256

_LEAF_SHIFT: Final = 12  # LEAF_MS is 2**12
_FANOUT_SHIFT: Final = 4
_D_LEAF: Final = domain("merkle-leaf")
_D_NODE: Final = domain("merkle-node")


def span_ms(level: int) -> int:
    """How long a bucket of a level is."""
    return LEAF_MS << _FANOUT_SHIFT * level


def bucket_of(created_at: int, level: int) -> int:
    """The bucket of a level in which a message of this time (ms) lies."""
    return created_at >> _LEAF_SHIFT + _FANOUT_SHIFT * level


def horizon_of(time_ms: int) -> int:
    """The latest possible horizon that is not after this time."""
    return time_ms & -HORIZON_MS


def leaf_hash(ids: Sequence[bytes]) -> bytes:
    """The hash of a leaf, ids rising."""
    return hashlib.sha256(_D_LEAF + b"".join(ids)).digest()


def node_hash(children: Sequence[tuple[int, bytes]]) -> bytes:
    """The hash of a node of level 1..8 from (index 0..15, hash) of its children that are not empty, rising."""
    return hashlib.sha256(_D_NODE + b"".join(bytes((index,)) + hash_ for index, hash_ in children)).digest()


def root_of(items: Iterable[tuple[int, bytes]]) -> tuple[bytes, int]:
    """The root over (created_at, id), rising by leaf bucket and id, and their number; one pass that holds a leaf and a
    path at a time.
    """
    path: list[list[tuple[int, bytes]]] = [[] for _ in range(LEVELS)]  # at [n]: finished children of a node of level n
    count, leaf = 0, 0
    ids: list[bytes] = []

    def close(upto: int) -> bytes:
        """Finish the leaf and every node above it that does not lie over the leaf `upto`; the hash of the last one."""
        bucket, hash_ = leaf, leaf_hash(ids)
        for level in range(1, LEVELS):
            path[level].append((bucket % FANOUT, hash_))
            bucket, upto = bucket // FANOUT, upto // FANOUT
            if bucket == upto:
                break
            hash_ = node_hash(path[level])
            path[level] = []
        return hash_

    for created_at, ident in items:
        bucket = created_at >> _LEAF_SHIFT
        if ids and bucket != leaf:
            close(bucket)
            ids = []
        leaf = bucket
        ids.append(ident)
        count += 1
    return close(-1) if count else EMPTY, count


class Child(NamedTuple):
    """A child that is not empty: its place 0..15 in the node, its hash, how many messages lie under it."""

    index: int  # type: ignore[assignment]  # hides the tuple's method, as `count` does: nobody looks anything up here
    hash: bytes
    count: int  # type: ignore[assignment]


class View(Protocol):
    """A topic's tree as it stood at one moment, seen from `horizon` (ms, a multiple of HORIZON_MS) on."""

    @property
    def topic(self) -> str:
        """The topic's name; empty where it has none."""

    @property
    def horizon(self) -> int:
        """Messages from before (ms) are left out."""

    @property
    def root(self) -> bytes:
        """The hash of the node of level 8; EMPTY without messages."""

    @property
    def count(self) -> int:
        """How many messages."""

    def children(self, level: int, bucket: int) -> list[Child]:
        """The children of a node of level 1..8, rising; none where nothing is held."""

    def ids(self, level: int, bucket: int) -> list[bytes]:
        """The full ids under a node of level 0..8, rising by (leaf bucket, id)."""


class _Leaf:
    """The ids of 4.096 seconds, rising. Never changed."""

    __slots__ = ("hash", "ids")

    def __init__(self, ids: tuple[bytes, ...]) -> None:
        self.ids = ids
        self.hash = leaf_hash(ids)

    @property
    def count(self) -> int:
        return len(self.ids)

    def all_ids(self) -> Iterator[bytes]:
        yield from self.ids


class _Node:
    """A node above leaves; `children` rises by index. Never changed, so that views share what did not change."""

    __slots__ = ("_hash", "children", "count")

    def __init__(self, children: dict[int, _Node | _Leaf]) -> None:
        self.children = children
        self.count: int = sum(child.count for child in children.values())
        self._hash: bytes | None = None

    @property
    def hash(self) -> bytes:
        if self._hash is None:
            self._hash = node_hash([(index, child.hash) for index, child in self.children.items()])
        return self._hash

    def all_ids(self) -> Iterator[bytes]:
        for child in self.children.values():
            yield from child.all_ids()


_Part = _Node | _Leaf


def _with_child(node: _Part | None, index: int, child: _Part | None) -> _Node | None:
    """A copy of a node with one child set or taken away; None when it has no other."""
    children = dict(node.children) if isinstance(node, _Node) else {}
    children.pop(index, None)
    if child is not None:
        children[index] = child
        children = dict(sorted(children.items()))
    return _Node(children) if children else None


def _changed(part: _Part | None, level: int, created_at: int, ident: bytes, *, held: bool) -> _Part | None:
    """The subtree with an id added (`held`) or taken away."""
    if level == 0:
        ids = part.ids if isinstance(part, _Leaf) else ()
        place = bisect_left(ids, ident)
        if (place < len(ids) and ids[place] == ident) == held:
            return part
        changed = (*ids[:place], ident, *ids[place:]) if held else (*ids[:place], *ids[place + 1 :])
        return _Leaf(changed) if changed else None
    index = bucket_of(created_at, level - 1) % FANOUT
    child = part.children.get(index) if isinstance(part, _Node) else None
    new = _changed(child, level - 1, created_at, ident, held=held)
    return part if new is child else _with_child(part, index, new)


def _above(part: _Part | None, level: int, horizon: int) -> _Part | None:
    """The subtree on the path of the horizon, without what lies before it."""
    if level == HORIZON_LEVEL or not isinstance(part, _Node):
        return part
    edge = bucket_of(horizon, level - 1) % FANOUT
    children = {index: child for index, child in part.children.items() if index >= edge}
    if edge in children:
        below = _above(children[edge], level - 1, horizon)
        if below is None:
            del children[edge]
        elif below is not children[edge]:
            children[edge] = below
    return _Node(children) if children else None


def _build(items: Iterable[tuple[bytes, int]]) -> _Part | None:
    """A tree of (id, created_at) in one pass from the leaves up; an id that comes twice counts once."""
    leaves: dict[int, set[bytes]] = {}
    for ident, created_at in items:
        leaves.setdefault(created_at >> _LEAF_SHIFT, set()).add(ident)
    parts: dict[int, _Part] = {bucket: _Leaf(tuple(sorted(ids))) for bucket, ids in sorted(leaves.items())}
    for _ in range(ROOT_LEVEL):
        groups: dict[int, dict[int, _Part]] = {}
        for bucket, part in parts.items():
            groups.setdefault(bucket // FANOUT, {})[bucket % FANOUT] = part
        parts = {bucket: _Node(children) for bucket, children in groups.items()}
    return parts.get(0)


class Tree:
    """A topic's tree in memory. Views taken from it stay as they are while it changes."""

    def __init__(self, items: Iterable[tuple[bytes, int]] = (), *, topic: str = "") -> None:
        """A tree of (id, created_at in ms)."""
        self.topic = topic
        self._root = _build(items)

    def add(self, ident: bytes, created_at: int) -> None:
        """Hold a message; once if it comes again."""
        self._root = _changed(self._root, ROOT_LEVEL, created_at, ident, held=True)

    def remove(self, ident: bytes, created_at: int) -> None:
        """No longer hold a message; nothing if it is not held."""
        self._root = _changed(self._root, ROOT_LEVEL, created_at, ident, held=False)

    def view(self, *, horizon: int = 0, exclude: Iterable[tuple[bytes, int]] = ()) -> TreeView:
        """The tree as it stands, from `horizon` on, without the (id, created_at) of `exclude`."""
        root = self._root
        for ident, created_at in exclude:
            root = _changed(root, ROOT_LEVEL, created_at, ident, held=False)
        return TreeView(self.topic, horizon, _above(root, ROOT_LEVEL, horizon) if horizon else root)


class TreeView:
    """A View of a Tree."""

    def __init__(self, topic: str, horizon: int, root: _Part | None) -> None:
        self.topic = topic
        self.horizon = horizon
        self._root = root

    @property
    def root(self) -> bytes:
        """The hash of the node of level 8; EMPTY without messages."""
        return self._root.hash if self._root else EMPTY

    @property
    def count(self) -> int:
        """How many messages."""
        return self._root.count if self._root else 0

    def children(self, level: int, bucket: int) -> list[Child]:
        """The children of a node of level 1..8, rising."""
        part = self._part(level, bucket)
        if not isinstance(part, _Node):
            return []
        return [Child(index, child.hash, child.count) for index, child in part.children.items()]

    def ids(self, level: int, bucket: int) -> list[bytes]:
        """The full ids under a node of level 0..8, rising by (leaf bucket, id)."""
        part = self._part(level, bucket)
        return list(part.all_ids()) if part else []

    def _part(self, level: int, bucket: int) -> _Part | None:
        part = self._root if bucket < FANOUT ** (ROOT_LEVEL - level) else None
        for depth in range(ROOT_LEVEL - 1, level - 1, -1):
            if not isinstance(part, _Node):
                return None
            part = part.children.get((bucket >> _FANOUT_SHIFT * (depth - level)) % FANOUT)
        return part


def proof(view: View, ident: bytes, created_at: int) -> list[dict[str, Any]]:
    """The nine steps, ready for JSON, from a message up to the view's root; ValueError if it is not in the view.

    Step 0 is {ids}: the other ids of its leaf, rising, joined. Step n of 1..8 is {mask, hashes}: the other children of
    the node of level n, hashes whole, rising, joined.
    """
    ids = view.ids(0, bucket_of(created_at, 0))
    if ident not in ids:
        raise ValueError("the message is not in the tree")
    steps: list[dict[str, Any]] = [{"ids": b64encode(b"".join(other for other in ids if other != ident))}]
    for level in range(1, LEVELS):
        own = bucket_of(created_at, level - 1) % FANOUT
        others = [child for child in view.children(level, bucket_of(created_at, level)) if child.index != own]
        mask = sum(1 << child.index for child in others)
        steps.append({"mask": mask, "hashes": b64encode(b"".join(child.hash for child in others))})
    return steps


_STEP = {"mask": fields.integer(0, 2**FANOUT - 1), "hashes": b64decode}


def verify_proof(root: bytes, ident: bytes, created_at: int, steps: object) -> None:
    """Check that a tree with this root holds the message; RemoteError("bad_request")."""
    if type(steps) is not list or len(steps) != LEVELS:
        raise RemoteError("bad_request", f"proof: {LEVELS} steps expected")
    joined = fields.read(steps[0], {"ids": b64decode}, "proof")["ids"]
    others = split(joined, ID_BYTES)
    if ident in others:
        raise RemoteError("bad_request", "proof: the message comes twice")
    hash_ = leaf_hash(sorted([*others, ident]))
    for level, step in enumerate(steps[1:], 1):
        checked = fields.read(step, _STEP, "proof")
        own = bucket_of(created_at, level - 1) % FANOUT
        hashes = split(checked["hashes"], HASH_BYTES, rising=False)
        places = [index for index in range(FANOUT) if checked["mask"] >> index & 1]
        if own in places or len(places) != len(hashes):
            raise RemoteError("bad_request", "proof: mask and hashes do not fit")
        hash_ = node_hash(sorted([*zip(places, hashes, strict=True), (own, hash_)]))
    if hash_ != root:
        raise RemoteError("bad_request", "proof: leads to another root")


def topics_digest(rows: Sequence[tuple[str, bytes, int]]) -> bytes:
    """The digest of a digest bucket's (topic, root, horizon), rising by topic; zeros where there is none."""
    if not rows:
        return bytes(DIGEST_BYTES)
    listed = [[topic, b64encode(root), horizon] for topic, root, horizon in rows]
    return labelled_hash("sync-digest", canonical(listed))[:DIGEST_BYTES]


def digest_bucket(topic: str) -> int:
    """In which of the DIGEST_BUCKETS a topic lies."""
    return hashlib.sha256(topic.encode("ascii")).digest()[0]


def split(joined: bytes, length: int, *, rising: bool = True) -> list[bytes]:
    """Byte strings of one length that came joined; RemoteError where the length, or a strict order, does not fit."""
    if len(joined) % length:
        raise RemoteError("bad_request", f"joined strings of {length} bytes expected")
    parts = [joined[start : start + length] for start in range(0, len(joined), length)]
    if rising and not is_rising(parts):
        raise RemoteError("bad_request", "not in rising order")
    return parts
