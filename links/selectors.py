"""Reads of links: which there are, where they stand, what waits for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet

from accord.encoding import b64encode
from accord.topics import Topic as TopicName
from links.models import Base, Exchange, Link, Parcel, Refusal
from links.states import State, describe, is_connected
from messaging.models import Message, Seat, Topic
from messaging.selectors import OPEN
from messaging.spaces.rooms import readers_named, seated_in
from messaging.stored import envelope_bytes
from messaging.topic_rows import USED_MS
from peers.blessings import blessed_hubs, blessed_users, blessings_of


def link_of(key: bytes) -> Link | None:
    """The link to the hub with a peer key."""
    return Link.objects.filter(key=key).first()


def links_enabled() -> list[Link]:
    """The links that are switched on, in the order in which they were made."""
    return list(Link.objects.filter(enabled=True).order_by("pk"))


def linked_hubs() -> list[bytes]:
    """The keys of the hubs that this one is linked to, rising."""
    return sorted(bytes(key) for key in Link.objects.filter(enabled=True).values_list("key", flat=True))


def parcels_waiting() -> dict[bytes, int]:
    """How many messages wait for each hub."""
    counted = Parcel.objects.values("hub").annotate(number=Count("pk")).values_list("hub", "number")
    return {bytes(hub): number for hub, number in counted}


def parcels_due(hub: bytes, *, now: int, limit: int) -> list[tuple[int, int, int]]:
    """The next messages for a hub that may be tried at `now`: (parcel, arrival number, tries so far)."""
    due = Parcel.objects.filter(hub=hub, next_at__lte=now).order_by("pk")
    return list(due.values_list("pk", "cursor", "tries")[:limit])


def state_text(link: Link, now: int) -> str:
    """A link's state in plain words."""
    return describe(
        link.state,
        now=now,
        code=link.code,
        next_at=link.next_at,
        equal_at=link.equal_at,
        behind=link.behind,
        refused=link.refused,
    )


def link_rows(*, now: int) -> list[dict[str, Any]]:
    """Every link as `manage.py links --json` tells it."""
    waiting = parcels_waiting()
    return [
        {
            "hub": b64encode(bytes(link.key)),
            "name": link.name,
            "origin": link.origin,
            "all": link.everything,
            "enabled": link.enabled,
            "state": link.state,
            "text": state_text(link, now),
            "connected": is_connected(link.state),
            "equal_at": link.equal_at,
            "behind": link.behind,
            "refused": link.refused,
            "waiting": waiting.get(bytes(link.key), 0),
        }
        for link in Link.objects.order_by("pk")
    ]


def exchanges_since(*, since: int) -> Iterable[tuple[int, str, int]]:
    """(ended_at, outcome, messages received) of the sessions of sync that have ended since then."""
    rows = Exchange.objects.filter(ended_at__gte=since).order_by("ended_at")
    return rows.values_list("ended_at", "outcome", "received")


def due_to_compare(*, now: int) -> Q:
    """Links whose next comparison has come: connected, and not asked for one yet."""
    return Q(state__in=[State.EQUAL, State.UNEQUAL], next_at__lte=now, asked_at__isnull=True)


# What a link carries


MAX_IDS_A_QUERY: Final = 500
MAX_ENVELOPES_BYTES: Final = 900 * 1024  # of a frame that carries them


def used_channels(*, now: int) -> frozenset[TopicName]:
    """The open channels that people here have used in the last 30 days."""
    rows = Topic.objects.filter(OPEN, kind="chan", used_at__gte=now - USED_MS).values_list("ident", flat=True)
    return frozenset(TopicName("chan", bytes(ident)) for ident in rows)


def counts_of(kinds: Sequence[str]) -> dict[TopicName, int]:
    """How many messages are held of each open topic of these kinds."""
    rows = Topic.objects.filter(kind__in=kinds, is_private=False).values_list("kind", "ident", "count")
    return {TopicName(kind, bytes(ident)): count for kind, ident, count in rows}


