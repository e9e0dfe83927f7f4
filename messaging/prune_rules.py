"""What a hub that prunes keeps for good, whatever its age (protocol.md section 5).

Never pruned are the kinds of topics and the types of messages that others rely on. Of the rest stay: what an admin of
the topic has pinned, with the pin and with the newest edit, without which it would not be what people see; and the
newest profile of a feed, without which its owner would lose the name. Not here: when and how far a hub prunes
(prune_plan.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import orjson

from accord.statements import HubAdmin
from accord.topics import Topic as TopicName
from messaging.models import Message, Reference
from messaging.rights import administers, topic_admin

PRUNED_KINDS: Final = ("feed", "user", "chan")
LASTING_TYPES: Final = ("device.keys", "cert.revoke", "space.epoch", "space.history")
LASTING_PREFIX: Final = "connection."
MAX_IDS_A_QUERY: Final = 500

_MESSAGE: Final = Message._meta.db_table

_LASTING_ROWS: Final = f"""
    m.type NOT IN ('{"', '".join(LASTING_TYPES)}') AND m.type NOT LIKE '{LASTING_PREFIX}%%'
    AND NOT (m.type = 'profile' AND m.body IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM {_MESSAGE} n WHERE n.topic_id = m.topic_id AND n.created_at >= m.created_at
        AND n.type = 'profile' AND n.author_id = m.author_id AND n.body IS NOT NULL
        AND (n.created_at > m.created_at OR n.ident > m.ident)))
"""  # noqa: S608 - constants


def goes(pinned_rows: Collection[int]) -> str:
    """The condition, in SQL, on rows `m` of a pruned kind that may go; `pinned_rows` by arrival number."""
    return f"{_LASTING_ROWS} AND m.cursor NOT IN ({', '.join(map(str, (0, *pinned_rows)))})"


def is_never_pruned(kind: str, type_: str) -> bool:
    """Whether messages of the type are kept for good in topics of the kind, and taken however old they are."""
    return kind not in PRUNED_KINDS or type_ in LASTING_TYPES or type_.startswith(LASTING_PREFIX)


@dataclass(frozen=True, slots=True)
class _Pin:
    place: tuple[int, bytes]
    cursor: int
    is_on: bool


def _is_on(body: bytes) -> bool:
    value = orjson.loads(body)
    return not (isinstance(value, dict) and value.get("off") is True)


def _newest_pins() -> dict[tuple[bytes, int], _Pin]:
    """By target and topic, of the pins that an admin of the topic has set or taken off there the newest."""
    found: dict[tuple[bytes, int], _Pin] = {}
    admins: dict[int, HubAdmin | None] = {}  # by topic
    rows = Reference.objects.filter(
        relation="pin", message__body__isnull=False, message__topic__kind__in=PRUNED_KINDS
    ).values_list(
        "target",
        "message__author__key",
        "message__topic__kind",
        "message__topic__ident",
        "message__ident",
        "message__created_at",
        "message__topic_id",
        "message_id",
        "message__body",
        "message__topic__is_private",
    )
    for target, author, kind, topic_ident, ident, created_at, topic_id, cursor, body, is_private in rows.iterator():
        who = bytes(author)
        topic = TopicName(kind, bytes(topic_ident))
        if is_private:  # whoever was admin when the pin was set
            if not administers(who, topic, created_at):
                continue
        else:
            if topic_id not in admins:
                admins[topic_id] = topic_admin(topic)
            admin = admins[topic_id]
            if admin is None or not admin.has(who, created_at):
                continue
        place = (created_at, bytes(ident))
        before = found.get((bytes(target), topic_id))
        if before is None or before.place < place:
            # A sealed one does not tell the hub whether it takes a pin off: what was ever pinned there stays.
            is_on = is_private or (body is not None and _is_on(bytes(body)))
            found[bytes(target), topic_id] = _Pin(place, cursor, is_on)
    return found


def pinned() -> frozenset[int]:
    """What stays because it is pinned, by arrival number: the messages, their pins, their newest edits."""
    pins = {target: pin for target, pin in _newest_pins().items() if pin.is_on}
    kept: set[int] = set()
    targets = list({target for target, _ in pins})
    for start in range(0, len(targets), MAX_IDS_A_QUERY):
        held: dict[bytes, tuple[int, int, int | None]] = {}
        rows = Message.objects.filter(ident__in=targets[start : start + MAX_IDS_A_QUERY], body__isnull=False)
        named = rows.values_list("ident", "cursor", "topic_id", "author_id", "burn_at")
        for ident, cursor, topic_id, author_id, burn_at in named:
            pin = pins.get((bytes(ident), topic_id))
            if pin is not None:
                kept |= {cursor, pin.cursor}
                held[bytes(ident)] = (topic_id, author_id, burn_at)
        kept |= _newest_edits(held)
    return frozenset(kept)


def _newest_edits(held: dict[bytes, tuple[int, int, int | None]]) -> set[int]:
    """The edits that are shown of messages, which are given by id with topic, author and burn_at."""
    newest: dict[bytes, tuple[int, bytes, int]] = {}
    rows = Reference.objects.filter(relation="edit", target__in=list(held), message__body__isnull=False).values_list(
        "target",
        "message__created_at",
        "message__ident",
        "message_id",
        "message__topic_id",
        "message__author_id",
        "message__burn_at",
    )
    for target, created_at, ident, cursor, *whose in rows:
        place = (created_at, bytes(ident), cursor)
        if held[bytes(target)] == tuple(whose) and newest.get(bytes(target), place) <= place:
            newest[bytes(target)] = place
    return {cursor for _, _, cursor in newest.values()}
