"""What would go if the hub pruned: the oldest messages of all topics, in whole level-3 buckets (protocol.md section 5).

A bucket of time goes in all topics at once, so that no topic pays for another one. The bucket of the present stays, and
with it whatever is in it, even if it alone is more than the bound: were its end the horizon, the hub could take nothing
new for hours. Reads only; the cost is that of what would go. Not here: the removal (prune.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from accord.merkle import HORIZON_MS, horizon_of
from messaging.models import Message, Topic
from messaging.prune_rules import PRUNED_KINDS, goes, pinned

# What a message takes in the database beside its content: its row's other columns, two indexes, what refers to it.
ROW_BYTES: Final = 240
DAY_MS: Final = 24 * 3600 * 1000
FIRST_WINDOW_BUCKETS: Final = 64  # about twelve days

_KINDS: Final = ", ".join(f"'{kind}'" for kind in PRUNED_KINDS)
_CONTENT: Final = "length(m.header) + length(m.sig) + coalesce(length(m.salt), 0) + coalesce(length(m.body), 0)"
_HELD: Final = (
    f"{Topic._meta.db_table} t JOIN {Message._meta.db_table} m "
    "ON m.topic_id = t.id AND m.created_at >= {later}(t.horizon, %s) AND m.created_at < %s "
    f"WHERE t.kind IN ({_KINDS}) AND "
)
_OLDEST: Final = (
    f"SELECT (SELECT min(created_at) FROM {Message._meta.db_table} WHERE topic_id = t.id AND created_at >= t.horizon) "  # noqa: S608
    f"FROM {Topic._meta.db_table} t WHERE t.kind IN ({_KINDS})"
)
_BY_BUCKET: Final = f"SELECT m.created_at / {HORIZON_MS}, m.topic_id, count(*), sum({_CONTENT}) FROM " + _HELD  # noqa: S608
_BY_PERSON: Final = (
    f"SELECT m.topic_id, m.author_id, m.created_at / {DAY_MS}, "  # noqa: S608
    f"count(*), sum({_CONTENT}) FROM " + _HELD
)
_BY_DAY: Final = (
    f"SELECT m.created_at / {DAY_MS}, count(*) FROM {Message._meta.db_table} m "  # noqa: S608
    f"WHERE m.topic_id IN (SELECT id FROM {Topic._meta.db_table} WHERE kind IN ({_KINDS})) AND {{}} GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """Messages, and the bytes that they take with all that belongs to them."""

    messages: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.messages + other.messages, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything older than `horizon` (ms) goes, but for what stays for good; `topics` has what goes of each, by row.

    `needed` is what was asked for, in bytes. With less than that in `total`, no more can go.
    """

    horizon: int
    needed: int
    topics: dict[int, Amount]

    @property
    def total(self) -> Amount:
        """All of it."""
        return sum(self.topics.values(), Amount())


def _rows(query: str, columns: str, kept: Collection[int], since: int, upto: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        later = "max" if connection.vendor == "sqlite" else "greatest"
        cursor.execute(f"{query.format(later=later)} {goes(kept)} GROUP BY {columns}", (since, upto))
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _amount(messages: int, content: int) -> Amount:
    return Amount(messages, content + messages * ROW_BYTES)


def _oldest() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        times = [time for (time,) in cursor.fetchall() if time is not None]
    return min(times, default=None)


def _window(since: int, upto: int, kept: Collection[int]) -> list[tuple[int, dict[int, Amount]]]:
    """What goes of [since, upto), by bucket, the oldest first, and topic."""
    found: defaultdict[int, dict[int, Amount]] = defaultdict(dict)
    for bucket, topic_id, messages, content in _rows(_BY_BUCKET, "1, 2", kept, since, upto):
        found[bucket][topic_id] = _amount(messages, content)
    return sorted(found.items())


def plan(*, needed: int, now: int) -> Plan:
    """The fewest buckets, the oldest first, that together take at least `needed` bytes, or all that may go."""
    present = horizon_of(now)
    oldest = _oldest() if needed > 0 else None
    if oldest is None or oldest >= present:
        return Plan(0, needed, {})
    kept = pinned()
    topics: defaultdict[int, Amount] = defaultdict(Amount)
    horizon, freed = 0, 0
    since, buckets = horizon_of(oldest), FIRST_WINDOW_BUCKETS
    while since < present and freed < needed:
        upto = min(present, since + buckets * HORIZON_MS)
        for bucket, amounts in _window(since, upto, kept):
            if freed >= needed:
                break
            horizon = (bucket + 1) * HORIZON_MS
            for topic_id, amount in amounts.items():
                topics[topic_id] += amount
                freed += amount.bytes
        since, buckets = upto, buckets * 2
    return Plan(horizon, needed, dict(topics))


def plan_before(horizon: int, *, now: int) -> Plan:
    """What goes if all that is older than `horizon` does, a multiple of HORIZON_MS not later than the present."""
    horizon = min(horizon_of(horizon), horizon_of(now))
    topics: defaultdict[int, Amount] = defaultdict(Amount)
    for _, amounts in _window(0, horizon, pinned()):
        for topic_id, amount in amounts.items():
            topics[topic_id] += amount
    return Plan(horizon, 0, dict(topics))


@dataclass(frozen=True, slots=True)
class Shares:
    """Whose the messages are that would go: by the rows of topics and of users, by day (UTC, since 1970), and by month
    (year * 100 + month).
    """

    topics: dict[int, Amount]
    people: dict[int, Amount]
    days: dict[int, Amount]

    @property
    def months(self) -> dict[int, Amount]:
        """The days of each month together."""
        months: defaultdict[int, Amount] = defaultdict(Amount)
        for day, amount in self.days.items():
            at = datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC)
            months[at.year * 100 + at.month] += amount
        return dict(months)


def shares(planned: Plan) -> Shares:
    """Look through all that would go."""
    topics: defaultdict[int, Amount] = defaultdict(Amount)
    people: defaultdict[int, Amount] = defaultdict(Amount)
    days: defaultdict[int, Amount] = defaultdict(Amount)

    if planned.topics:
        for topic_id, author_id, day, messages, content in _rows(_BY_PERSON, "1, 2, 3", pinned(), 0, planned.horizon):
            amount = _amount(messages, content)
            topics[topic_id] += amount
            people[author_id] += amount
            days[day] += amount
    return Shares(dict(topics), dict(people), dict(days))


@dataclass(frozen=True, slots=True)
class Held:
    """Messages of one day (UTC, since 1970) in topics that are pruned; `burning` is how many of them burn."""

    day: int
    messages: int
    burning: int


def held_by_day() -> list[Held]:
    """What is held, by the day on which it was made, the oldest first. Read from indexes alone, but for what burns."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY.format("TRUE"))
        held: dict[int, int] = dict(cursor.fetchall())
        cursor.execute(_BY_DAY.format("m.burn_at IS NOT NULL"))
        burning: dict[int, int] = dict(cursor.fetchall())
    return [Held(day, held[day], burning.get(day, 0)) for day in sorted(held)]
