"""What was stored in a channel and turns out to be invalid goes again, so that hubs become equal whatever came first
(protocol.md section 7): what is dated after the next epoch, what its author wrote without being a member then, what was
said in a channel whose making was taken back.

All under the store's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from accord.epochs import LATE_MS, is_late
from accord.spaces import ADMIN, CLOCK_SLACK_MS, MEMBER, SpaceView, Stay
from messaging.burials import messages_remove
from messaging.models import EpochPart, Message, Room
from messaging.spaces.epochs import line_of
from peers.models import User

KEYS: Final = ("space.epoch", "space.history")


def lost_times(before: SpaceView, view: SpaceView) -> dict[bytes, int]:
    """Of those who are no longer, or were not, what they were in the view before: after which time (ms) that is so, -1
    for whenever.
    """
    found = {}
    for key, stays in before.stays.items():
        since = _lost(stays, view.stays.get(key, []))
        if since is not None:
            found[key] = since
    return found


def _lost(before: Sequence[Stay], now: Sequence[Stay]) -> int | None:
    if now is before or now[: len(before)] == before:
        return None  # all that there was, and perhaps more
    *earlier, last = before
    if len(now) >= len(before) and now[: len(earlier)] == earlier:
        ended = now[len(earlier)]
        if ended.until is not None and replace(ended, until=None) == last:
            return ended.until + CLOCK_SLACK_MS
    return -1


def strangers_sweep(room: Room, view: SpaceView, lost: Mapping[bytes, int]) -> bool:
    """Remove what was written in a channel by those whose times as members, `lost_times`, do not cover it any more;
    whether an epoch was among it.
    """
    if not lost:
        return False
    authors = User.objects.filter(key__in=list(lost)).values("pk")
    rows = Message.objects.filter(topic=room.topic, created_at__gt=min(lost.values()), author__in=authors)
    gone: dict[int, bytes] = {}
    for cursor, ident, author, type_, created_at in rows.values_list(
        "cursor", "ident", "author__key", "type", "created_at"
    ):
        needed = ADMIN if type_ in KEYS or room.admins_only else MEMBER
        if not view.was(bytes(author), created_at, needed):
            gone[cursor] = bytes(ident)
    epochs, _ = EpochPart.objects.filter(room=room, ident__in=list(gone.values())).delete()
    messages_remove(gone)
    return epochs > 0


def channel_empty(room: Room) -> None:
    """Remove all that was said in a channel: it was never made."""
    EpochPart.objects.filter(room=room).delete()
    messages_remove(list(Message.objects.filter(topic=room.topic).values_list("cursor", flat=True)))


def late_sweep(room: Room, view: SpaceView, *, since: int | None) -> int:
    """Remove what is dated after the epoch that followed its own, of what is dated after `since` (ms); where that is
    None, also what was said under an epoch that is none any more. Gives the number of messages.
    """
    line = line_of(room, view.admins)
    rows = Message.objects.filter(topic=room.topic)
    if since is not None:
        rows = rows.filter(created_at__gt=since + LATE_MS)
    gone = []
    for cursor, created_at, header in rows.values_list("cursor", "created_at", "header").iterator():
        enc = orjson.loads(bytes(header)).get("enc")
        if enc is not None and (enc["epoch"] > len(line) or is_late(line, enc["epoch"], created_at)):
            gone.append(cursor)
    return messages_remove(gone)
