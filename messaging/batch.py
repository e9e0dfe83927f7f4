"""One group commit: what is held decides over each message in turn, then all rows go in together (protocol.md section
1).

Runs inside the transaction that services.messages_store opens, under the store's lock. What every commit does is plain
SQL: the ORM takes longer to write such statements than the database to run them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from accord.errors import AccordError
from accord.merkle import horizon_of
from accord.message_types import read_body
from accord.messages import Message as SignedMessage
from accord.topics import Topic as TopicName
from messaging import selectors
from messaging.admission import Admitted, Publisher, Right
from messaging.charging import Charges
from messaging.contacts import has_blocked
from messaging.import_keys import is_own_import
from messaging.models import Mention, Message, Reference, Store, Topic
from messaging.prune_rules import is_never_pruned
from messaging.rights import Deletion, check_reference, has_effect, may_delete
from messaging.spaces.door import Door
from messaging.stored import Stored, item_bytes
from messaging.strangers import check_room
from messaging.unheard import Silence, check_heard, silences
from peers import registry
from peers.models import Account, User

MAX_UNANSWERED: Final = 3
MAX_STRANGERS_WAITING: Final = 50
MAX_KNOWN_IDS: Final = 200_000

_UNJUDGED: Final = (Right.IMPORT, Right.RELAY)  # their references: they come in any order, and readers judge them
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
class Result:
    """What became of a message: `status` is stored, duplicate or rejected, `error` says why it was rejected."""

    status: str
    id: bytes | None = None
    error: AccordError | None = None


def rejected(ident: bytes | None, error: AccordError) -> Result:
    """A refusal. Its traceback goes: it refers to the frame that holds the result, and such a circle would keep the
    message in memory until the collector comes by.
    """
    error.__cause__ = error.__context__ = None
    return Result("rejected", ident, error.with_traceback(None))


@dataclass(slots=True)
class _Totals:
    count: int = 0
    bytes: int = 0
    cursor: int = 0
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of a commit, as the registry's `stored_hooks` get it."""

    message: SignedMessage
    cursor: int
    publisher: Publisher
    readers: frozenset[bytes] | None


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


def _content_bytes(message: SignedMessage) -> int:
    return len(message.salt or b"") + len(message.body or b"")


