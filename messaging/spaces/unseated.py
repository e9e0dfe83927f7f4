"""Spaces in which nobody of this hub is, or ever was: linked hubs have brought them (protocol.md section 4).

A space that comes is one of these until its chain says who of this hub is in it. So they are few at a time, apart from
the spaces of people here, and those that stay so are dropped by a task; where they were for somebody after all, the
next comparison brings them again.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from messaging.burials import messages_remove
from messaging.locks import store_lock
from messaging.models import Message, Room, Seat, Topic
from messaging.spaces.chains import view_of
from peers.keyring import keyring
from peers.models import Account, KeyChange, Tombstone

MAX_UNSEATED_SPACES: Final = 200
STEP_MESSAGES: Final = 500


def spaces_of_people() -> QuerySet[Room]:
    """The spaces in which somebody with an account here has a seat."""
    seats = Seat.objects.filter(user__account__isnull=False).values("room")
    return Room.objects.filter(topic__kind="space", pk__in=seats)


def unseated_spaces() -> QuerySet[Room]:
    """The others."""
    return Room.objects.filter(topic__kind="space").exclude(pk__in=spaces_of_people().values("pk"))


def unseated_sweep() -> int:
    """Drop the spaces in which nobody ever was who has, or had, an account here; gives their number."""
    dropped = 0
    for room in unseated_spaces().select_related("topic"):
        if not _was_anybodys(bytes(room.topic.ident)):
            _drop(room.topic)
            dropped += 1
    return dropped


def _was_anybodys(space: bytes) -> bool:
    keys = list(view_of(space).stays)
    return (
        Account.objects.filter(user__key__in=keys).exists()
        or KeyChange.objects.filter(old__key__in=keys).exists()
        or Tombstone.objects.filter(hub=keyring().hub.public, key__in=keys).exists()
    )


def _drop(space: Topic) -> None:
    topics = [*Room.objects.filter(space=space).values_list("topic", flat=True), space.pk]
    while True:
        with transaction.atomic():
            store_lock()
            rows = Message.objects.filter(topic__in=topics).values_list("pk", flat=True)
            if messages_remove(list(rows[:STEP_MESSAGES])):
                continue
            Room.objects.filter(topic__in=topics).delete()
            # Views are kept by the newest arrival: there is none. Rows of topics stay for good.
            Topic.objects.filter(pk__in=topics).update(cursor=0)
            return
