"""Pruning: the oldest messages leave this hub when its store takes more room than it may (protocol.md section 5).

First the horizon of a topic moves, in one transaction with the signed receipt that says so; what lies below it is then
outside the topic's tree, and `gone` at the door. Then the rows go in short transactions, with pauses in between, so
that writers are not kept waiting. A kill at any moment leaves at most rows below a horizon: the next run goes on there.
Not here: what goes (prune_plan.py), how much room there is (room.py), when it runs (tasks.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from accord import pruned
from accord.encoding import canonical
from accord.topics import Topic as TopicName
from messaging import trees
from messaging.locks import store_lock
from messaging.models import Message, Receipt, Store, Topic
from messaging.prune_plan import Plan, plan
from messaging.prune_rules import goes, pinned
from messaging.room import bound, room, room_note, room_return_step
from peers.keyring import keyring

SLACK_PARTS: Final = 50  # pruning goes on to a fiftieth below the bound: else it would begin anew with each message
STEP_SECONDS: Final = 0.03  # what a transaction that removes rows should take before it commits
FIRST_STEP_MESSAGES: Final = 500
LEAST_STEP_MESSAGES: Final = 200
MOST_STEP_MESSAGES: Final = 4_000  # each dirties a page of the index of ids: the more at once, the less is written
MAX_PAUSE_SECONDS: Final = 0.1
RECEIPT_TRIES: Final = 3

Progress = Callable[[int, int], None]  # messages removed since the last call, pages' bytes in use


class PruneBusyError(Exception):
    """Another process prunes this store."""


@dataclass(slots=True)
class Outcome:
    """What a run did: receipts written, messages removed, bytes in use before and after, and whether nothing
    is left to do.
    """

    receipts: int = 0
    messages: int = 0
    used_before: int = 0
    used_after: int = 0
    is_done: bool = False


class _Pace:
    """Ends a run in time, and leaves writers as much time as it takes, unless it hurries."""

    def __init__(self, seconds: float | None, *, hurries: bool) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._hurries = hurries
        self.step = FIRST_STEP_MESSAGES

    def is_over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Around what locks the store."""
        begun = time.monotonic()
        yield
        if not self._hurries:
            time.sleep(min(MAX_PAUSE_SECONDS, time.monotonic() - begun))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Within a transaction, around all but its commit: how long that takes does not depend on the step."""
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
        if took > STEP_SECONDS:
            self.step = max(LEAST_STEP_MESSAGES, self.step // 2)
        elif took < STEP_SECONDS / 2:
            self.step = min(MOST_STEP_MESSAGES, self.step * 2)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Be the only one who prunes; PruneBusyError. The kernel lets go of the lock with the process."""
    handle = os.open(settings.ACCORD_HOME / "prune.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise PruneBusyError("this hub is pruning already") from error
    finally:
        os.close(handle)


# Horizons and receipts


def _receipt(before: trees.TreeView, after: trees.TreeView, *, now: int) -> pruned.Receipt:
    return pruned.Receipt(
        topic=before.topic,
        at=now,
        start=before.horizon,
        horizon=after.horizon,
        count=before.count - after.count,
        root_before=before.root,
        root_after=after.root,
        as_of=before.at,
        cursor=before.cut,
    )


def horizon_advance(*, topic_id: int, horizon: int, now: int) -> bool:
    """Let a topic begin at `horizon` (ms), and sign a receipt for what goes; False if it does already."""
    kind, ident = Topic.objects.values_list("kind", "ident").get(pk=topic_id)
    topic = TopicName(kind, bytes(ident))
    for tries_left in reversed(range(RECEIPT_TRIES)):
        before = trees.view(topic, now=now)
        if before.horizon >= horizon:
            return False
        after = trees.view(topic, now=now, at=before.at, horizon=horizon, cut=before.cut)
        receipt = _receipt(before, after, now=now)
        with transaction.atomic():
            store_lock()
            late = Message.objects.filter(cursor__gt=before.cut, topic=topic_id, created_at__lt=horizon)
            if tries_left and late.exists():
                continue  # what the receipt says shall be all that goes
            if Topic.objects.values_list("horizon", flat=True).get(pk=topic_id) != before.horizon:
                continue
            trees.horizon_move(topic_id, horizon)
            Receipt.objects.create(
                topic_id=topic_id,
                at=now,
                horizon=horizon,
                count=receipt.count,
                statement=canonical(pruned.make_receipt(keyring().hub, receipt)),
            )
            return True
    return False


def horizons_advance(*, planned: Plan, now: int) -> int:
    """Do so for every topic of a plan; gives their number. From here on its messages are gone, if not yet removed."""
    return sum(
        horizon_advance(topic_id=topic_id, horizon=planned.horizon, now=now) for topic_id in sorted(planned.topics)
    )


# Rows

_LEFT: Final = (
    "SELECT m.cursor, length(m.header) + length(m.sig) + coalesce(length(m.salt), 0) + coalesce(length(m.body), 0) "  # noqa: S608
    f"FROM {Message._meta.db_table} m WHERE m.topic_id = %s AND m.created_at < %s AND "
)
_WITH_REST: Final = (
    f"SELECT t.id, t.horizon FROM {Topic._meta.db_table} t WHERE t.horizon > 0 AND EXISTS ("  # noqa: S608
    f"SELECT 1 FROM {Message._meta.db_table} m WHERE m.topic_id = t.id AND m.created_at < t.horizon"
)


def rows_remove(cursors: Collection[int]) -> None:
    """Remove messages by arrival number, and every row of any app that belongs to one. In a transaction."""
    numbers = ", ".join(map(str, cursors))
    for relation in Message._meta.related_objects:
        model, column = relation.related_model, relation.field.column
        if model._meta.related_objects:  # others belong to its rows in turn
            model._base_manager.filter(**{f"{relation.field.name}__in": cursors}).delete()
        else:
            _execute(f"DELETE FROM {model._meta.db_table} WHERE {column} IN ({numbers})")  # noqa: S608
    _execute(f"DELETE FROM {Message._meta.db_table} WHERE cursor IN ({numbers})")  # noqa: S608


def _execute(query: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query)


def _remove_step(topic_id: int, horizon: int, pace: _Pace) -> tuple[int, bool]:
    """Remove some of what lies below a topic's horizon; gives how many, and whether that may have been all."""
    with transaction.atomic():
        store_lock()
        limit = pace.step
        with pace.working():
            with connection.cursor() as cursor:
                cursor.execute(f"{_LEFT} {goes(pinned())} LIMIT %s", (topic_id, horizon, limit))
                rows = cursor.fetchall()
            if rows:
                rows_remove([row[0] for row in rows])
                size = sum(row[1] for row in rows)
                Topic.objects.filter(pk=topic_id).update(count=F("count") - len(rows), bytes=F("bytes") - size)
                Store.objects.filter(pk=1).update(unwiped=F("unwiped") + len(rows))
    return len(rows), len(rows) < limit


def _topics_with_rest() -> list[tuple[int, int]]:
    """(row, horizon) of topics below whose horizon there is something to remove, the lowest horizon first."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_WITH_REST} AND {goes(pinned())}) ORDER BY t.horizon, t.id", ())  # with %% for %
        rows: list[tuple[int, int]] = cursor.fetchall()
    return rows


def _sweep(pace: _Pace, outcome: Outcome, progress: Progress | None) -> None:
    """Remove all that lies below horizons."""
    for topic_id, horizon in _topics_with_rest():
        is_all = False
        while not is_all and not pace.is_over():
            with pace.pausing():
                removed, is_all = _remove_step(topic_id, horizon, pace)
            outcome.messages += removed
            if progress is not None:
                progress(removed, room().used)


def _return_room(pace: _Pace) -> bool:
    """Give free pages back; whether all are."""
    more = True
    while more and not pace.is_over():
        with pace.pausing():
            more = room_return_step()
    return not more


def store_prune(
    *,
    goal: int | None,
    now: int,
    seconds: float | None = None,
    hurries: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Remove the oldest messages until at most `goal` bytes are in use, or nothing more may go; None removes only what
    is gone already. Ends after `seconds`, to be called again. PruneBusyError.
    """
    pace = _Pace(seconds, hurries=hurries)
    outcome = Outcome(used_before=room().used)
    with _alone():
        while not pace.is_over():
            _sweep(pace, outcome, progress)
            if pace.is_over():
                break
            excess = 0 if goal is None else room().used - goal
            planned = plan(needed=excess, now=now)
            moved = horizons_advance(planned=planned, now=now)
            outcome.receipts += moved
            if not moved:
                outcome.is_done = True
                break
        outcome.is_done = _return_room(pace) and outcome.is_done
        outcome.used_after = room().used
        if outcome.messages:
            room_note(now=now, freed=max(0, outcome.used_before - outcome.used_after))
    return outcome


def goal_of(used: int) -> int | None:
    """To how many bytes a store that takes `used` is to be pruned; None while it is within its bound."""
    limit = bound()
    return limit - limit // SLACK_PARTS if used > limit else None


def store_keep(*, now: int, seconds: float) -> Outcome:
    """Keep the store within the operator's bound. While more comes than goes, as from a larger hub, writers wait."""
    used, limit = room().used, bound()
    hurries = used > limit + limit // SLACK_PARTS
    return store_prune(goal=goal_of(used), now=now, seconds=seconds, hurries=hurries)
