"""Reads of the store: pages, backlogs, topics, figures. Not here: what a commit asks of what is held (lookups.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import orjson
from django.db.models import F, Q, QuerySet, Sum

from accord.encoding import b64decode
from accord.frames import MAX_FRAME_BYTES
from accord.topics import Topic as TopicName
from messaging.models import Mention, Message, Reference, Store, Topic
from messaging.places import Place
from messaging.spaces.rooms import private_topics, readers_of
from messaging.stored import Stored, item_bytes
from peers.models import Account, Process, User

SCAN_STEP: Final = 50_000
READ_STEP: Final = 16  # rows taken from the database at once: a body may have 256 KiB
MAX_READ_BYTES: Final = MAX_FRAME_BYTES - 1024  # leaves room for the frame around them
MAX_FETCH_MESSAGES: Final = 500  # a page
EXPORT_STEP: Final = 1_000
OPEN_KINDS: Final = ("feed", "chan")
OPEN: Final = Q(kind__in=OPEN_KINDS, is_private=False)  # of topics, those that every member reads
OWN_TYPES: Final = ("contact.mark",)  # of `hub:`: only their author reads them, whoever the reader is

_ROW: Final = (
    "cursor",
    "ident",
    "type",
    "topic__kind",
    "topic__ident",
    "topic__is_private",
    "topic_id",
    "author__key",
    "burn_at",
    "header",
    "sig",
    "salt",
    "body",
)


def store_id() -> bytes:
    """The 16 bytes that name this run of arrival numbers."""
    return bytes(Store.objects.values_list("store", flat=True).get(pk=1))


def store_cursor() -> int:
    """The newest arrival number."""
    return Store.objects.values_list("cursor", flat=True).get(pk=1)


def not_burned(now: int) -> Q:
    """Messages whose burn_at has not come at `now` (ms), whether or not they have been dropped yet."""
    return Q(burn_at__isnull=True) | Q(burn_at__gt=now)


def stored_rows(rows: QuerySet[Message], *, limit: int) -> tuple[list[Stored], bool]:
    """Messages as readers get them, at most `limit` and about MAX_READ_BYTES; and whether there are more."""
    found: list[Stored] = []
    hub_rows: dict[int, Stored] = {}
    private: dict[int, list[Stored]] = {}
    size = 0
    more = False
    read = rows[: limit + 1].values_list(*_ROW).iterator(chunk_size=READ_STEP)
    for cursor, ident, type_, kind, topic_ident, is_private, topic_id, author, burn_at, header, sig, salt, body in read:
        if len(found) == limit or size > MAX_READ_BYTES:
            more = True
            break
        fields = orjson.loads(bytes(header))
        stored = Stored(
            cursor=cursor,
            id=bytes(ident),
            type=type_,
            topic=TopicName(kind, bytes(topic_ident)),
            author=bytes(author),
            burn_at=burn_at,
            concerns=[b64decode(key) for key in fields.get("attention_keys", ())],
            related=[
                *(b64decode(item) for item in fields.get("attention_messages", ())),
                *(b64decode(item["id"]) for item in fields.get("refs", ())),
            ],
            item=item_bytes(cursor, header, sig, salt, body),
        )
        found.append(stored)
        size += len(stored.item)
        if is_private:
            private.setdefault(topic_id, []).append(stored)
        if kind == "hub":
            hub_rows[cursor] = stored
            stored.concerns = []
    if private:
        seats = readers_of(private)
        for topic_id, rows_there in private.items():
            for stored in rows_there:
                stored.readers = seats.get(topic_id, frozenset())
    for cursor, key in Mention.objects.filter(message__in=hub_rows).values_list("message_id", "user__key"):
        hub_rows[cursor].concerns.append(bytes(key))
    return found, more


def stored_between(after: int, upto: int, *, limit: int) -> tuple[list[Stored], int]:
    """What has an arrival number in (after, upto], in order, and how far has been looked."""
    rows = Message.objects.filter(cursor__gt=after, cursor__lte=upto).order_by("cursor")
    found, more = stored_rows(rows, limit=limit)
    return found, found[-1].cursor if more else upto


def _topics(names: Iterable[TopicName]) -> Q:
    by_kind: dict[str, list[bytes]] = {}
    for name in names:
        by_kind.setdefault(name.kind, []).append(name.ident)
    wanted = Q(pk__in=[])
    for kind, idents in by_kind.items():
        wanted |= Q(kind=kind, ident__in=idents)
    return wanted


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and when (ms). A relay reads what its user may, but of `hub:` never as an admin; and `inboxes`, those
    of the users whom it serves. A stranger reads the own inbox alone: what was written to others would show whether it
    was kept.
    `former`: keys that the user's account had before, and what was addressed to them.
    """

    user: bytes
    is_admin: bool
    now: int
    is_relay: bool = False
    inboxes: frozenset[bytes] = frozenset()
    is_stranger: bool = False
    former: frozenset[bytes] = frozenset()

    @property
    def keys(self) -> list[bytes]:
        """All that the user was and is."""
        return [self.user, *self.former]

    def rows(self) -> QuerySet[Message]:
        """All messages that the reader may read."""
        return Message.objects.filter(readable(self), not_burned(self.now))

    def private_topics(self) -> Q:
        """The private topics in which the user has a seat, or somebody whom a relay serves."""
        return private_topics([self.user, *self.inboxes])

    def topics(self) -> Q:
        """The topics that the reader may read whole."""
        if self.is_stranger:
            return Q(kind="user", ident=self.user)
        topics = OPEN | Q(kind="user", ident__in=[*self.keys, *self.inboxes]) | self.private_topics()
        return topics | Q(kind="hub") if self.is_admin else topics


