"""Bringing branches up to date with the message table (protocol.md section 5).

Nothing is done where messages are stored: the arrival number is the mark of a new message, and `Store.tree_cursor` says
up to which one branches are true. What changes trees without an arrival (a later moment, a row taken away, a horizon)
writes Dirty in its own transaction. So a crash at any line leaves branches that are true, or marked.

A step reads and hashes without any lock, then writes in one short transaction if nothing has changed in between
(`Store.tree_turn`). A whole tree is written in one transaction too, so several processes may work at once: at worst one
of them has worked in vain.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from accord.errors import AccordError
from accord.merkle import HORIZON_MS, LEVELS, ROOT_LEVEL, bucket_of, span_ms
from messaging.locks import one_moment, store_lock
from messaging.models import Branch, Burned, Dirty, Message, RootMark, Store, Topic
from messaging.trees import nodes
from messaging.trees.members import BURN_MARGIN_MS, Members, as_of, burned_rows

STEP_MESSAGES: Final = 20_000
STEP_BUCKETS: Final = 5_000
PATIENCE_SECONDS: Final = 20.0
BACK_MS: Final = 600_000  # less far back the moment does not go: sessions of some minutes ask for their own
RETRY_BUSY_MS: Final = 5_000

# What every look does is plain SQL: the ORM takes longer to write such statements than the database to run them.
_STATE: Final = (
    f"SELECT cursor, tree_cursor, tree_at, tree_turn, EXISTS (SELECT 1 FROM {Dirty._meta.db_table}) "  # noqa: S608
    f"FROM {Store._meta.db_table} WHERE id = 1"
)
_PLACES: Final = " UNION ALL ".join(
    f"SELECT topic_id, created_at FROM {model._meta.db_table} WHERE {{0}}"  # noqa: S608
    for model in (Message, Burned)
)

Progress = Callable[[int, int], None]  # arrival numbers: how far, of how many

_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class State:
    """What branches are true for: `cursor` is the store's, the others are the trees'; `is_marked` if there is Dirty."""

    cursor: int
    tree_cursor: int
    at: int
    turn: int
    is_marked: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """What has been worked out, and how it is written; `write` says whether things are still as they were read."""

    write: Callable[[], bool]


def state() -> State:
    """As it is now."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        newest, tree_cursor, at, turn, is_marked = cursor.fetchone()
    return State(newest, tree_cursor, at, turn, bool(is_marked))


def refresh(*, now: int, steps: int | None = None, progress: Progress | None = None) -> int:
    """Bring all branches up to what is stored now, as of `now` (ms), or some `steps` nearer to it; gives the arrival
    number they have come to.

    Cheap where nothing is new. Not to be called in a transaction. AccordError("busy") while another thread takes long.
    """
    return _advance(as_of(now), steps, progress)


def settle() -> int:
    """The same as of the moment that branches are kept for."""
    return _advance(None, None, None)


def _advance(at: int | None, steps: int | None, progress: Progress | None) -> int:
    target = state().cursor
    with _turn():
        for number in itertools.count():
            with one_moment():
                found = state()
                step = None if number == steps else _next_step(found, found.at if at is None else at, target)
            if step is None:
                break
            with transaction.atomic():
                store_lock()
                step.write()
            if progress:
                progress(found.tree_cursor, target)
    return found.tree_cursor


@contextmanager
def _turn() -> Iterator[None]:
    """One thread of the process at a time: others would work in vain."""
    if connection.in_atomic_block:  # whoever holds the lock of writers must not wait for one who waits for that
        yield
        return
    if not _alone.acquire(timeout=PATIENCE_SECONDS):
        raise AccordError("busy", "the hub's trees are being built", retry_ms=RETRY_BUSY_MS)
    try:
        yield
    finally:
        _alone.release()


def _next_step(found: State, at: int, target: int) -> _Step | None:
    """The next thing to do, in this order: begin, whole trees, another moment, marked buckets and new messages."""
    if found.cursor and not found.tree_cursor:
        return _Step(lambda: _begin(found, at))
    if found.is_marked:
        whole = Dirty.objects.filter(bucket=Dirty.WHOLE).values_list("pk", "topic_id").order_by("pk").first()
        if whole:
            return _whole(found, *whole)
    if (at > found.at or at < found.at - BACK_MS) and (pairs := burning_between(found.at, at, found.tree_cursor)):
        return _Step(lambda: _move(found, at, pairs))
    return _paths(found, target)


# Steps


def _unchanged(found: State) -> bool:
    now = state()
    return (now.tree_cursor, now.at, now.turn) == (found.tree_cursor, found.at, found.turn)


def _turned(found: State, **values: int) -> None:
    Store.objects.filter(pk=1).update(tree_turn=found.turn + 1, **values)


def _begin(found: State, at: int) -> bool:
    """There have never been trees: all of them are to be built."""
    if not _unchanged(found):
        return False
    topics = Topic.objects.filter(cursor__gt=0).values_list("pk", flat=True)
    mark_whole(topics)
    _turned(state(), tree_cursor=found.cursor, tree_at=at)
    return True


def _whole(found: State, dirty_id: int, topic_id: int) -> _Step:
    horizon = Topic.objects.values_list("horizon", flat=True).get(pk=topic_id)
    burned = burned_rows(found.at, found.tree_cursor).get(topic_id, ())
    rows: list[tuple[int, int, int, bytes]] = []
    members = Members(topic_id, horizon, found.at, found.tree_cursor, burned)
    nodes.grow(members.all_leaves(), lambda level, bucket, packed: rows.append((topic_id, level, bucket, packed)))

    def write() -> bool:
        # Another process may have done other topics meanwhile; only what this tree was made from must be the same.
        now = state()
        if (
            (now.tree_cursor, now.at) != (found.tree_cursor, found.at)
            or not Dirty.objects.filter(pk=dirty_id).exists()
            or not Topic.objects.filter(pk=topic_id, horizon=horizon).exists()
        ):
            return False
        Dirty.objects.filter(pk=dirty_id).delete()
        Branch.objects.filter(topic=topic_id).delete()
        nodes.write(rows)
        if rows:
            _note([(topic_id, rows[-1][3], horizon)], found.at, found.tree_cursor)
        _turned(now)
        return True

    return _Step(write)


