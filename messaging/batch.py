"""One group commit: what is held decides over each message in turn, then all rows go in together (protocol.md section
1).

Runs inside the transaction that services.messages_store opens, under the store's lock. Not here: the rows
(batch_rows.py), what it asks of what is held (lookups.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import F

from accord.errors import AccordError
from accord.merkle import horizon_of
from accord.message_types import read_body
from accord.messages import Message as SignedMessage
from accord.topics import Topic as TopicName
from messaging import lookups, selectors
from messaging.admission import Admitted, Publisher, Right
from messaging.batch_rows import Rows, TableIds, content_bytes
from messaging.charging import Charges
from messaging.contacts import has_blocked
from messaging.import_keys import is_own_import
from messaging.models import Message, Reference, Topic
from messaging.prune_rules import is_never_pruned
from messaging.rights import Deletion, check_reference, may_delete
from messaging.spaces.door import Door
from messaging.stored import Stored, item_bytes
from messaging.strangers import check_room
from messaging.unheard import Silence, check_heard, silences
from peers import registry
from peers.models import Account

MAX_UNANSWERED: Final = 3
MAX_STRANGERS_WAITING: Final = 50

_UNJUDGED: Final = (Right.IMPORT, Right.RELAY)  # their references: they come in any order, and readers judge them


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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of a commit, as the registry's `stored_hooks` get it."""

    message: SignedMessage
    cursor: int
    publisher: Publisher
    readers: frozenset[bytes] | None


class Batch:
    """The messages of one commit: in `results` what became of each, `stored` for readers, `rows` for the tables."""

    def __init__(self, *, now: int, known: TableIds, cursor: int) -> None:
        self.now = now
        self.results: list[Result] = []
        self.stored: list[Stored] = []
        self._arrivals: list[Arrival] = []
        self._held: dict[bytes, tuple[int, bool]] = {}
        self._deletions: defaultdict[bytes, list[Deletion]] = defaultdict(list)
        self.rows = Rows(known=known, cursor=cursor, now=now, deletions=self._deletions)
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
        self.rows.write()
        self._charges.write()
        self._door.finish()
        if self._arrivals:
            for hook in registry.stored_hooks:
                hook(self._arrivals, self.now)

    # What is held

    def _load(self, items: Sequence[Admitted]) -> None:
        idents = list({item.message.id for item in items})
        for chunk in lookups.chunks(idents):
            for ident, cursor, has_body in lookups.held(chunk):
                self._held[ident] = (cursor, has_body)
            if deleted := lookups.deleted(chunk):
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
        self._store(item, concerns, purged=purged, size=size)
        return Result("stored", message.id)

    def _take_again(self, message: SignedMessage, cursor: int, has_body: bool) -> Result:
        if has_body or message.body is None or cursor > self.rows.cursor - self.rows.count:
            return Result("duplicate", message.id)
        if self._is_deleted(message):
            return Result("duplicate", message.id)
        Message.objects.filter(cursor=cursor).update(salt=message.salt, body=message.body)
        Topic.objects.filter(kind=message.topic.kind, ident=message.topic.ident).update(
            bytes=F("bytes") + content_bytes(message)
        )
        self._held[message.id] = (cursor, True)
        return Result("stored", message.id)

    def _is_deleted(self, message: SignedMessage) -> bool:
        return any(may_delete(deletion, message) for deletion in self._deletions.get(message.id, ()))

    def _check_topic(self, message: SignedMessage) -> None:
        topic = message.topic
        if self.rows.topic_id(topic) is not None:
            return
        if topic.kind == "chan":
            raise AccordError("not_found", "no such channel here")
        if topic.kind == "user" and not lookups.is_known(topic.ident):
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
                self._inboxes[topic.ident] = lookups.is_served(topic.ident, now=self.now)
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
            if lookups.may_vouch(by, now=self.now) and not has_blocked(by, author):
                return
        elif lookups.has_written(item.message.topic.ident, author):
            return
        raise AccordError("pow_needed", "ask for a challenge with the frame pow, or for a ticket with wait")

    def _stranger_may_wait(self, message: SignedMessage) -> bool:
        recipient = message.topic.ident
        if not Account.objects.filter(user__key=recipient).exclude(kind=Account.Kind.TEMP).exists():
            return False
        if has_blocked(recipient, message.author):
            return False
        waiting = lookups.strangers_waiting(recipient)
        waiting.update(self._strangers[message.topic])
        return waiting[message.author] < MAX_UNANSWERED and waiting.total() < MAX_STRANGERS_WAITING

    def _check_references(self, message: SignedMessage) -> None:
        """Only where the target is held already: a reference may come first, and is judged when both are there."""
        for relation, ident in message.refs:
            target = self._fresh.get(ident) or lookups.target(ident)
            if target is not None:
                check_reference(message, relation, target)

    def _store(self, item: Admitted, concerns: list[bytes], *, purged: bool, size: int) -> None:
        message = item.message
        salt, body = self.rows.add(message, concerns, purged=purged, size=size, publisher=item.publisher)
        self._held[message.id] = (self.rows.cursor, body is not None)
        self._fresh[message.id] = message
        readers = self._door.readers(message.topic)
        self.stored.append(
            Stored(
                cursor=self.rows.cursor,
                id=message.id,
                type=message.type,
                topic=message.topic,
                author=message.author,
                burn_at=message.burn_at,
                concerns=concerns,
                related=[*message.attention_messages, *(target for _, target in message.refs)],
                item=item_bytes(self.rows.cursor, message.header_bytes, message.sig, salt, body),
                readers=readers,
                link=item.publisher.link,
            )
        )
        self._arrivals.append(Arrival(message, self.rows.cursor, item.publisher, readers))