def channel_openings(*, after: int, but: bytes) -> list[tuple[int, bytes]]:
    """(arrival number, envelope) of every `chan.open` that has arrived later, of all hubs `but` that one."""
    hubs = Topic.objects.filter(kind="hub").exclude(ident=but)
    rows = Message.objects.filter(topic__in=hubs, type="chan.open", cursor__gt=after)
    columns = ("cursor", "header", "sig", "salt", "body")
    return [(cursor, envelope_bytes(*blobs)) for cursor, *blobs in rows.order_by("cursor").values_list(*columns)]


def envelopes_at(cursors: Sequence[int]) -> list[bytes | None]:
    """The envelopes with these arrival numbers, in order, as many as fit a frame; None for what is held no more."""
    rows = Message.objects.filter(cursor__in=cursors)
    columns = ("cursor", "header", "sig", "salt", "body")
    held = {cursor: blobs for cursor, *blobs in rows.values_list(*columns)}
    found: list[bytes | None] = []
    size = 0
    for cursor in cursors:
        envelope = envelope_bytes(*held[cursor]) if cursor in held else None
        size += len(envelope or b"") + 1
        if found and size > MAX_ENVELOPES_BYTES:
            break
        found.append(envelope)
    return found


def inbox_cursors(user: bytes) -> list[int]:
    """The arrival numbers of what is held of somebody's inbox, in order."""
    rows = Message.objects.filter(topic__in=Topic.objects.filter(kind="user", ident=user))
    return list(rows.order_by("cursor").values_list("cursor", flat=True))


def _seated_for(hub: bytes, *, now: int) -> QuerySet[Seat]:
    """The seats of those whom a hub serves."""
    return Seat.objects.filter(user__in=blessings_of(hub, now=now).values("user"))


def private_horizons(hub: bytes, *, now: int) -> dict[TopicName, int]:
    """The private topics to compare with a hub, with their horizons (ms since 1970 UTC): somebody whom it serves and
    somebody who has an account here have a seat in each.
    """
    here = Seat.objects.filter(user__account__isnull=False)
    rows = Topic.objects.filter(is_private=True, pk__in=here.values("room"))
    rows = rows.filter(pk__in=_seated_for(hub, now=now).values("room"))
    return {TopicName(kind, bytes(ident)): at for kind, ident, at in rows.values_list("kind", "ident", "horizon")}


def reads_private(hub: bytes, topic: TopicName, *, now: int) -> bool:
    """Whether somebody whom a hub serves has a seat in a topic."""
    seats = _seated_for(hub, now=now)
    return seats.filter(room__topic__kind=topic.kind, room__topic__ident=topic.ident).exists()


def is_acceptable(topic: TopicName) -> bool:
    """Whether what another hub has of a topic is to be taken although it may know nothing of what is here: of a private
    one, and of a space that is not known here. A channel is known once its space or its connection is.
    """
    if Topic.objects.filter(kind=topic.kind, ident=topic.ident, is_private=True).exists():
        return True
    return topic.kind == "space"


def hubs_of(topic: TopicName, *, now: int) -> set[bytes] | None:
    """The hubs that may know of a private topic: those that serve a member of it. None: it is no private one."""
    users = readers_named(topic)
    return None if users is None else set().union(*blessed_hubs(users, now=now).values())


def withheld(hub: bytes, cursors: Sequence[int], *, now: int) -> set[int]:
    """Of these arrival numbers, what is of private channels in which nobody whom the hub serves has a seat any more."""
    rows = Message.objects.filter(cursor__in=cursors, topic__kind="chan", topic__is_private=True)
    topics = dict(rows.values_list("cursor", "topic_id"))
    served = blessed_users(hub, now=now) if topics else set()
    open_to_it = {topic_id for topic_id in set(topics.values()) if not served.isdisjoint(seated_in(topic_id))}
    return {cursor for cursor, topic_id in topics.items() if topic_id not in open_to_it}


