"""Which messages are in a topic's tree: read from the message table, not from branches (protocol.md section 5).

In it are the messages held of the topic, those that burned a moment ago among them, with created_at >= horizon and no
burn_at or burn_at > at + 5 min, that had arrived at the cut and are not left out on purpose. This is the definition;
branches are what has been computed from it.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from django.db import connection

from accord.merkle import FANOUT, Child, bucket_of, span_ms
from messaging.models import Burned, Message
from messaging.trees.nodes import lowest, summed

AS_OF_MS: Final = 60_000
BURN_MARGIN_MS: Final = 300_000
WINDOW_LEVEL: Final = 4
NEAR_BUCKETS: Final = 4  # of level 1: closer than that, one query that reads what lies between is faster than two

_MESSAGES: Final = Message._meta.db_table
_RANGE: Final = (
    f"SELECT created_at, ident FROM {_MESSAGES} WHERE topic_id = %s AND created_at >= %s AND created_at < %s "  # noqa: S608
    "AND cursor <= %s AND (burn_at IS NULL OR burn_at > %s)"
)
_ORDER: Final = " ORDER BY created_at"
_NEXT: Final = f"SELECT min(created_at) FROM {_MESSAGES} WHERE topic_id = %s AND created_at >= %s"  # noqa: S608
_BURNED: Final = (
    f"SELECT topic_id, created_at, ident FROM {Burned._meta.db_table} WHERE burn_at > %s AND cursor <= %s "  # noqa: S608
    "ORDER BY created_at"
)

Row = tuple[int, bytes]  # created_at, id


def as_of(now: int) -> int:
    """The moment (ms) as of which trees are compared at `now`."""
    return now - now % AS_OF_MS


def burned_rows(at: int, cut: int) -> dict[int, list[Row]]:
    """Of burned messages, those that trees as of `at` still have, by topic id, rising by time."""
    found: dict[int, list[Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BURNED, [at + BURN_MARGIN_MS, cut])
        for topic_id, created_at, ident in cursor.fetchall():
            found.setdefault(topic_id, []).append((created_at, bytes(ident)))
    return found


@dataclass(frozen=True, slots=True)
class Members:
    """The messages of one tree. `types` bounds it to these types; `burned` is the topic's part of `burned_rows`."""

    topic_id: int
    horizon: int
    at: int
    cut: int
    burned: Collection[Row] = ()
    exclude: frozenset[bytes] = frozenset()
    types: tuple[str, ...] = ()

    @property
    def of_types(self) -> str:
        """The condition on types, to be followed by `types` in a query's values."""
        return f" AND type IN ({', '.join(['%s'] * len(self.types))})" if self.types else ""

    def between(self, start: int, end: int) -> Iterator[Row]:
        """(created_at, id) with created_at in [start, end), rising by created_at."""
        start = max(start, self.horizon)
        values: list[int | str] = [self.topic_id, start, end, self.cut, self.at + BURN_MARGIN_MS, *self.types]
        with connection.cursor() as cursor:
            cursor.execute(_RANGE + self.of_types + _ORDER, values)
            rows: Iterable[Any] = cursor
            if self.burned and not self.types:
                rows = heapq.merge(rows, (row for row in self.burned if start <= row[0] < end), key=itemgetter(0))
            for created_at, ident in rows:
                raw = bytes(ident)
                if raw not in self.exclude:
                    yield created_at, raw

    def leaves(self, start: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
        """Leaves that are not empty, rising: (bucket, ids rising)."""
        for bucket, group in groupby(self.between(start, end), key=lambda row: bucket_of(row[0], 0)):
            yield bucket, sorted(ident for _, ident in group)

    def all_leaves(self) -> Iterator[tuple[int, list[bytes]]]:
        """All of them; read in windows, since not every database hands out a long answer piece by piece."""
        window = span_ms(WINDOW_LEVEL)
        start = self._next(self.horizon)
        while start is not None:
            end = start - start % window + window
            yield from self.leaves(start, end)
            start = self._next(end)

    def _next(self, start: int) -> int | None:
        with connection.cursor() as cursor:
            cursor.execute(_NEXT, [self.topic_id, start])
            (first,) = cursor.fetchone()
        later = [row[0] for row in self.burned if row[0] >= start]
        return min([*later, *([] if first is None else [first])], default=None)

    def level_one(self, buckets: Collection[int]) -> dict[int, Child | None]:
        """Nodes of level 1 as their parents have them."""
        found: dict[int, Child | None] = dict.fromkeys(buckets)
        for first, last in _runs(sorted(found)):
            leaves = self.leaves(first * span_ms(1), (last + 1) * span_ms(1))
            for bucket, children in lowest(leaf for leaf in leaves if leaf[0] // FANOUT in found):
                found[bucket] = summed(bucket % FANOUT, children)
        return found


def _runs(buckets: list[int]) -> Iterator[tuple[int, int]]:
    """Rising buckets in runs of neighbours: (first, last)."""
    first = last = None
    for bucket in buckets:
        if first is None or last is None:
            first = bucket
        elif bucket - last > NEAR_BUCKETS:
            yield first, last
            first = bucket
        last = bucket
    if first is not None and last is not None:
        yield first, last
