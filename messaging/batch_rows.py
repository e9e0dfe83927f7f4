"""The rows of one group commit: gathered message by message, written together (protocol.md section 1).

Inside the transaction that services.messages_store opens, under the store's lock. What every commit does is plain SQL:
the ORM takes longer to write such statements than the database to run them. Not here: which messages are stored
(batch.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.db.models import F

from accord.messages import Message as SignedMessage
from accord.topics import Topic as TopicName
from messaging import lookups
from messaging.admission import Publisher, Right
from messaging.models import Mention, Message, Reference, Store, Topic
from messaging.rights import Deletion, has_effect, may_delete
from peers.models import User

MAX_KNOWN_IDS: Final = 200_000

_PERSONS: Final = (Right.OWN, Right.ADMIN, Right.STRANGER)

_COLUMNS: Final = (
    "cursor",
    "ident",
    "topic_id",
    "author_id",
    "type",
    "created_at",
    "burn_at",
    "header",
    "sig",
    "salt",
    "body",
)
_INSERT: Final = (
    f"INSERT INTO {Message._meta.db_table} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"  # noqa: S608
)
_ADD_TO_TOPIC: Final = (
    f"UPDATE {Topic._meta.db_table} SET count = count + %s, bytes = bytes + %s, cursor = %s, "  # noqa: S608
    "used_at = CASE WHEN used_at < %s THEN %s ELSE used_at END WHERE id = %s"
)
_SET_CURSOR: Final = f"UPDATE {Store._meta.db_table} SET cursor = %s WHERE id = 1"  # noqa: S608


@dataclass(slots=True)
class _Totals:
    count: int = 0
    bytes: int = 0
    cursor: int = 0
    used_at: int = 0


class TableIds:
    """Row ids of users and topics that are known to be committed; neither is ever deleted."""

    def __init__(self) -> None:
        self.users: dict[bytes, int] = {}
        self.topics: dict[TopicName, int] = {}

    def add(self, users: dict[bytes, int], topics: dict[TopicName, int]) -> None:
        """Take over what a commit has made sure of; starts again before it grows without end."""
        if len(self.users) + len(self.topics) > MAX_KNOWN_IDS:
            self.users.clear()
            self.topics.clear()
        self.users.update(users)
        self.topics.update(topics)


def content_bytes(message: SignedMessage) -> int:
    """What salt and body take."""
    return len(message.salt or b"") + len(message.body or b"")


class Rows:
    """What one commit adds. `known` is only read; what comes to that is in `users`, `topics` until it is committed.

    `cursor`: the arrival number of the newest message; `deletions`, by the id that they name: those that stand among
    the messages that are added are entered.
    """

    def __init__(
        self, *, known: TableIds, cursor: int, now: int, deletions: defaultdict[bytes, list[Deletion]]
    ) -> None:
        self.cursor = cursor
        self.users: dict[bytes, int] = {}
        self.topics: dict[TopicName, int] = {}
        self._known = known
        self._now = now
        self._deletions = deletions
        self._messages: list[tuple[int | str | bytes | None, ...]] = []
        self._mentions: list[Mention] = []
        self._references: list[Reference] = []
        self._purges: list[tuple[SignedMessage, bytes]] = []
        self._totals: defaultdict[int, _Totals] = defaultdict(_Totals)

    @property
    def count(self) -> int:
        """How many messages."""
        return len(self._messages)

    def user_id(self, key: bytes) -> int:
        """The row of a user, made if need be."""
        found = self._known.users.get(key) or self.users.get(key)
        if found is None:
            found = self.users[key] = User.objects.get_or_create(key=key)[0].pk
        return found

    def topic_id(self, topic: TopicName) -> int | None:
        """The row of a topic; None where there is none yet."""
        found = self._known.topics.get(topic) or self.topics.get(topic)
        if found is None:
            found = Topic.objects.filter(kind=topic.kind, ident=topic.ident).values_list("pk", flat=True).first()
            if found is not None:
                self.topics[topic] = found
        return found

    def _topic_create(self, topic: TopicName) -> int:
        created = self.topics[topic] = Topic.objects.create(kind=topic.kind, ident=topic.ident).pk
        return created

    def add(
        self, message: SignedMessage, concerns: list[bytes], *, purged: bool, size: int, publisher: Publisher
    ) -> tuple[bytes | None, bytes | None]:
        """A message more, under the next arrival number; without its content if it is `purged`. Gives salt and body as
        they are kept.

        `concerns`: users whom it addresses; `size`: header and body in bytes.
        """
        self.cursor += 1
        topic_id = self.topic_id(message.topic) or self._topic_create(message.topic)
        salt, body = (None, None) if purged else (message.salt, message.body)
        self._messages.append(
            (
                self.cursor,
                message.id,
                topic_id,
                self.user_id(message.author),
                message.type,
                message.created_at,
                message.burn_at,
                message.header_bytes,
                message.sig,
                salt,
                body,
            )
        )
        for key in concerns:
            self._mentions.append(Mention(message_id=self.cursor, user_id=self.user_id(key)))
        for target in message.attention_messages:
            self._references.append(Reference(message_id=self.cursor, relation="answer", target=target))
        for relation, target in message.refs:
            stands = has_effect(message, relation)
            self._references.append(
                Reference(message_id=self.cursor, relation=relation if stands else "about", target=target)
            )
            if stands and relation == "delete":
                self._deletions[target].append(Deletion(message.author, message.topic, message.created_at))
                self._purges.append((message, target))
        totals = self._totals[topic_id]
        totals.count += 1
        totals.bytes += size - (content_bytes(message) if purged else 0)
        totals.cursor = self.cursor
        if publisher.right in _PERSONS:
            totals.used_at = self._now
        return salt, body

    def write(self) -> None:
        """All of it."""
        if self._messages:
            with connection.cursor() as cursor:
                cursor.executemany(_INSERT, self._messages)
        if self._mentions:
            Mention.objects.bulk_create(self._mentions)
        if self._references:
            Reference.objects.bulk_create(self._references)
        for deletion, ident in self._purges:
            self._purge(deletion, ident)
        with connection.cursor() as cursor:
            for topic_id, totals in self._totals.items():
                used_at = totals.used_at
                cursor.execute(_ADD_TO_TOPIC, (totals.count, totals.bytes, totals.cursor, used_at, used_at, topic_id))
            if self._messages:
                cursor.execute(_SET_CURSOR, (self.cursor,))

    def _purge(self, deletion: SignedMessage, ident: bytes) -> None:
        target = lookups.target(ident)
        if target is None or not target.has_body:
            return
        if may_delete(Deletion(deletion.author, deletion.topic, deletion.created_at), target):
            Message.objects.filter(cursor=target.cursor).update(salt=None, body=None)
            Topic.objects.filter(pk=target.topic_id).update(bytes=F("bytes") - target.body_bytes)
            Store.objects.filter(pk=1).update(unwiped=F("unwiped") + 1)
