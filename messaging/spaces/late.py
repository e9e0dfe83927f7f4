"""What was stored in a channel and turns out to be invalid goes again, so that hubs become equal whatever came first
(protocol.md section 7): what is dated after the next epoch, what its author wrote without being a member then.

All under the store's lock.
"""

from __future__ import annotations

from typing import Final

import orjson

from accord.epochs import LATE_MS, is_late
from accord.spaces import ADMIN, MEMBER, SpaceView
from messaging.burials import messages_remove
from messaging.models import EpochPart, Message, Room
from messaging.spaces.epochs import line_of

KEYS: Final = ("space.epoch", "space.history")


def strangers_sweep(room: Room, view: SpaceView, before: SpaceView) -> bool:
    """Remove what was written in a channel by those whose times as members are others than before, and do not cover it
    any more; whether an epoch was among it.
    """
    changed = [key for key, stays in before.stays.items() if view.stays.get(key, []) != stays]
    rows = Message.objects.filter(topic=room.topic, author__key__in=changed)
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
