"""Reads for the console: figures over time, the invite tree, what the operator refuses.

None of them walks the messages: sums stand in topics, counts by day in DayCount; what has come since the last count is
read by arrival number, at most TAIL_MESSAGES of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.contrib.auth.models import User as ConsoleUser
from django.db import connection
from django.db.models import Count

from console.models import Block, Counted, DayCount, Factor, Sample
from messaging.models import Message, Topic
from messaging.selectors import store_cursor
from peers.models import Account

DAY_MS: Final = 24 * 3600 * 1000
MINUTES_A_DAY: Final = 24 * 60
TAIL_MESSAGES: Final = 20_000
MAX_DEPTH: Final = 80

_BY_DAY: Final = (
    f"SELECT created_at / {DAY_MS}, count(*) FROM {Message._meta.db_table} "  # noqa: S608
    "WHERE cursor > %s AND cursor <= %s GROUP BY 1"
)


def days_between(after: int, upto: int) -> list[tuple[int, int]]:
    """(day since 1970 UTC, messages that bear its date) of arrival numbers in (after, upto]."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, (after, upto))
        return [(int(day), int(count)) for day, count in cursor.fetchall()]


def messages_by_day(*, first: int, last: int) -> list[int]:
    """How many messages bear the date of each of these days."""
    counts: defaultdict[int, int] = defaultdict(int)
    for day, count in DayCount.objects.filter(day__range=(first, last)).values_list("day", "messages"):
        counts[day] += count
    counted = Counted.objects.values_list("cursor", flat=True).first() or 0
    for day, count in days_between(counted, min(store_cursor(), counted + TAIL_MESSAGES)):
        counts[day] += count
    return [counts[day] for day in range(first, last + 1)]


def joined_by_day(*, first: int, last: int) -> list[int]:
    """How many people the hub had at the end of each day."""
    times = list(
        Account.objects.filter(kind=Account.Kind.REAL).order_by("created_at").values_list("created_at", flat=True)
    )
    found: list[int] = []
    place = 0
    for day in range(first, last + 1):
        while place < len(times) and times[place] < (day + 1) * DAY_MS:
            place += 1
        found.append(place)
    return found


def samples_since(minute: int) -> list[Sample]:
    """Samples from a minute on, in order."""
    return list(Sample.objects.filter(minute__gte=minute).order_by("minute"))


def is_blocked(*, serial: bytes, client: bytes) -> bool:
    """Whether the operator refuses this device or this certificate."""
    return Block.objects.filter(client=client).exists() or Block.objects.filter(serial=serial).exists()


def has_factor(owner: str) -> bool:
    """Whether the console asks this user for a second factor."""
    return Factor.objects.filter(owner=owner, is_confirmed=True).exists()


def without_factor() -> list[str]:
    """Console users whom a link alone lets in."""
    with_one = Factor.objects.filter(is_confirmed=True).values("owner")
    users = ConsoleUser.objects.filter(is_active=True).exclude(username__in=with_one)
    return list(users.order_by("username").values_list("username", flat=True))


def names_of(users: set[bytes]) -> dict[bytes, str]:
    """What the accounts of these user keys are called."""
    rows = Account.objects.filter(user__key__in=users).values_list("user__key", "name")
    return {bytes(key): name for key, name in rows}


def open_channels() -> list[Topic]:
    """The open channels, by name."""
    return list(Topic.objects.filter(kind="chan", is_private=False).exclude(name="").order_by("name", "pk"))


@dataclass(slots=True, eq=False)
class Branch:
    """An account of the invite tree with what is below it; the totals count the account itself."""

    pk: int
    name: str
    kind: str
    messages: int
    unspent: int
    people: int = 0
    waiting: int = 0
    branch_messages: int = 0
    branch_unspent: int = 0
    is_match: bool = False
    is_open: bool = False
    children: list[Branch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """A walk through the tree, as a page draws it: into a branch, out of it again, or past one without children."""

    kind: str  # open, close, leaf, cut: what is below is left out
    branch: Branch


def walk(root: Branch) -> Iterator[Step]:
    """From top to bottom; not deeper than MAX_DEPTH, for browsers nest no deeper than some hundreds of elements."""
    waiting: list[tuple[str, Branch, int]] = [("open", root, 0)]
    while waiting:
        kind, branch, depth = waiting.pop()
        if kind == "close":
            yield Step("close", branch)
        elif not branch.children:
            yield Step("leaf", branch)
        elif depth >= MAX_DEPTH:
            yield Step("cut", branch)
        else:
            yield Step("open", branch)
            waiting.append(("close", branch, depth))
            waiting.extend(("open", child, depth + 1) for child in reversed(branch.children))


def invite_tree(*, search: str = "", at: int | None = None) -> Branch | None:
    """The tree under the admin, or from one account on, read in one query; branches that lead to a match are open."""
    rows = Account.objects.order_by("name").values_list(
        "pk", "parent_id", "name", "kind", "messages_used", "balance__unspent"
    )
    branches: dict[int, Branch] = {}
    parents: dict[int, int | None] = {}
    for pk, parent, name, kind, messages, unspent in rows:
        branches[pk] = Branch(pk, name, kind, messages, unspent or 0)
        branches[pk].is_match = bool(search) and search.casefold() in name.casefold()
        parents[pk] = parent
    root = None
    for pk, above in parents.items():
        if above is None:
            root = branches[pk]
        else:
            branches[above].children.append(branches[pk])
    if root is not None:
        _add_up(root)
    return branches.get(at) if at is not None else root


def _add_up(root: Branch) -> None:
    """Totals from the leaves up; without recursion, for a chain of invites may be long."""
    order = [root]
    for branch in order:
        order.extend(branch.children)
    for branch in reversed(order):
        branch.people += branch.kind == Account.Kind.REAL
        branch.waiting += branch.kind == Account.Kind.TEMP
        branch.branch_messages += branch.messages
        branch.branch_unspent += branch.unspent
        for child in branch.children:
            branch.people += child.people
            branch.waiting += child.waiting
            branch.branch_messages += child.branch_messages
            branch.branch_unspent += child.branch_unspent
            branch.is_open = branch.is_open or child.is_match or child.is_open


def kinds_of_accounts() -> dict[str, int]:
    """How many accounts of each kind there are."""
    return dict(Account.objects.values_list("kind").annotate(number=Count("pk")))
