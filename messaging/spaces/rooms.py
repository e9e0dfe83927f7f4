"""Who has a seat in which private topic, and what changes when that does (protocol.md sections 4 and 7).

Seats are rows that follow from control messages, written in the transaction that stores these. Sessions hear of it
after the commit: a topic more, a topic less. Not here: why somebody has a seat (chains.py, connections.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from accord.topics import Topic as TopicName
from messaging.models import Room, Seat, Topic
from peers.loop import loop_bridge
from peers.models import User

MAX_KEPT_READERS: Final = 4_096

# On the loop, after the commit: the topic, who has a seat now and had none, who had one and has none.
seats_changed: list[Callable[[TopicName, frozenset[bytes], frozenset[bytes]], None]] = []

# In the transaction, once all is written: who has come into some private topic, the time in ms.
seated_hooks: list[Callable[[frozenset[bytes], int], None]] = []

_readers: dict[int, tuple[int, frozenset[bytes]]] = {}


def private_topics(keys: Iterable[bytes]) -> Q:
    """Of topics, the private ones in which one of these users has a seat."""
    seats = Seat.objects.filter(user__in=User.objects.filter(key__in=list(keys))).values("room")
    return Q(is_private=True, pk__in=seats)


def room_of(topic: TopicName) -> Room | None:
    """The room of a private topic; None for any other."""
    return (
        Room.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident).select_related("topic", "space").first()
    )


def readers(room: Room) -> frozenset[bytes]:
    """The users who have a seat, by key."""
    kept = _readers.get(room.pk)
    if kept is not None and kept[0] == room.turn:
        return kept[1]
    found = frozenset(bytes(key) for key in Seat.objects.filter(room=room).values_list("user__key", flat=True))
    if len(_readers) > MAX_KEPT_READERS:
        _readers.clear()
    _readers[room.pk] = (room.turn, found)
    return found


def readers_of(topics: Iterable[int]) -> dict[int, frozenset[bytes]]:
    """The users who have a seat in each of these private topics, by row number."""
    return {room.pk: readers(room) for room in Room.objects.filter(pk__in=list(topics))}


def readers_named(topic: TopicName) -> frozenset[bytes] | None:
    """The users who have a seat in a topic; None where it is no private one."""
    room = room_of(topic)
    return None if room is None else readers(room)


def seated_in(topic_id: int) -> frozenset[bytes]:
    """The users who have a seat in the private topic of a row number."""
    return readers_of([topic_id]).get(topic_id, frozenset())


def seat_role(room: Room, key: bytes) -> str | None:
    """The role of a user in a private topic."""
    return Seat.objects.filter(room=room, user__key=key).values_list("role", flat=True).first()


def rooms_of_space(space: Room) -> QuerySet[Room]:
    """The channels of a space."""
    return Room.objects.filter(space=space.topic).select_related("topic")


def room_ensure(
    topic: TopicName, *, name: str = "", about: str = "", space: Room | None = None, **fields: object
) -> Room:
    """A private topic as it is to be; made where there is none."""
    row, _ = Topic.objects.update_or_create(
        kind=topic.kind, ident=topic.ident, defaults={"name": name, "about": about, "is_private": True}
    )
    values = {"space": None if space is None else space.topic, **fields}
    return Room.objects.update_or_create(topic=row, defaults=values)[0]


def seats_set(room: Room, roles: Mapping[bytes, str]) -> frozenset[bytes]:
    """Give a private topic these members; gives who had a seat before. Sessions are told after the commit."""
    held = {bytes(key): role for key, role in Seat.objects.filter(room=room).values_list("user__key", "role")}
    before = frozenset(held)
    if held == dict(roles):
        return before
    gone = before - roles.keys()
    Seat.objects.filter(room=room, user__key__in=list(gone)).delete()
    for key, role in roles.items():
        if held.get(key) != role:
            user = User.objects.get_or_create(key=key)[0]
            Seat.objects.update_or_create(room=room, user=user, defaults={"role": role})
    # Random, not counted: what a commit that fails has seen must not pass for what another one does.
    room.turn = secrets.randbits(62)
    Room.objects.filter(pk=room.pk).update(turn=room.turn)
    _readers.pop(room.pk, None)
    topic = TopicName(room.topic.kind, bytes(room.topic.ident))
    come = frozenset(key for key, role in roles.items() if held.get(key) != role)
    transaction.on_commit(lambda: loop_bridge.soon(_tell_all, [topic], come, gone))
    return before


def seats_change(rooms: Collection[Room], roles: Mapping[bytes, str | None]) -> None:
    """Change the seats of some users in each of these private topics: a role, or None for no seat. What they have there
    must be another one. Sessions are told after the commit.
    """
    if not rooms or not roles:
        return
    given = {key: role for key, role in roles.items() if role is not None}
    come, gone = frozenset(given), frozenset(roles) - given.keys()
    if gone:
        Seat.objects.filter(room__in=rooms, user__in=User.objects.filter(key__in=gone)).delete()
    for key, role in given.items():
        user, _ = User.objects.get_or_create(key=key)
        Seat.objects.bulk_create(
            [Seat(room=room, user=user, role=role) for room in rooms],
            update_conflicts=True,
            unique_fields=["room", "user"],
            update_fields=["role"],
        )
    turn = secrets.randbits(62)  # as above
    for room in rooms:
        kept = _readers.pop(room.pk, None)
        if kept is not None and kept[0] == room.turn:
            _readers[room.pk] = (turn, (kept[1] - gone) | come)
        room.turn = turn
    Room.objects.filter(pk__in=[room.pk for room in rooms]).update(turn=turn)
    topics = [TopicName(room.topic.kind, bytes(room.topic.ident)) for room in rooms]
    transaction.on_commit(lambda: loop_bridge.soon(_tell_all, topics, come, gone))


def tell_readers(room: Room) -> None:
    """Tell everyone who has a seat of a topic once more, after the commit: something about it has changed."""
    topic = TopicName(room.topic.kind, bytes(room.topic.ident))
    everyone = readers(room)
    transaction.on_commit(lambda: loop_bridge.soon(_tell_all, [topic], everyone, frozenset()))


def _tell_all(topics: Iterable[TopicName], come: frozenset[bytes], gone: frozenset[bytes]) -> None:
    for topic in topics:
        for listener in seats_changed:
            listener(topic, come, gone)