@dataclass
class Batch:
    """The rows of one commit. `known` is only read; what the batch adds is in `users` and `topics` until it is
    committed.
    """

    now: int
    known: TableIds
    cursor: int
    results: list[Result] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    users: dict[bytes, int] = field(default_factory=dict)
    topics: dict[TopicName, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._rows: list[tuple[int | str | bytes | None, ...]] = []
        self._mentions: list[Mention] = []
        self._references: list[Reference] = []
        self._held: dict[bytes, tuple[int, bool]] = {}
        self._deletions: defaultdict[bytes, list[Deletion]] = defaultdict(list)
        self._purges: list[tuple[SignedMessage, bytes]] = []
        self._totals: defaultdict[int, _Totals] = defaultdict(_Totals)
        self._charges = Charges()
        self._fresh: dict[bytes, SignedMessage] = {}
        self._strangers: defaultdict[TopicName, Counter[bytes]] = defaultdict(Counter)
        self._horizons: dict[TopicName, int] = {}
        self._inboxes: dict[bytes, bool] = {}
        self._keys: set[bytes] = set()
        self._silences: dict[bytes, Silence] | None = None
        self._strangers_inboxes: dict[bytes, bool] = {}
        self._door = Door(self.now)

    def take(self, items: Sequence[Admitted]) -> None:
        """Decide over every message and write what is to be stored."""
        self._load(items)
        results: dict[int, Result] = {}
        # Those that have come without their body go last: what allows it, their deletion, may be among the others.
        for place in sorted(range(len(items)), key=lambda place: items[place].message.body is None):
            item = items[place]
            try:
                result = self._take_one(item)
            except AccordError as error:
                if isinstance(error, registry.LastingRefusal):
                    error.lasting()
                result = rejected(item.message.id, error)
            if item.publisher.right is Right.STRANGER and result.status == "duplicate":
                result.status = "stored"  # or strangers could tell who has an account here
            results[place] = result
        self.results = [results[place] for place in range(len(items))]
        self._write()

    # What is held

    def _load(self, items: Sequence[Admitted]) -> None:
        idents = list({item.message.id for item in items})
        for chunk in selectors.chunks(idents):
            for ident, cursor, has_body in selectors.held(chunk):
                self._held[ident] = (cursor, has_body)
            if deleted := selectors.deleted(chunk):
                self._load_deletions(deleted)
        authors = {item.message.author for item in items}
        self._keys = {*authors, *(item.publisher.user for item in items if item.publisher.user is not None)}
        self._charges.load(authors)

    def _load_deletions(self, idents: list[bytes]) -> None:
        rows = Reference.objects.filter(relation="delete", target__in=idents).values_list(
            "target", "message__author__key", "message__topic__kind", "message__topic__ident", "message__created_at"
        )
        for target, author, kind, topic_ident, created_at in rows:
            self._deletions[bytes(target)].append(
                Deletion(bytes(author), TopicName(kind, bytes(topic_ident)), created_at)
            )

    def _user_id(self, key: bytes) -> int:
        found = self.known.users.get(key) or self.users.get(key)
        if found is None:
            found = self.users[key] = User.objects.get_or_create(key=key)[0].pk
        return found

    def _topic_id(self, topic: TopicName) -> int | None:
        found = self.known.topics.get(topic) or self.topics.get(topic)
        if found is None:
            found = Topic.objects.filter(kind=topic.kind, ident=topic.ident).values_list("pk", flat=True).first()
            if found is not None:
                self.topics[topic] = found
        return found

    def _topic_create(self, topic: TopicName) -> int:
        created = self.topics[topic] = Topic.objects.create(kind=topic.kind, ident=topic.ident).pk
        return created

    # One message

    def _take_one(self, item: Admitted) -> Result:
        message = item.message
        if item.publisher.right is Right.STRANGER:
            self._check_entry(item)
        if held := self._held.get(message.id):
            return self._take_again(message, *held)
        if self._silences is None:
            self._silences = silences(self._keys)
        check_heard(item, self._silences)
        if item.publisher.right is not Right.STRANGER:
            self._door.check(item)
            self._check_topic(message)
            if item.publisher.right is Right.RELAY:
                self._check_relayed(item)
            elif message.topic.kind == "user":
                self._check_strangers_inbox(message)
        elif not self._stranger_may_wait(message):
            return Result("stored", message.id)
        if self._is_below_horizon(message):
            if item.publisher.right is Right.STRANGER:
                return Result("stored", message.id)  # or strangers could tell whose inbox is kept here
            raise AccordError("gone", "this hub has removed messages of that age from the topic")
        purged = message.id in self._deletions and self._is_deleted(message)
        if message.body is None and not purged:
            raise AccordError("bad_request", "a message comes with its body, unless it has been deleted")
        if message.refs and item.publisher.right not in _UNJUDGED:
            self._check_references(message)
        concerns = message.attention_keys
        size = message.size
        # What was sealed or deleted says nothing to a handler.
        is_clear = message.body is not None and not message.encrypted
        if message.type in registry.store_handlers and is_clear and not message.crit:
            with transaction.atomic():  # a refusal undoes what the handlers did, not the batch
                for handler in registry.store_handlers[message.type]:
                    concerns = concerns + handler(message, read_body(message), self.now)
                self._charges.charge(item)
            self._silences = None  # it may have changed who is heard
        else:
            self._charges.charge(item)
        if item.publisher.right is Right.STRANGER:
            self._strangers[message.topic][message.author] += 1
        if not purged:
            self._door.take(message)
        self._append(message, concerns, purged, size, item.publisher)
        self.stored[-1].link = item.publisher.link
        self._arrivals.append(Arrival(message, self.cursor, item.publisher, self.stored[-1].readers))
        return Result("stored", message.id)

    def _take_again(self, message: SignedMessage, cursor: int, has_body: bool) -> Result:
        if has_body or message.body is None or cursor > self.cursor - len(self._rows):
            return Result("duplicate", message.id)
        if self._is_deleted(message):
            return Result("duplicate", message.id)
        Message.objects.filter(cursor=cursor).update(salt=message.salt, body=message.body)
        Topic.objects.filter(kind=message.topic.kind, ident=message.topic.ident).update(
            bytes=F("bytes") + _content_bytes(message)
        )
        self._held[message.id] = (cursor, True)
        return Result("stored", message.id)

    def _is_deleted(self, message: SignedMessage) -> bool:
        return any(may_delete(deletion, message) for deletion in self._deletions.get(message.id, ()))

    def _check_topic(self, message: SignedMessage) -> None:
        topic = message.topic
        if self._topic_id(topic) is not None:
            return
        if topic.kind == "chan":
            raise AccordError("not_found", "no such channel here")
        if topic.kind == "user" and not selectors.is_known(topic.ident):
            raise AccordError("not_found", "this hub knows no such user")

    def _check_strangers_inbox(self, message: SignedMessage) -> None:
        """What members write to people without an account is bounded; what this batch adds is not counted."""
        recipient = message.topic.ident
        if recipient not in self._strangers_inboxes:
            self._strangers_inboxes[recipient] = not Account.objects.filter(user__key=recipient).exists()
        if self._strangers_inboxes[recipient]:
            check_room(recipient, message.size, now=self.now)

    def _is_below_horizon(self, message: SignedMessage) -> bool:
        """Only what is old is looked up: no horizon is later than the bucket of the present."""
        if message.created_at >= horizon_of(self.now) or is_never_pruned(message.topic.kind, message.type):
            return False
        topic = message.topic
        if topic not in self._horizons:
            self._horizons[topic] = selectors.topic_horizon(topic)
        return message.created_at < self._horizons[topic]

    def _check_relayed(self, item: Admitted) -> None:
        """What a relay may bring of what others have signed."""
        message = item.message
        if message.author == item.publisher.user:
            return
        topic = message.topic
        if topic.kind == "user":
            if topic.ident not in self._inboxes:
                self._inboxes[topic.ident] = selectors.is_served(topic.ident, now=self.now)
            if not self._inboxes[topic.ident]:
                raise AccordError("not_found", "this hub serves no such user")
        if message.type == "import.text" and not is_own_import(message):
            raise AccordError("denied", "what is imported into a channel of this hub, its operator has imported")

    def _check_entry(self, item: Admitted) -> None:
        """Before anything that depends on whether the recipient has an account: what is held already shows that."""
        entry, author = item.entry, item.message.author
        if entry is not None and entry.is_paid:
            return
        if entry is not None and entry.voucher is not None:
            by = entry.voucher.user
            if selectors.may_vouch(by, now=self.now) and not has_blocked(by, author):
                return
        elif selectors.has_written(item.message.topic.ident, author):
            return
        raise AccordError("pow_needed", "ask for a challenge with the frame pow, or for a ticket with wait")

    def _stranger_may_wait(self, message: SignedMessage) -> bool:
        recipient = message.topic.ident
        if not Account.objects.filter(user__key=recipient).exclude(kind=Account.Kind.TEMP).exists():
            return False
        if has_blocked(recipient, message.author):
            return False
        waiting = selectors.strangers_waiting(recipient)
        waiting.update(self._strangers[message.topic])
        return waiting[message.author] < MAX_UNANSWERED and waiting.total() < MAX_STRANGERS_WAITING

    def _check_references(self, message: SignedMessage) -> None:
        """Only where the target is held already: a reference may come first, and is judged when both are there."""
        for relation, ident in message.refs:
            target = self._fresh.get(ident) or selectors.target(ident)
            if target is not None:
                check_reference(message, relation, target)

    def _append(
        self, message: SignedMessage, concerns: list[bytes], purged: bool, size: int, publisher: Publisher
    ) -> None:
        self.cursor += 1
        topic_id = self._topic_id(message.topic) or self._topic_create(message.topic)
        salt, body = (None, None) if purged else (message.salt, message.body)
        self._rows.append(
            (
                self.cursor,
                message.id,
                topic_id,
                self._user_id(message.author),
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
            self._mentions.append(Mention(message_id=self.cursor, user_id=self._user_id(key)))
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
        totals.bytes += size - (_content_bytes(message) if purged else 0)
        totals.cursor = self.cursor
        if publisher.right in _PERSONS:
            totals.used_at = self.now
        self._held[message.id] = (self.cursor, body is not None)
        self._fresh[message.id] = message
        self.stored.append(
            Stored(
                cursor=self.cursor,
                id=message.id,
                type=message.type,
                topic=message.topic,
                author=message.author,
                burn_at=message.burn_at,
                concerns=concerns,
                related=[*message.attention_messages, *(target for _, target in message.refs)],
                item=item_bytes(self.cursor, message.header_bytes, message.sig, salt, body),
                readers=self._door.readers(message.topic),
            )
        )

    # All rows together

    def _write(self) -> None:
        if self._rows:
            with connection.cursor() as cursor:
                cursor.executemany(_INSERT, self._rows)
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
            if self._rows:
                cursor.execute(_SET_CURSOR, (self.cursor,))
        self._charges.write()
        self._door.finish()
        if self._arrivals:
            for hook in registry.stored_hooks:
                hook(self._arrivals, self.now)

    def _purge(self, deletion: SignedMessage, ident: bytes) -> None:
        target = selectors.target(ident)
        if target is None or not target.has_body:
            return
        if may_delete(Deletion(deletion.author, deletion.topic, deletion.created_at), target):
            Message.objects.filter(cursor=target.cursor).update(salt=None, body=None)
            Topic.objects.filter(pk=target.topic_id).update(bytes=F("bytes") - target.body_bytes)
            Store.objects.filter(pk=1).update(unwiped=F("unwiped") + 1)
