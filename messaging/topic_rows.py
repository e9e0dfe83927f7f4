"""Topics as the frame `topics` and the REST API list them (protocol.md section 4).

A channel of another hub comes with that hub's key and name, and with the `set_admin` statement by which everyone can
judge its admin; the feed of somebody without an account here with the hub that serves them, where one is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db.models import Q

from accord.encoding import b64encode
from accord.messages import envelope_json
from accord.statements import HubAdmin, admin_of
from accord.topics import Topic as TopicName
from messaging.models import Message, Room, Seat, Topic
from messaging.selectors import OPEN, Reader
from peers.blessings import blessed_hubs
from peers.models import Account, Hub, KeyChange
from peers.selectors import key_changes, statement

USED_MS: Final = 30 * 24 * 3600 * 1000  # a topic that nobody here has used for so long is carried no more


def topics_of(reader: Reader, *, hub: bytes, after: TopicName | None, limit: int) -> list[dict[str, Any]]:
    """The rows of a `topics` answer: all that one may read, by name; kinds sort before ids. `hub` is this hub's key."""
    mine = OPEN | Q(kind="user", ident__in=[*reader.keys, *reader.inboxes]) | Q(kind="hub", ident=hub)
    rows = Topic.objects.filter(mine | reader.private_topics())
    if after is not None:
        rows = rows.filter(Q(kind__gt=after.kind) | Q(kind=after.kind, ident__gt=after.ident))
    return topic_rows(list(rows.order_by("kind", "ident")[:limit]), reader)


def topics_named(topics: Sequence[TopicName], reader: Reader) -> list[dict[str, Any]]:
    """The rows of these topics, as far as they are known here; of private ones those that one may read."""
    named = Q(pk__in=[])
    for topic in topics:
        named |= Q(kind=topic.kind, ident=topic.ident)
    return topic_rows(list(Topic.objects.filter(named, Q(is_private=False) | reader.private_topics())), reader)


def channels(reader: Reader, *, limit: int, after: bytes = b"") -> list[tuple[bytes, dict[str, Any]]]:
    """Open channels by id: (id, row as the frame `topics` has it)."""
    found = list(Topic.objects.filter(OPEN, kind="chan", ident__gt=after).order_by("ident")[:limit])
    rows = topic_rows(found, reader)
    return [(bytes(topic.ident), row) for topic, row in zip(found, rows, strict=True)]


@dataclass(frozen=True, slots=True)
class _Home:
    """A hub as a row names it."""

    name: str
    admin: HubAdmin
    set_admin: dict[str, Any]


def account_names(keys: Sequence[bytes]) -> dict[bytes, str]:
    """The names of the claimed accounts of these users."""
    rows = Account.objects.filter(user__key__in=keys).exclude(kind=Account.Kind.TEMP)
    return {bytes(key): name for key, name in rows.values_list("user__key", "name")}


def homes_of(keys: Sequence[bytes], *, now: int) -> dict[bytes, bytes]:
    """Of these users, none of whom has an account here, the hub that serves them, where one does."""
    return {key: min(hubs) for key, hubs in blessed_hubs(keys, now=now).items()}


def hub_names(keys: Sequence[bytes]) -> dict[bytes, str]:
    """What these hubs are called."""
    return {bytes(key): name for key, name in Hub.objects.filter(key__in=keys).values_list("key", "name")}


def topic_rows(found: Sequence[Topic], reader: Reader) -> list[dict[str, Any]]:
    """Rows for these topics, in their order."""
    owners = [bytes(topic.ident) for topic in found if topic.kind in ("feed", "user")]
    names = account_names(owners)
    former = former_rows(list(names))
    foreign = homes_of([key for key in owners if key not in names], now=reader.now)
    keys = {bytes(topic.hub) for topic in found if topic.hub is not None} | set(foreign.values())
    homes = {
        bytes(key): _Home(name, admin_of(value := orjson.loads(bytes(set_admin))), value)
        for key, name, set_admin in Hub.objects.filter(key__in=keys).values_list("key", "name", "set_admin")
    }
    rows = [_row(topic, reader, names, foreign, homes) for topic in found]
    add_rooms(found, rows, reader.user)
    for topic, row in zip(found, rows, strict=True):
        if topic.kind in ("feed", "user") and (changes := former.get(bytes(topic.ident))):
            row["former"] = changes
    return rows


