"""The epochs that a private channel has had, from what is noted of them (protocol.md section 7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.db.models import Count

from accord.epochs import Epoch, epoch_line
from accord.messages import Message as SignedMessage
from messaging.models import EpochPart, Room
from peers.models import User


def epoch_take(room: Room, message: SignedMessage, body: dict[str, Any]) -> int:
    """Write down a `space.epoch` that is being stored; gives when (ms) the first part of it is dated."""
    EpochPart.objects.create(
        room=room,
        ident=message.id,
        author=User.objects.get_or_create(key=message.author)[0],
        epoch=body["epoch"],
        kid=body["kid"],
        prev=body.get("prev_epoch_hash"),
        part=body.get("part", 1),
        parts=body.get("parts", 1),
        window_ms=body["window_ms"],
        created_at=message.created_at,
    )
    parts = EpochPart.objects.filter(room=room, author__key=message.author, epoch=body["epoch"])
    return min(parts.values_list("created_at", flat=True))


def has_rivals(room: Room) -> bool:
    """Whether two people have made an epoch of the same number: then it matters who of them is an admin."""
    rows = EpochPart.objects.filter(room=room).values("epoch").annotate(authors=Count("author", distinct=True))
    return rows.filter(authors__gt=1).exists()


def line_of(room: Room, admins: Collection[bytes]) -> list[Epoch]:
    """The epochs of a channel that count, number 1 first; `admins` are those of its space now."""
    together: defaultdict[tuple[Any, ...], dict[int, EpochPart]] = defaultdict(dict)
    for row in EpochPart.objects.filter(room=room).select_related("author").order_by("created_at", "ident"):
        shared = (bytes(row.author.key), row.epoch, bytes(row.kid), row.window_ms, bytes(row.prev or b""), row.parts)
        together[shared].setdefault(row.part, row)
    whole = [parts for shared, parts in together.items() if len(parts) == shared[-1]]
    return epoch_line([_epoch(parts[1]) for parts in whole], admins)


def _epoch(first: EpochPart) -> Epoch:
    return Epoch(
        number=first.epoch,
        ident=bytes(first.ident),
        author=bytes(first.author.key),
        created_at=first.created_at,
        window_ms=first.window_ms,
        kid=bytes(first.kid),
        prev=None if first.prev is None else bytes(first.prev),
        reason="",
        recipients=frozenset(),
    )