def readable(reader: Reader) -> Q:
    """Which messages one may read (section 4): whole topics, the own messages, what concerns the user of `hub:`; a
    relay also what channels there are. A stranger whole topics only.
    """
    if reader.is_stranger:
        return Q(topic__in=Topic.objects.filter(reader.topics()))
    mine = Q(author__in=User.objects.filter(key__in=reader.keys)) & ~Q(topic__in=Topic.objects.filter(is_private=True))
    hubs = Topic.objects.filter(kind="hub")
    concerns = Q(topic__in=hubs, cursor__in=Mention.objects.filter(user__key__in=reader.keys).values("message_id"))
    whole = Q(topic__in=Topic.objects.filter(reader.topics()))  # no joins: they change a reader's plan
    may = (whole & ~Q(type__in=OWN_TYPES) if reader.is_admin else whole) | mine | concerns
    return may | Q(topic__in=hubs, type="chan.open") if reader.is_relay else may


def readable_topics(reader: Reader) -> QuerySet[Topic]:
    """The topics that a session of sync may offer: those that the reader may read whole."""
    return Topic.objects.filter(reader.topics())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription asks for."""

    topics: tuple[TopicName, ...] = ()
    keys: tuple[bytes, ...] = ()
    messages: tuple[bytes, ...] = ()

    def without(self, other: Wanted) -> Wanted:
        """The rest of it."""
        return Wanted(
            tuple(topic for topic in self.topics if topic not in other.topics),
            tuple(key for key in self.keys if key not in other.keys),
            tuple(ident for ident in self.messages if ident not in other.messages),
        )

    def query(self, after: int) -> Q:
        """The messages it means, of those that arrived later than `after`; `in_topic` is the topic's number."""
        topic_ids = list(Topic.objects.filter(_topics(self.topics), cursor__gt=after).values_list("pk", flat=True))
        wanted = Q(in_topic__in=topic_ids)
        if self.keys:
            users = list(User.objects.filter(key__in=self.keys).values_list("pk", flat=True))
            wanted |= Q(author_id__in=users) | Q(cursor__in=Mention.objects.filter(user__in=users).values("message_id"))
        if self.messages:
            wanted |= Q(cursor__in=Reference.objects.filter(target__in=self.messages).values("message_id"))
        return wanted