def add_rooms(found: Sequence[Topic], rows: Sequence[dict[str, Any]], user: bytes) -> None:
    """Say in the rows of private topics what they are, and what the user is there."""
    private = [topic.pk for topic in found if topic.is_private]
    if not private:
        return
    rooms = {room.pk: room for room in Room.objects.filter(pk__in=private).select_related("space")}
    own = dict(Seat.objects.filter(room__in=private, user__key=user).values_list("room_id", "role"))
    for topic, row in zip(found, rows, strict=True):
        if (room := rooms.get(topic.pk)) is None:
            continue
        row |= {"encrypted": topic.kind == "chan", "role": own.get(topic.pk, Seat.Role.MEMBER)}
        if room.space is not None:
            row |= {"space": b64encode(bytes(room.space.ident)), "voice": room.voice}
            row |= {name: True for name in ("admins_only", "closed") if getattr(room, name)}
            if room.burn_ms is not None:
                row["burn_ms"] = room.burn_ms
        elif topic.kind == "chan":
            keys = Seat.objects.filter(room=room).values_list("user__key", flat=True)
            row["with"] = sorted(b64encode(bytes(key)) for key in keys)


def former_rows(keys: Sequence[bytes]) -> dict[bytes, list[dict[str, Any]]]:
    """The keys that the accounts of these users had before, the newest first, with what was signed for each change as
    far as it is held: all that accord/former.py asks for.
    """
    changes = key_changes(keys)
    idents = [ident for rows in changes.values() for row in rows for ident in row.signed_ids()]
    held = Message.objects.filter(ident__in=idents).values_list("ident", "header", "sig", "salt", "body")
    signed = {
        bytes(ident): envelope_json(orjson.loads(bytes(header)), bytes(sig), bytes(salt or b""), bytes(body or b""))
        for ident, header, sig, salt, body in held
    }
    return {key: [_former(row, signed) for row in rows] for key, rows in changes.items()}


def _former(row: KeyChange, signed: dict[bytes, dict[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {"key": b64encode(row.old.key), "at": row.at, "way": row.way}
    if row.way == KeyChange.Way.HUB:
        value["statement"] = statement("set_admin")
    elif held := [signed[ident] for ident in row.signed_ids() if ident in signed]:
        value["signed"] = held
    return value


def _row(
    row: Topic, reader: Reader, names: dict[bytes, str], foreign: dict[bytes, bytes], homes: dict[bytes, _Home]
) -> dict[str, Any]:
    topic = TopicName(row.kind, bytes(row.ident))
    is_person = topic.kind in ("feed", "user")
    hub = foreign.get(topic.ident) if is_person else row.hub and bytes(row.hub)
    home = homes.get(hub) if hub else None
    if is_person:
        is_admin = topic.ident == reader.user
    else:
        is_admin = reader.is_admin if hub is None else home is not None and home.admin.has(reader.user, reader.now)
    value: dict[str, Any] = {
        "topic": topic.name,
        "kind": topic.kind,
        "encrypted": False,
        "count": row.count,
        "horizon": row.horizon,
        "cursor": row.cursor,
        "role": "admin" if is_admin else "member",
    }
    if reader.is_relay and row.used_at > reader.now - USED_MS:
        value["used"] = True
    if name := names.get(topic.ident, row.name):
        value["name"] = name
    if row.about:
        value["about"] = row.about
    if hub:
        value["hub"] = b64encode(hub)
    if home:
        value["hub_name"] = home.name
        if not is_person:
            value["admin"] = home.set_admin
    return value
