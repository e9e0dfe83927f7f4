"""Nodes of trees as rows: how children are packed, a whole tree in one pass, changed paths (protocol.md section 5).

A node of level 2..8 is kept as one row with all its children, so a path from a message to the root is seven rows. Not
here: which messages are in a tree (members.py), and when rows are written (upkeep.py).
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from django.db import connection

from accord.merkle import EMPTY, FANOUT, LEVELS, Child, bucket_of, leaf_hash, node_hash, span_ms
from messaging.models import Branch

LOWEST_KEPT: Final = 2
MAX_BUCKETS_A_QUERY: Final = 500

_CHILD: Final = struct.Struct(">BI32s")
_TABLE: Final = Branch._meta.db_table
_SELECT: Final = f"SELECT bucket, children FROM {_TABLE} WHERE topic_id = %s AND level = %s AND bucket IN ({{}})"  # noqa: S608
_UPSERT: Final = (
    f"INSERT INTO {_TABLE} (topic_id, level, bucket, children) VALUES (%s, %s, %s, %s) "  # noqa: S608
    "ON CONFLICT (topic_id, level, bucket) DO UPDATE SET children = excluded.children"
)
_DELETE: Final = f"DELETE FROM {_TABLE} WHERE topic_id = %s AND level = %s AND bucket = %s"  # noqa: S608

Place = tuple[int, int]  # level and bucket
Nodes = dict[Place, bytes]  # packed children; empty bytes where nothing is left
Loader = Callable[[int, Collection[int]], Mapping[int, bytes]]


def pack(children: Iterable[Child]) -> bytes:
    """Children, rising by index, as they are kept."""
    return b"".join(_CHILD.pack(child.index, child.count, child.hash) for child in children)


def unpack(packed: bytes | memoryview) -> list[Child]:
    """The children again."""
    return [Child(index, hash_, count) for index, count, hash_ in _CHILD.iter_unpack(packed)]


def summed(index: int, children: Collection[Child]) -> Child | None:
    """What a node is to its parent, where it has `index`; None when it is empty."""
    if not children:
        return None
    hash_ = node_hash([(child.index, child.hash) for child in children])
    return Child(index, hash_, sum(child.count for child in children))


def root_of(packed: bytes | memoryview) -> tuple[bytes, int]:
    """Hash and number of messages of the node of level 8."""
    top = summed(0, unpack(packed))
    return (top.hash, top.count) if top else (EMPTY, 0)


def lowest(leaves: Iterable[tuple[int, list[bytes]]]) -> Iterator[tuple[int, list[Child]]]:
    """From leaves (bucket, ids), rising, the nodes of level 1: (bucket, children)."""
    for bucket, group in groupby(leaves, key=lambda leaf: leaf[0] // FANOUT):
        yield bucket, [Child(leaf % FANOUT, leaf_hash(ids), len(ids)) for leaf, ids in group]


def grow(leaves: Iterable[tuple[int, list[bytes]]], keep: Callable[[int, int, bytes], None]) -> None:
    """A whole tree in one pass over its leaves, rising; `keep` gets (level, bucket, packed children) of every node."""

    def above(level: int, nodes: Iterator[tuple[int, list[Child]]]) -> Iterator[tuple[int, list[Child]]]:
        for bucket, group in groupby(nodes, key=lambda node: node[0] // FANOUT):
            children = [child for at, under in group if (child := summed(at % FANOUT, under))]
            keep(level, bucket, pack(children))
            yield bucket, children

    nodes = lowest(leaves)
    for level in range(LOWEST_KEPT, LEVELS):
        nodes = above(level, nodes)
    for _ in nodes:  # one, the root; asking for it has made all others
        pass


def climb(changed: Mapping[int, Child | None], *, horizon: int, load: Loader, settled: Container[Place] = ()) -> Nodes:
    """The nodes above changed nodes of level 1, given by bucket with their new content, up to the root.

    `load` gives the nodes of a level as they have been. What lies before the horizon (ms) is left out. Paths end below
    nodes that are `settled`.
    """
    nodes: Nodes = {}
    for level in range(LOWEST_KEPT, LEVELS):
        by_parent: defaultdict[int, dict[int, Child | None]] = defaultdict(dict)
        for bucket, child in changed.items():
            if (level, bucket // FANOUT) not in settled:
                by_parent[bucket // FANOUT][bucket % FANOUT] = child
        held = load(level, by_parent)
        above: dict[int, Child | None] = {}
        for bucket, new in by_parent.items():
            children = {child.index: child for child in unpack(held.get(bucket, b""))} | new
            first = first_kept(level, bucket, horizon)
            kept = [child for index, child in sorted(children.items()) if child is not None and index >= first]
            nodes[level, bucket] = pack(kept)
            above[bucket] = summed(bucket % FANOUT, kept)
        changed = above
    return nodes


def first_kept(level: int, bucket: int, horizon: int) -> int:
    """The index of the first child of a node that does not lie wholly before the horizon."""
    if bucket * span_ms(level) >= horizon:
        return 0
    return min(FANOUT, bucket_of(horizon, level - 1) - bucket * FANOUT)


def load(topic_id: int, level: int, buckets: Collection[int]) -> dict[int, bytes]:
    """Rows of a topic's level, by bucket."""
    found: dict[int, bytes] = {}
    wanted = list(buckets)
    with connection.cursor() as cursor:
        for start in range(0, len(wanted), MAX_BUCKETS_A_QUERY):
            some = wanted[start : start + MAX_BUCKETS_A_QUERY]
            cursor.execute(_SELECT.format(", ".join(["%s"] * len(some))), [topic_id, level, *some])
            found.update((bucket, bytes(children)) for bucket, children in cursor.fetchall())
    return found


def write(rows: Iterable[tuple[int, int, int, bytes]]) -> None:
    """Keep nodes (topic id, level, bucket, packed children); an empty one goes."""
    kept: list[tuple[int, int, int, bytes]] = []
    gone: list[tuple[int, int, int]] = []
    for row in rows:
        if row[3]:
            kept.append(row)
        else:
            gone.append(row[:3])
    with connection.cursor() as cursor:
        if kept:
            cursor.executemany(_UPSERT, kept)
        if gone:
            cursor.executemany(_DELETE, gone)
