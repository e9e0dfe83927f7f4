"""Reads of the REST API: messages as its items, mentions, answers, identities, receipts (selectors.py has the rest)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from accord.encoding import b64encode
from accord.messages import message_uuid
from accord.topics import Topic as TopicName
from messaging.models import Mention, Message, Receipt, Reference, Topic
from messaging.places import Place
from messaging.selectors import MAX_READ_BYTES, READ_STEP, Reader, not_burned
from messaging.stored import item_bytes
from messaging.topic_rows import account_names, homes_of, hub_names

UUID_FIXED_BYTES: Final = 6  # of an id, before the first bits that its UUID overwrites
_COLUMNS: Final = ("cursor", "ident", "header", "sig", "salt", "body")


def api_item(ident: bytes, item: bytes) -> bytes:
    """An item of the API: that of a frame, with the message's names, which are not part of what is signed."""
    return b'{"id":"%b","uuid":"%b",%b' % (b64encode(ident).encode(), str(message_uuid(ident)).encode(), item[1:])


def _items(rows: QuerySet[Message], limit: int) -> tuple[list[tuple[int, bytes]], bool]:
    """(arrival number, item) of at most `limit` messages and about MAX_READ_BYTES; and whether there are more."""
    found: list[tuple[int, bytes]] = []
    size = 0
    for cursor, ident, *blobs in rows[: limit + 1].values_list(*_COLUMNS).iterator(chunk_size=READ_STEP):
        if found and (len(found) == limit or size > MAX_READ_BYTES):
            return found, True
        item = api_item(bytes(ident), item_bytes(cursor, *blobs))
        size += len(item)
        found.append((cursor, item))
    return found, False


def ident_of(name: str, reader: Reader) -> bytes | None:
    """The id of the message that a UUID names, if the reader may read it. Only 122 bits of the id are in it."""
    wanted = uuid.UUID(name)
    first = wanted.bytes[:UUID_FIXED_BYTES]
    rows = reader.rows().filter(ident__gte=first, ident__lte=first + b"\xff" * (32 - UUID_FIXED_BYTES))
    idents = (bytes(ident) for ident in rows.values_list("ident", flat=True))
    return next((ident for ident in idents if message_uuid(ident) == wanted), None)


def message_item(ident: bytes, reader: Reader, *, is_shown: bool = False) -> bytes | None:
    """One message, if it is held and the reader may read it, or is shown it for another reason."""
    rows = Message.objects.filter(not_burned(reader.now)) if is_shown else reader.rows()
    found, _ = _items(rows.filter(ident=ident), 1)
    return found[0][1] if found else None


def place_of(ident: bytes, reader: Reader) -> Place | None:
    """Where a message stands in its topic, if it is held and the reader may read it."""
    created_at = reader.rows().filter(ident=ident).values_list("created_at", flat=True).first()
    return None if created_at is None else (created_at, ident)


def arrival_of(ident: bytes, reader: Reader) -> int | None:
    """A message's arrival number, if it is held and the reader may read it."""
    return reader.rows().filter(ident=ident).values_list("cursor", flat=True).first()


def mentions(
    reader: Reader, *, limit: int, before: int | None = None, after: int | None = None
) -> tuple[list[tuple[int, bytes]], bool]:
    """Messages that address the reader, the last to arrive first; with `after` the next ones, in order of arrival."""
    # Control messages and notes are kept under those whom they are about; they address nobody.
    named = Mention.objects.filter(user__key__in=reader.keys).exclude(
        Q(message__topic__kind="hub") | Q(message__type="identity.note")
    )
    if before is not None:
        named = named.filter(message__lt=before)
    if after is not None:
        named = named.filter(message__gt=after)
    rows = reader.rows().filter(cursor__in=named.values("message_id"))
    return _items(rows.order_by("-cursor" if after is None else "cursor"), limit)


def about(
    ident: bytes, relations: Sequence[str], reader: Reader, *, limit: int, after: int = 0
) -> tuple[list[tuple[int, bytes]], bool]:
    """Messages that answer a message or refer to it, in order of arrival."""
    named = Reference.objects.filter(target=ident, relation__in=relations, message__gt=after)
    return _items(reader.rows().filter(cursor__in=named.values("message_id")).order_by("cursor"), limit)


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whose feed is held here; `profile` is the item of the newest one, None where there is none. `hub` serves
    whoever has no account here, as far as one is known; with the name of that hub.
    """

    key: bytes
    name: str | None
    profile: bytes | None
    hub: bytes | None
    hub_name: str | None


def identities(reader: Reader, *, limit: int, after: bytes = b"", key: bytes | None = None) -> list[Identity]:
    """By key; or the one of a key. Whoever has no feed here is nobody's business: a stranger may have written to one
    member only.
    """
    feeds = Topic.objects.filter(kind="feed", ident__gt=after).order_by("ident")
    if key is not None:
        feeds = feeds.filter(ident=key)
    rows = [(row.pk, bytes(row.ident), row.count) for row in feeds[:limit]]
    names = account_names([ident for _, ident, _ in rows])
    homes = homes_of([ident for _, ident, _ in rows if ident not in names], now=reader.now)
    called = hub_names(list(homes.values()))
    return [
        Identity(
            ident,
            names.get(ident),
            _profile(pk, reader) if count else None,
            homes.get(ident),
            called.get(homes.get(ident, b"")),
        )
        for pk, ident, count in rows
    ]


def _profile(topic_id: int, reader: Reader) -> bytes | None:
    rows = Message.objects.filter(not_burned(reader.now), topic=topic_id, type="profile", body__isnull=False)
    found, _ = _items(rows.order_by("-created_at", "-ident"), 1)
    return found[0][1] if found else None


def receipts(topic: TopicName, *, after: int, limit: int) -> list[tuple[int, bytes]]:
    """(horizon, signed statement as JSON) of the prunings of a topic beyond a horizon (ms), the oldest first."""
    rows = Receipt.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident, horizon__gt=after)
    return [(row.horizon, bytes(row.statement)) for row in rows.order_by("horizon")[:limit]]
