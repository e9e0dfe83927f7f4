"""Whose what would go is, by name: for the command and the console (prune_plan.py has the sums)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from accord.encoding import b64encode
from messaging.models import Topic
from messaging.prune_plan import Amount, Plan, Shares, shares
from peers.models import Account, User

NAME_BYTES: Final = 6  # of the key of somebody without an account here


@dataclass(frozen=True, slots=True)
class Named:
    """A part of what goes, with what people call it; `key` is its topic, user key or month (2026-11)."""

    name: str
    key: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Told:
    """What goes by topic and by person, the largest part first, by month, and by day (UTC, since 1970)."""

    topics: list[Named]
    people: list[Named]
    months: list[Named]
    days: dict[int, Amount]


def _largest_first(parts: list[Named]) -> list[Named]:
    return sorted(parts, key=lambda part: (-part.amount.bytes, part.key))


def _named_people(users: Collection[int]) -> dict[int, tuple[str, str]]:
    """(name, key) of users by row: the account's name, or the beginning of the key."""
    found = {pk: bytes(key) for pk, key in User.objects.filter(pk__in=users).values_list("pk", "key")}
    accounts = dict(
        Account.objects.filter(user__in=users).exclude(kind=Account.Kind.TEMP).values_list("user_id", "name")
    )
    return {pk: (accounts.get(pk) or f"{b64encode(key[:NAME_BYTES])}…", b64encode(key)) for pk, key in found.items()}


def named_topics(topics: Collection[int]) -> dict[int, tuple[str, str]]:
    """(name, topic) of topics by row: #channel, feed of somebody, inbox of somebody."""
    rows = list(Topic.objects.filter(pk__in=topics).values_list("pk", "kind", "ident", "name"))
    owners = {bytes(ident) for _, kind, ident, _ in rows if kind != "chan"}
    names = {
        bytes(key): name
        for key, name in Account.objects.filter(user__key__in=owners)
        .exclude(kind=Account.Kind.TEMP)
        .values_list("user__key", "name")
    }
    words = {"feed": "feed of ", "user": "inbox of ", "chan": "#"}
    named = {}
    for pk, kind, ident, name in rows:
        called = name if kind == "chan" else names.get(bytes(ident))
        named[pk] = (
            words[kind] + (called or f"{b64encode(bytes(ident)[:NAME_BYTES])}…"),
            f"{kind}:{b64encode(bytes(ident))}",
        )
    return named


def _named(amounts: Mapping[int, Amount], names: Mapping[int, tuple[str, str]]) -> list[Named]:
    return _largest_first([Named(*names[pk], amount) for pk, amount in amounts.items()])


def told(planned: Plan) -> Told:
    """What a plan takes away, by name."""
    found: Shares = shares(planned)
    months = [
        Named(f"{month // 100:04d}-{month % 100:02d}", f"{month // 100:04d}-{month % 100:02d}", amount)
        for month, amount in sorted(found.months.items())
    ]
    return Told(
        _named(found.topics, named_topics(found.topics)),
        _named(found.people, _named_people(found.people)),
        months,
        found.days,
    )