def burning_between(one: int, other: int, cut: int) -> set[tuple[int, int]]:
    """Where trees as of two moments differ: (topic id, bucket of level 1)."""
    low, high = sorted((one, other))
    span = [low + BURN_MARGIN_MS, high + BURN_MARGIN_MS, cut]
    return _places("burn_at > %s AND burn_at <= %s AND cursor <= %s", span)


def _places(condition: str, values: list[int]) -> set[tuple[int, int]]:
    """Where messages lie, held or burned: (topic id, bucket of level 1)."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES.format(condition), [*values, *values])
        return {(topic_id, bucket_of(created_at, 1)) for topic_id, created_at in cursor.fetchall()}


def _move(found: State, at: int, pairs: Iterable[tuple[int, int]]) -> bool:
    if not _unchanged(found):
        return False
    _mark(pairs)
    _turned(found, tree_at=at)
    return True


def _paths(found: State, target: int) -> _Step | None:
    """Hash the paths of marked buckets and of the messages that arrived next."""
    marked: list[tuple[int, int, int]] = []
    if found.is_marked:
        marked = list(Dirty.objects.order_by("pk").values_list("pk", "topic_id", "bucket")[:STEP_BUCKETS])
    upto = min(target, found.tree_cursor + STEP_MESSAGES)
    if not marked and upto <= found.tree_cursor:
        return None
    upto = max(upto, found.tree_cursor)
    burned = burned_rows(found.at, upto)
    touched: defaultdict[int, set[int]] = defaultdict(set)
    for _, topic_id, bucket in marked:
        touched[topic_id].add(bucket)
    for topic_id, bucket in _places("cursor > %s AND cursor <= %s", [found.tree_cursor, upto]):
        touched[topic_id].add(bucket)
    written, roots = [], []
    for topic_id, horizon in Topic.objects.filter(pk__in=touched).values_list("pk", "horizon"):
        members = Members(topic_id, horizon, found.at, upto, burned.get(topic_id, ()))
        changed = members.level_one(touched[topic_id])
        climbed = nodes.climb(changed, horizon=horizon, load=partial(nodes.load, topic_id))
        written += [(topic_id, level, bucket, packed) for (level, bucket), packed in climbed.items()]
        roots.append((topic_id, climbed[ROOT_LEVEL, 0], horizon))

    def write() -> bool:
        if not _unchanged(found):
            return False
        nodes.write(written)
        if marked:
            Dirty.objects.filter(pk__lte=marked[-1][0]).delete()  # none has come since, or the turn were another
        if len(marked) < STEP_BUCKETS:  # so that none is left
            _note(roots, found.at, upto)
        _turned(found, tree_cursor=upto)
        return True

    return _Step(write)


def _note(roots: Iterable[tuple[int, bytes, int]], at: int, cursor: int) -> None:
    """Enter roots of topics, given by their packed top node and horizon, into the index."""
    marks = [
        RootMark(topic_id=topic_id, root=nodes.root_of(packed)[0], horizon=horizon, as_of=at, cursor=cursor)
        for topic_id, packed, horizon in roots
        if packed
    ]
    marks_keep(marks)


def marks_keep(marks: list[RootMark]) -> None:
    """Enter roots into the index; of one that comes again the later arrival number stands."""
    RootMark.objects.bulk_create(
        marks, update_conflicts=True, unique_fields=["topic", "root", "horizon"], update_fields=["as_of", "cursor"]
    )


# Marks


def mark_dirty(pairs: Iterable[tuple[int, int]]) -> None:
    """Say that rows at (topic id, created_at) are taken away at or above their topic's horizon.

    Within the transaction that does it, under the store's lock. What burns, and what lies before a horizon that has
    been moved, needs no mark.
    """
    _mark({(topic_id, bucket_of(created_at, 1)) for topic_id, created_at in pairs})
    Store.objects.filter(pk=1).update(tree_turn=F("tree_turn") + 1)


def mark_whole(topic_ids: Iterable[int]) -> None:
    """Have the whole trees of topics built anew; within a transaction, under the store's lock."""
    _mark((topic_id, Dirty.WHOLE) for topic_id in topic_ids)
    Store.objects.filter(pk=1).update(tree_turn=F("tree_turn") + 1)


def horizon_move(topic_id: int, horizon: int) -> None:
    """Move a topic's horizon (ms, a multiple of HORIZON_MS) to a later time; messages from before are then outside its
    tree, whether or not they have been deleted. Within a transaction, under the store's lock.
    """
    if horizon % HORIZON_MS:
        raise ValueError("a horizon is a multiple of HORIZON_MS")
    if not Topic.objects.filter(pk=topic_id, horizon__lt=horizon).update(horizon=horizon):
        return
    for level in range(nodes.LOWEST_KEPT, LEVELS):
        Branch.objects.filter(topic=topic_id, level=level, bucket__lt=horizon // span_ms(level)).delete()
    mark_dirty([(topic_id, horizon)])


def _mark(pairs: Iterable[tuple[int, int]]) -> None:
    rows = [Dirty(topic_id=topic_id, bucket=bucket) for topic_id, bucket in pairs]
    Dirty.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