def backlog(wanted: Wanted, reader: Reader, *, after: int, upto: int, limit: int) -> tuple[list[Stored], int]:
    """The next messages of a subscription in (after, upto], in order of arrival, and how far has been looked.

    The table is walked by arrival number, at most SCAN_STEP of them a call: the cost is what came since, not how many
    rows match.
    """
    last = min(upto, after + SCAN_STEP)
    query = wanted.query(after)
    # Cursors first, from this table alone. `+ 0` keeps the planner from the index by topic and time: it would sort all
    # that is left of a topic at every step.
    cursors = list(
        Message.objects.annotate(in_topic=F("topic_id") + 0)
        .filter(cursor__gt=after, cursor__lte=last)
        .filter(query)
        .filter(readable(reader), not_burned(reader.now))
        .order_by("cursor")
        .values_list("cursor", flat=True)[:limit]
    )
    found, more = stored_rows(Message.objects.filter(cursor__in=cursors).order_by("cursor"), limit=limit)
    return found, found[-1].cursor if more or len(cursors) == limit else last


def page(
    topic: TopicName,
    reader: Reader,
    *,
    limit: int,
    before: Place | None = None,
    after: Place | None = None,
) -> tuple[list[tuple[Place, bytes]], bool]:
    """Messages of a topic by (created_at, id): the newest first, or with `after` the nearest later ones, oldest first;
    as ready items that fit a frame together, and whether there are more.
    """
    rows = Message.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident).filter(not_burned(reader.now))
    if not is_open(topic):
        rows = rows.filter(readable(reader))
    if after is not None:
        rows = rows.filter(created_at__gte=after[0]).filter(Q(created_at__gt=after[0]) | Q(ident__gt=after[1]))
        rows = rows.order_by("created_at", "ident")
    else:
        if before is not None:
            rows = rows.filter(created_at__lte=before[0]).filter(Q(created_at__lt=before[0]) | Q(ident__lt=before[1]))
        rows = rows.order_by("-created_at", "-ident")
    found: list[tuple[Place, bytes]] = []
    room = MAX_READ_BYTES
    columns = ("created_at", "ident", "cursor", "header", "sig", "salt", "body")
    for created_at, ident, cursor, *blobs in rows[: limit + 1].values_list(*columns).iterator(chunk_size=READ_STEP):
        item = item_bytes(cursor, *blobs)
        room -= len(item) + 1
        if found and (len(found) == limit or room < 0):
            return found, True
        found.append(((created_at, bytes(ident)), item))
    return found, False


def topic_exists(topic: TopicName) -> bool:
    """Whether a topic is known here."""
    return Topic.objects.filter(kind=topic.kind, ident=topic.ident).exists()


def is_open(topic: TopicName) -> bool:
    """Whether every member reads a topic."""
    return Topic.objects.filter(OPEN, kind=topic.kind, ident=topic.ident).exists()


def reads_whole(reader: Reader, topic: TopicName) -> bool:
    """Whether one reads all of a topic that is known here."""
    return Topic.objects.filter(reader.topics(), kind=topic.kind, ident=topic.ident).exists()


def topic_horizon(topic: TopicName) -> int:
    """From when on (ms) the messages of a topic are held; 0 where none has been pruned."""
    found = Topic.objects.filter(kind=topic.kind, ident=topic.ident).values_list("horizon", flat=True).first()
    return found or 0


def topic_by_name(name: str) -> Topic | None:
    """An open channel of this hub by what people call it."""
    return Topic.objects.filter(OPEN, kind="chan", name=name, hub__isnull=True).order_by("pk").first()


def figures() -> dict[str, int]:
    """What `manage.py status` tells: messages, accounts (the admin's not counted), bytes of messages, sockets."""
    totals = Topic.objects.aggregate(messages=Sum("count"), bytes=Sum("bytes"))
    return {
        "messages": totals["messages"] or 0,
        "accounts": Account.objects.exclude(kind=Account.Kind.ADMIN).count(),
        "bytes": totals["bytes"] or 0,
        "sockets": Process.objects.aggregate(total=Sum("sockets"))["total"] or 0,
    }


def export_rows(*, now: Callable[[], int]) -> Iterator[tuple[bytes, bytes]]:
    """Every message that has not burned, by arrival: (id, item as JSON); read in steps, never all at once.

    `now` is asked for each of them: an export may take longer than what is in it lives.
    """
    rows = Message.objects.order_by("cursor")
    for cursor, burn_at, ident, header, sig, salt, body in rows.values_list(
        "cursor", "burn_at", "ident", "header", "sig", "salt", "body"
    ).iterator(chunk_size=EXPORT_STEP):
        if burn_at is not None and burn_at <= now():
            continue
        yield bytes(ident), item_bytes(cursor, header, sig, salt, body)
