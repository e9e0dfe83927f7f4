"""Is the store what it has to be? Every message, every total, every tree (protocol.md sections 1 and 5).

Messages are checked as if they had just come: form, id, signature, and that the columns beside the header say what it
says. Repair touches only what is wrong. Derived rows are written anew; a body that is not what was signed goes, so that
the message can be completed from elsewhere; what nobody has signed goes altogether, and comes back by sync from whoever
has the true one. Not here: references and mentions, and statements of the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import connection, transaction

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.messages import Envelope, parse_envelope, verify
from accord.topics import Topic as TopicName
from messaging import trees
from messaging.locks import one_moment, store_lock
from messaging.models import Message, Store, Topic
from messaging.stored import Blob, envelope_bytes
from messaging.trees.verify import branches_true
from peers.clock import now_ms
from peers.models import User

PAGE_MESSAGES: Final = 2_000
CHUNK_MESSAGES: Final = 250
THREADS: Final = 2
MAX_TRIES: Final = 5

_COLUMNS: Final = (
    "cursor",
    "ident",
    "topic_id",
    "topic__kind",
    "topic__ident",
    "author__key",
    "type",
    "created_at",
    "burn_at",
    "header",
    "sig",
    "salt",
    "body",
)
_TOTALS: Final = f"""
    SELECT t.id, t.count, t.bytes, t.cursor, count(m.cursor), coalesce(max(m.cursor), 0), coalesce(sum(
        length(m.header) + length(m.sig) + coalesce(length(m.salt), 0) + coalesce(length(m.body), 0)
    ), 0)
    FROM {Topic._meta.db_table} t LEFT JOIN {Message._meta.db_table} m ON m.topic_id = t.id GROUP BY t.id
"""  # noqa: S608

Row = tuple[Any, ...]
Counted = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: `what` is unsigned, body, columns, totals or tree; `where` names the message or topic."""

    what: str
    where: str
    cursor: int = 0
    topic_id: int = 0


def messages_check(counted: Counted) -> Iterator[Fault]:
    """Go through every message, in order of arrival."""
    last = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="check") as threads:
        while True:
            rows = Message.objects.filter(cursor__gt=last).order_by("cursor").values_list(*_COLUMNS)[:PAGE_MESSAGES]
            page = list(rows)
            if not page:
                return
            last = page[-1][0]
            chunks = [page[start : start + CHUNK_MESSAGES] for start in range(0, len(page), CHUNK_MESSAGES)]
            for faults in threads.map(_check_all, chunks):
                yield from faults
            counted(len(page))


def _check_all(rows: Sequence[Row]) -> list[Fault]:
    return [fault for row in rows if (fault := _check(row)) is not None]


def _check(row: Row) -> Fault | None:
    cursor, ident, topic_id, kind, topic_ident, author, type_, created_at, burn_at, header, sig, salt, body = row

    def fault(what: str) -> Fault:
        return Fault(what, f"message {b64encode(ident)}", cursor, topic_id)

    try:
        envelope = _signed(header, sig, salt, body)
    except (AccordError, ValueError):
        try:
            _signed(header, sig)
        except (AccordError, ValueError):
            return fault("unsigned")
        return fault("body")
    if envelope.header_bytes != bytes(header):
        return fault("unsigned")
    if (salt is None) != (body is None):
        return fault("body")
    kept = (bytes(ident), TopicName(kind, bytes(topic_ident)), bytes(author), type_, created_at, burn_at)
    said = (envelope.id, envelope.topic, envelope.author, envelope.type, envelope.created_at, envelope.burn_at)
    return None if kept == said else fault("columns")


def _signed(header: Blob, sig: Blob, salt: Blob | None = None, body: Blob | None = None) -> Envelope:
    """What an author has signed; AccordError, or ValueError where the header is not even JSON."""
    return verify(parse_envelope(orjson.loads(envelope_bytes(header, sig, salt, body))))


def totals_check() -> Iterator[Fault]:
    """Compare what topics, and the store, say of themselves with the message table."""
    with one_moment():
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS)
            rows = cursor.fetchall()
        newest = Store.objects.values_list("cursor", flat=True).get(pk=1)
        names = dict(_names())
    for topic_id, count, size, last, held, last_held, size_held in rows:
        if (count, size) != (held, size_held) or not last_held <= last <= newest:
            yield Fault("totals", f"topic {names[topic_id]}", topic_id=topic_id)


def _names() -> Iterator[tuple[int, str]]:
    for pk, kind, ident in Topic.objects.order_by("pk").values_list("pk", "kind", "ident"):
        yield pk, TopicName(kind, bytes(ident)).name


def trees_check(counted: Counted) -> Iterator[Fault]:
    """Compare every branch with what the messages give: as the database has it now; trees that are being brought up to
    date, once they are.
    """
    for topic_id, name in _names():
        for _ in range(MAX_TRIES):
            found = branches_true(topic_id, counted)
            if found is not None:
                break
            trees.refresh(now=now_ms())
        if not found:
            yield Fault("tree", f"topic {name}", topic_id=topic_id)


def repair(fault: Fault) -> None:
    """Put right what is wrong with a message or a topic's totals, or have a tree built anew by the next refresh."""
    with transaction.atomic():
        newest = store_lock()
        row = Message.objects.filter(cursor=fault.cursor)
        if fault.what == "unsigned":
            row.delete()
        elif fault.what == "body":
            row.update(salt=None, body=None)
        elif fault.what == "columns":
            _columns_repair(fault.cursor)
        elif fault.what == "totals":
            _totals_repair(fault.topic_id, newest)
        if fault.what in ("unsigned", "columns", "tree"):
            trees.mark_whole([fault.topic_id])


def _columns_repair(cursor: int) -> None:
    row = Message.objects.filter(cursor=cursor).first()
    if row is None:  # it has burned meanwhile
        return
    envelope = _signed(row.header, row.sig)
    topic, _ = Topic.objects.get_or_create(kind=envelope.topic.kind, ident=envelope.topic.ident)
    author, _ = User.objects.get_or_create(key=envelope.author)
    if Message.objects.filter(ident=envelope.id).exclude(cursor=cursor).exists():
        row.delete()  # it is held a second time, under its own name
        return
    Message.objects.filter(cursor=cursor).update(
        ident=envelope.id,
        topic=topic,
        author=author,
        type=envelope.type,
        created_at=envelope.created_at,
        burn_at=envelope.burn_at,
    )
    Topic.objects.filter(pk=topic.pk, cursor__lt=cursor).update(cursor=cursor)
    trees.mark_whole([topic.pk])


def _totals_repair(topic_id: int, newest: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS.replace("GROUP BY", "WHERE t.id = %s GROUP BY"), [topic_id])
        _, _, _, last, held, last_held, size_held = cursor.fetchone()
    newest = max(newest, last_held)
    Store.objects.filter(pk=1).update(cursor=newest)
    Topic.objects.filter(pk=topic_id).update(count=held, bytes=size_held, cursor=min(newest, max(last, last_held)))