def parcel_due_at(hub: bytes) -> int | None:
    """When the next message for a hub is to be tried, ms since 1970 UTC."""
    due_at: int | None = Parcel.objects.filter(hub=hub).aggregate(at=Min("next_at"))["at"]
    return due_at


class Shared(NamedTuple):
    """The last root of a topic that both hubs had."""

    root: bytes
    horizon: int
    cursor: int


def shared_roots(hub: bytes) -> dict[TopicName, Shared]:
    """Of each topic the last root that this hub and that one had."""
    rows = Base.objects.filter(link__key=hub).values_list("topic__kind", "topic__ident", "root", "horizon", "cursor")
    return {
        TopicName(kind, bytes(ident)): Shared(bytes(root), horizon, cursor)
        for kind, ident, root, horizon, cursor in rows
    }


def refused_idents(hub: bytes) -> dict[TopicName, set[bytes]]:
    """Of each topic what one of the two hubs refuses."""
    found: defaultdict[TopicName, set[bytes]] = defaultdict(set)
    rows = Refusal.objects.filter(link__key=hub).values_list("topic__kind", "topic__ident", "ident")
    for kind, topic, ident in rows.iterator(chunk_size=2_000):
        found[TopicName(kind, bytes(topic))].add(bytes(ident))
    return found


def topic_rows(topics: Iterable[TopicName]) -> dict[TopicName, int]:
    """The numbers of the rows of topics that are known here."""
    found: dict[TopicName, int] = {}
    by_kind: defaultdict[str, list[bytes]] = defaultdict(list)
    for topic in topics:
        by_kind[topic.kind].append(topic.ident)
    for kind, idents in by_kind.items():
        for start in range(0, len(idents), MAX_IDS_A_QUERY):
            some = idents[start : start + MAX_IDS_A_QUERY]
            for number, ident in Topic.objects.filter(kind=kind, ident__in=some).values_list("pk", "ident"):
                found[TopicName(kind, bytes(ident))] = number
    return found


def horizons_of(kinds: Sequence[str]) -> dict[TopicName, int]:
    """The horizons of all open topics of these kinds, ms since 1970 UTC."""
    rows = Topic.objects.filter(kind__in=kinds, is_private=False).values_list("kind", "ident", "horizon")
    return {TopicName(kind, bytes(ident)): horizon for kind, ident, horizon in rows}


_HELD_BETWEEN: Final = f"SELECT ident FROM {Message._meta.db_table} WHERE ident >= %s AND ident <= %s LIMIT 1"  # noqa: S608
# `+ 0` keeps the planner from the index by topic and time: it would read the whole topic.
_ARRIVED: Final = f"SELECT ident FROM {Message._meta.db_table} WHERE cursor > %s AND cursor <= %s AND topic_id + 0 = %s"  # noqa: S608
_LAST: Final = b"\xff" * 16


def held_prefixes(prefixes: Iterable[bytes]) -> list[bytes]:
    """The ids of the messages held here that begin with one of these 16 bytes. Plain SQL: there are many."""
    found = []
    with connection.cursor() as cursor:
        for prefix in prefixes:
            cursor.execute(_HELD_BETWEEN, (prefix, prefix + _LAST))
            if row := cursor.fetchone():
                found.append(bytes(row[0]))
    return found


def created(idents: Iterable[bytes]) -> list[tuple[bytes, int]]:
    """(id, created_at in ms) of those of these messages that are held."""
    rows = Message.objects.filter(ident__in=list(idents)).values_list("ident", "created_at")
    return [(bytes(ident), created_at) for ident, created_at in rows]


def arrived(topic_id: int, after: int, upto: int) -> Iterator[bytes]:
    """The ids of a topic with arrival numbers in (after, upto]."""
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVED, (after, upto, topic_id))
        while rows := cursor.fetchmany(1_000):
            for (ident,) in rows:
                yield bytes(ident)
