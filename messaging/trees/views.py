"""A topic's tree as it stood at one moment, for comparing it with another hub's (protocol.md section 5).

A view is what the tree's definition gives for its moment, horizon and cut; it stays the same while messages arrive and
burn. It reads branches, which go on changing, and keeps for itself only the nodes in which these differ from it: the
paths to what burns between the two moments, what has arrived after the cut, what is left out on purpose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from django.db import connection

from accord.errors import AccordError
from accord.merkle import FANOUT, ROOT_LEVEL, Child, bucket_of, leaf_hash, span_ms
from accord.topics import Topic as TopicName
from messaging import selectors
from messaging.locks import one_moment
from messaging.models import Burned, Dirty, Message, Store, Topic
from messaging.selectors import READ_STEP
from messaging.stored import envelope_bytes
from messaging.trees import nodes
from messaging.trees.members import BURN_MARGIN_MS, Members, as_of, burned_rows
from messaging.trees.upkeep import RETRY_BUSY_MS, State, refresh, settle, state

MAX_TRIES: Final = 5
MAX_IDS_A_QUERY: Final = 500
PREFIX_BYTES: Final = 16
OFTEN: Final = 4  # a topic has one in this many of the newest messages: then the walk by arrival is the shorter way

_MESSAGES: Final = Message._meta.db_table
_STATE: Final = (
    "SELECT s.tree_cursor, s.tree_at, t.horizon, t.cursor, "  # noqa: S608
    f"EXISTS (SELECT 1 FROM {Dirty._meta.db_table} d WHERE d.topic_id = t.id) "
    f"FROM {Store._meta.db_table} s, {Topic._meta.db_table} t WHERE s.id = 1 AND t.id = %s"
)
# `+ 0` keeps the planner from the index by topic and time.
_ARRIVED: Final = "SELECT created_at FROM {} WHERE cursor > %s AND cursor <= %s AND topic_id + 0 = %s"
_BURNING: Final = (
    "SELECT created_at FROM {} WHERE burn_at > %s AND burn_at <= %s AND cursor <= %s AND topic_id + 0 = %s"
)
_BY_PREFIX: Final = (
    "SELECT ident, topic_id, created_at, burn_at, cursor, type "  # noqa: S608
    f"FROM {_MESSAGES} WHERE ident >= %s AND ident <= %s"
)
_SINCE: Final = (
    f"SELECT cursor, ident FROM {_MESSAGES} WHERE {{}} AND created_at >= %s "  # noqa: S608
    "AND (burn_at IS NULL OR burn_at > %s){} ORDER BY cursor LIMIT %s"
)
_BY_ARRIVAL: Final = "cursor > %s AND cursor <= %s AND topic_id + 0 = %s"
_BY_TOPIC: Final = "cursor + 0 > %s AND cursor + 0 <= %s AND topic_id = %s"


class TreeView:
    """A merkle.View of a stored topic. One thread at a time; every read raises AccordError("gone") once the topic's
    horizon has moved beyond the view's.
    """

    def __init__(self, name: TopicName, members: Members, row: Topic, branches: State) -> None:
        """The view of `members` over branches that are true now, within one moment; made by `view`."""
        self.topic: str = name.name
        self._members = members
        self._total = row.count
        self._fixed: nodes.Nodes = {}
        self._seen = (members.cut, members.at)  # for branches of which arrival number and moment `_fixed` makes up
        self._top: tuple[bytes, int] | None = None
        self._load_burned()
        if members.types:
            nodes.grow(
                self._members.all_leaves(), lambda level, bucket, packed: self._fixed.update({(level, bucket): packed})
            )
            return
        times = _times_of(self._members)
        if members.horizon > row.horizon:
            times.append(members.horizon)
        self._make_up(times, branches.tree_cursor, branches.at, row.cursor)

    @property
    def horizon(self) -> int:
        """Messages from before (ms) are left out."""
        return self._members.horizon

    @property
    def at(self) -> int:
        """As of when (ms)."""
        return self._members.at

    @property
    def cut(self) -> int:
        """The arrival number after which messages are left out."""
        return self._members.cut

    @property
    def root(self) -> bytes:
        """The hash of the node of level 8; EMPTY without messages."""
        return self._summary()[0]

    @property
    def count(self) -> int:
        """How many messages."""
        return self._summary()[1]

    def children(self, level: int, bucket: int) -> list[Child]:
        """The children of a node of level 1..8, rising."""
        if level >= nodes.LOWEST_KEPT:
            return nodes.unpack(self._packed(level, bucket))
        with self._moment():
            leaves = self._members.leaves(bucket * span_ms(1), (bucket + 1) * span_ms(1))
            return [Child(leaf % FANOUT, leaf_hash(ids), len(ids)) for leaf, ids in leaves]

    def ids(self, level: int, bucket: int) -> list[bytes]:
        """The full ids under a node of level 0..8, rising by (leaf bucket, id)."""
        with self._moment():
            leaves = self._members.leaves(bucket * span_ms(level), (bucket + 1) * span_ms(level))
            return [ident for _, ids in leaves for ident in ids]

    def find(self, prefixes: Sequence[bytes]) -> list[bytes]:
        """The ids that begin with these 16 bytes each, in their order; what is not in the view, or can no longer be
        sent, is left out.
        """
        found = []
        with self._moment(), connection.cursor() as cursor:
            for prefix in prefixes:
                cursor.execute(_BY_PREFIX, [prefix, prefix + b"\xff" * (32 - PREFIX_BYTES)])
                found += [bytes(ident) for ident, *row in cursor.fetchall() if self._has(bytes(ident), *row)]
        return found

    def contains(self, ident: bytes) -> bool:
        """Whether a message that is still held is in the view."""
        return self.find([ident[:PREFIX_BYTES]]) == [ident]

    def since(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(arrival number, id) of what is in the view and arrived after a number, in order of arrival."""
        members = self._members
        often = self._total * OFTEN >= self.cut - after
        query = _SINCE.format(_BY_ARRIVAL if often else _BY_TOPIC, members.of_types)
        values = [after, self.cut, members.topic_id, members.horizon, members.at + BURN_MARGIN_MS]
        with self._moment(), connection.cursor() as cursor:
            cursor.execute(query, [*values, *members.types, limit + len(members.exclude)])
            rows = [(arrival, bytes(ident)) for arrival, ident in cursor.fetchall()]
        return [row for row in rows if row[1] not in members.exclude][:limit]

    # How it is done

    def _has(self, ident: bytes, topic_id: int, created_at: int, burn_at: int | None, cursor: int, type_: str) -> bool:
        members = self._members
        return (
            topic_id == members.topic_id
            and created_at >= members.horizon
            and (burn_at is None or burn_at > members.at + BURN_MARGIN_MS)
            and cursor <= members.cut
            and ident not in members.exclude
            and (not members.types or type_ in members.types)
        )

    def _summary(self) -> tuple[bytes, int]:
        if self._top is None:
            self._top = nodes.root_of(self._packed(ROOT_LEVEL, 0))
        return self._top

    def _packed(self, level: int, bucket: int) -> bytes:
        with self._moment():
            fixed = self._fixed.get((level, bucket))
            if fixed is not None or self._members.types:
                return fixed or b""
            return nodes.load(self._members.topic_id, level, [bucket]).get(bucket, b"")

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """Read at one moment, when branches are true and `_fixed` makes up for them."""
        for _ in range(MAX_TRIES):
            with one_moment():
                if self._catch_up():
                    yield
                    return
            settle()
        raise AccordError("busy", "the topic's tree changes too fast", retry_ms=RETRY_BUSY_MS)

    def _catch_up(self) -> bool:
        members = self._members
        with connection.cursor() as cursor:
            cursor.execute(_STATE, [members.topic_id])
            tree_cursor, tree_at, horizon, newest, is_dirty = cursor.fetchone()
            if horizon > members.horizon:
                raise AccordError("gone", "the topic's horizon has moved")
            if members.types:
                return True
            if is_dirty or tree_cursor < members.cut:
                return False
        self._load_burned()
        if (tree_cursor, tree_at) != self._seen:
            self._make_up([], tree_cursor, tree_at, newest)
        return True

    def _keep(self, level: int, bucket: int, packed: bytes) -> None:
        self._fixed[level, bucket] = packed

    def _load_burned(self) -> None:
        burned = burned_rows(self.at, self.cut).get(self._members.topic_id, ())
        if burned or self._members.burned:
            self._members = replace(self._members, burned=burned)

    def _make_up(self, times: list[int], tree_cursor: int, tree_at: int, newest: int) -> None:
        """Make up for branches as they are now: for messages made at `times`, and for what has come and gone."""
        members = self._members
        seen_cursor, seen_at = self._seen
        if tree_cursor > seen_cursor and newest > seen_cursor:
            times += _created(_ARRIVED, [seen_cursor, tree_cursor, members.topic_id])
        if tree_at != seen_at:
            times += _burning(members, seen_at, tree_at, tree_cursor)
        self._fix(times)
        self._seen = (tree_cursor, tree_at)

    def _fix(self, times: Collection[int]) -> None:
        """Keep the paths to messages of these times as the definition has them."""
        members = self._members
        buckets = {bucket_of(created_at, 1) for created_at in times if created_at >= members.horizon}
        buckets = {bucket for bucket in buckets if (nodes.LOWEST_KEPT, bucket // FANOUT) not in self._fixed}
        if buckets:
            load = partial(nodes.load, members.topic_id)
            changed = members.level_one(buckets)
            self._fixed |= nodes.climb(changed, horizon=members.horizon, load=load, settled=self._fixed)


def view(
    topic: TopicName,
    *,
    now: int,
    at: int | None = None,
    horizon: int = 0,
    cut: int | None = None,
    exclude: Collection[bytes] = (),
    types: Collection[str] = (),
) -> TreeView:
    """A topic's tree as of `at` (ms; the current minute if not given), from the later of `horizon` and the topic's own
    on, without what arrived after `cut` and the ids of `exclude`, and with `types` only of these types.

    AccordError: not_found (no such topic), busy. Not to be called in a transaction.
    """
    refresh(now=now)
    for _ in range(MAX_TRIES):
        with one_moment():
            row = Topic.objects.filter(kind=topic.kind, ident=topic.ident).first()
            if row is None:
                raise AccordError("not_found", "no such topic here")
            found = state()
            members = Members(
                topic_id=row.pk,
                horizon=max(row.horizon, horizon),
                at=as_of(now) if at is None else at,
                cut=found.tree_cursor if cut is None else cut,
                exclude=frozenset(exclude),
                types=tuple(types),
            )
            is_true = found.tree_cursor >= members.cut and not Dirty.objects.filter(topic=row).exists()
            if is_true or types:
                return TreeView(topic, members, row, found)
        settle()
    raise AccordError("busy", "the topic's tree changes too fast", retry_ms=RETRY_BUSY_MS)


def _times_of(members: Members) -> list[int]:
    """When what the view leaves out on purpose was made."""
    excluded = list(members.exclude)
    found = [created_at for created_at, ident in members.burned if ident in members.exclude]
    for start in range(0, len(excluded), MAX_IDS_A_QUERY):
        # Of any topic: asked for one of them, the planner would go through all that it has.
        rows = Message.objects.filter(ident__in=excluded[start : start + MAX_IDS_A_QUERY])
        found += [
            created_at
            for topic_id, created_at in rows.values_list("topic_id", "created_at")
            if topic_id == members.topic_id
        ]
    return found


def _burning(members: Members, one: int, other: int, cut: int) -> list[int]:
    """When what burns between two moments of trees was made."""
    low, high = sorted((one, other))
    return _created(_BURNING, [low + BURN_MARGIN_MS, high + BURN_MARGIN_MS, cut, members.topic_id])


def _created(query: str, values: list[int]) -> list[int]:
    """When messages, held or burned, were made."""
    found: list[int] = []
    with connection.cursor() as cursor:
        for table in (_MESSAGES, Burned._meta.db_table):
            cursor.execute(query.format(table), values)
            found += [created_at for (created_at,) in cursor.fetchall()]
    return found


def envelopes(idents: Sequence[bytes], *, now: int, max_bytes: int) -> list[tuple[bytes, bytes]]:
    """(id, envelope as JSON) of as many of these messages, from the first on, as have room together; at least one.

    What is no longer held, or has burned, comes as empty bytes.
    """
    found: list[tuple[bytes, bytes]] = []
    room = max_bytes
    for start in range(0, len(idents), READ_STEP):
        some = idents[start : start + READ_STEP]
        rows = Message.objects.filter(selectors.not_burned(now), ident__in=some)
        held = {
            bytes(ident): envelope_bytes(header, sig, salt, body)
            for ident, header, sig, salt, body in rows.values_list("ident", "header", "sig", "salt", "body")
        }
        for ident in some:
            envelope = held.get(ident, b"")
            room -= len(envelope) + 1
            if found and room < 0:
                return found
            found.append((ident, envelope))
    return found
