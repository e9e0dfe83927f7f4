"""Whose messages are not taken: frozen accounts and buried keys, as one commit asks (protocol.md section 8).

Asked inside the transaction that stores, under the store's lock: what is refused here never arrives after the commit
that froze or buried. Not here: removing what is held already (burials.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from django.db import connection

from accord.errors import AccordError
from accord.topics import Topic as TopicName
from messaging.admission import Admitted, Right
from messaging.models import Topic
from peers.keyring import keyring
from peers.models import Account, Tombstone, User

MAX_KEYS_A_QUERY: Final = 250  # each is named twice
RETRY_FROZEN_MS: Final = 60_000

_UNHEARD: Final = (
    f"SELECT u.key, a.frozen_until, NULL, NULL FROM {Account._meta.db_table} a "  # noqa: S608
    f"JOIN {User._meta.db_table} u ON u.id = a.user_id WHERE a.frozen_at IS NOT NULL AND u.key IN ({{0}}) "
    f"UNION ALL SELECT t.key, NULL, t.hub, t.at FROM {Tombstone._meta.db_table} t WHERE t.key IN ({{0}})"
)


@dataclass(slots=True)
class Silence:
    """Why a user key is not heard: until when (ms) its account is frozen, since when which hubs have buried it."""

    frozen_until: int | None = None
    buried: dict[bytes, int] = field(default_factory=dict)


def silences(keys: Collection[bytes]) -> dict[bytes, Silence]:
    """Of these user keys, those that are not heard everywhere or at all times."""
    found: defaultdict[bytes, Silence] = defaultdict(Silence)
    asked = list(keys)
    for start in range(0, len(asked), MAX_KEYS_A_QUERY):
        some = asked[start : start + MAX_KEYS_A_QUERY]
        with connection.cursor() as cursor:
            cursor.execute(_UNHEARD.format(", ".join(["%s"] * len(some))), [*some, *some])
            for key, frozen_until, hub, at in cursor.fetchall():
                silence = found[bytes(key)]
                if hub is None:
                    silence.frozen_until = frozen_until
                else:
                    silence.buried[bytes(hub)] = at
    return dict(found)


def topic_hub(topic: TopicName) -> bytes | None:
    """The hub that a topic belongs to: of `hub:` and of open channels. None for people's own, and what is not known."""
    if topic.kind == "hub":
        return topic.ident
    if topic.kind != "chan":
        return None
    row = Topic.objects.filter(kind="chan", ident=topic.ident).values_list("hub", flat=True).first()
    return None if row is None else bytes(row)


def check_heard(item: Admitted, found: dict[bytes, Silence]) -> None:
    """Refuse what a frozen account or a buried key has signed or brings; AccordError: denied, or busy for what another
    hub brings of a frozen account, which may be restored.
    """
    message, publisher = item.message, item.publisher
    own = keyring().hub.public
    by = found.get(publisher.user) if publisher.user is not None else None
    if by is not None and (by.frozen_until is not None or own in by.buried):
        raise AccordError("denied", "this account is frozen or removed")
    silence = found.get(message.author)
    if silence is None:
        return
    is_relayed = publisher.right is Right.RELAY
    if silence.frozen_until is not None:
        if is_relayed:
            raise AccordError("busy", "its author's account is frozen", retry_ms=RETRY_FROZEN_MS)
        raise AccordError("denied", "its author's account is frozen")
    for hub, at in silence.buried.items():
        # Whoever comes here in person is refused whatever the date: only other hubs still hold what is older.
        # Of a space's chain nothing is left out: whatever stands on it would wait for ever.
        is_late = not is_relayed or (message.created_at > at and message.topic.kind != "space")
        if hub == own and is_late:
            raise AccordError("denied", "its author has been removed from this hub")
        if hub != own and message.created_at > at and topic_hub(message.topic) == hub:
            raise AccordError("denied", "its author has been removed from the hub of this topic")
