"""Reads of plugins: what is due, what a handler is given and may ask for, figures for the console."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db.models import Avg, Count, Max, Q

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.invites import parse_link
from accord.messages import Message as SignedMessage
from accord.messages import parse_envelope
from accord.topics import Topic as TopicName
from messaging.models import Message, Reference, Topic
from messaging.stored import envelope_bytes
from peers.models import Account
from plugins.builtin.hub_link import LINK
from plugins.models import Job, Proposal

SAID_AMONG: Final = 5_000  # newest messages of a channel
MAX_SAID: Final = 100
MAX_REACTIONS: Final = 10_000
NAME_CHARS: Final = 8  # of a key that has no name here

_ROW: Final = ("header", "sig", "salt", "body")


def due(handlers: Iterable[str], *, now: int, limit: int) -> list[Job]:
    """Jobs whose time has come, the longest due first."""
    rows = Job.objects.filter(state=Job.State.WAITING, due_at__lte=now, handler__in=list(handlers))
    return list(rows.order_by("due_at", "pk")[:limit])


def signed_message(cursor: int) -> SignedMessage | None:
    """The message of an arrival number; None if it is not held, or without its body."""
    row = Message.objects.filter(pk=cursor, body__isnull=False).values_list(*_ROW).first()
    return None if row is None else _signed(row)


def _signed(row: tuple[Any, ...]) -> SignedMessage:
    return SignedMessage(parse_envelope(orjson.loads(envelope_bytes(*row))))  # it was verified when it was stored


def shown(messages: Iterable[SignedMessage]) -> list[dict[str, Any]]:
    """Messages as handlers.message_of reads them."""
    found = list(messages)
    names = dict(
        (bytes(key), name)
        for key, name in Account.objects.filter(user__key__in={each.author for each in found})
        .exclude(kind=Account.Kind.TEMP)
        .values_list("user__key", "name")
    )
    return [_shown(each, names.get(each.author) or b64encode(each.author)[:NAME_CHARS]) for each in found]


def _shown(message: SignedMessage, author_name: str) -> dict[str, Any]:
    raw = message.body or b""
    try:
        body = None if message.encrypted else orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    return {
        "id": b64encode(message.id),
        "type": message.type,
        "topic": message.topic.name,
        "author": b64encode(message.author),
        "author_name": author_name,
        "created_at": message.created_at,
        "burn_at": message.burn_at,
        "tz": message.header.get("tz"),
        "mentions": [b64encode(key) for key in message.attention_keys],
        "answers": [b64encode(ident) for ident in message.attention_messages],
        "refs": [(relation, b64encode(ident)) for relation, ident in message.refs],
        "header": message.header,
        "body": body,
        "raw": base64.b64encode(raw).decode(),
    }


def _in_topic(topic: TopicName, now: int) -> Any:
    held = Message.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident, body__isnull=False)
    return held.filter(Q(burn_at__isnull=True) | Q(burn_at__gt=now))


def message_in(topic: TopicName, ident: bytes, *, now: int) -> SignedMessage | None:
    """A message of a topic, with its body."""
    row = _in_topic(topic, now).filter(ident=ident).values_list(*_ROW).first()
    return None if row is None else _signed(row)


def said_in(topic: TopicName, author: bytes, *, now: int) -> list[SignedMessage]:
    """The texts of one author among the newest messages of a topic, the newest first."""
    newest = _in_topic(topic, now).order_by("-created_at", "-ident").values_list("pk", flat=True)[:SAID_AMONG]
    rows = Message.objects.filter(pk__in=list(newest), author__key=author, type="chat.text")
    return [_signed(row) for row in rows.order_by("-created_at", "-ident").values_list(*_ROW)[:MAX_SAID]]


def reactions_to(topic: TopicName, ident: bytes, *, now: int) -> dict[str, list[str]]:
    """Who reacts to a message now: emoji -> user keys; of each author the newest word on an emoji counts."""
    reacting = Reference.objects.filter(target=ident, relation="react").values_list("message_id", flat=True)
    rows = _in_topic(topic, now).filter(pk__in=reacting[:MAX_REACTIONS], type="chat.react")
    found: dict[tuple[str, bytes], bool] = {}
    for author, body in rows.order_by("created_at", "ident").values_list("author__key", "body"):
        value = orjson.loads(bytes(body))
        found[(value["emoji"], bytes(author))] = not value.get("off", False)
    reactions: dict[str, list[str]] = {}
    for (emoji, author), is_on in found.items():
        if is_on:
            reactions.setdefault(emoji, []).append(b64encode(author))
    return reactions


def channel_named(name: str) -> str | None:
    """The topic of an open channel of this hub."""
    ident = (
        Topic.objects.filter(kind="chan", name=name, hub__isnull=True, is_private=False)
        .order_by("pk")
        .values_list("ident", flat=True)
    )
    return TopicName("chan", bytes(ident[0])).name if ident.exists() else None


def waiting_for(handler: str, author: bytes) -> int:
    """How many runs a handler has put off for messages of one author."""
    later = Job.objects.filter(handler=handler, serial__gt=0, state=Job.State.WAITING)
    return later.filter(message__author__key=author).count()


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a handler's jobs; times in ms, of those done since a moment."""

    waiting: int = 0
    later: int = 0
    done: int = 0
    dead: int = 0
    mean_ms: float = 0.0
    longest_ms: int = 0


def figures(*, now: int, since: int) -> dict[str, Figures]:
    """By handler: what waits (`waiting` is due, `later` is not yet), what was done since, what is dead."""
    done = Q(state=Job.State.DONE, due_at__gte=since)
    waits = Q(state=Job.State.WAITING)
    rows = Job.objects.values("handler").annotate(
        waiting=Count("pk", filter=waits & Q(due_at__lte=now)),
        later=Count("pk", filter=waits & Q(due_at__gt=now)),
        done=Count("pk", filter=done),
        dead=Count("pk", filter=Q(state=Job.State.DEAD)),
        mean_ms=Avg("took_ms", filter=done),
        longest_ms=Max("took_ms", filter=done),
    )
    return {
        row["handler"]: Figures(
            row["waiting"], row["later"], row["done"], row["dead"], row["mean_ms"] or 0.0, row["longest_ms"] or 0
        )
        for row in rows
    }


def job_counts() -> dict[str, int]:
    """How many jobs there are, by state."""
    held = dict(Job.objects.values_list("state").annotate(number=Count("pk")))
    return {state.value: held.get(state.value, 0) for state in Job.State}


def dead_count() -> int:
    """How many jobs were given up."""
    return Job.objects.filter(state=Job.State.DEAD).count()


def proposals_open() -> int:
    """How many hubs wait for the operator to link them or not."""
    return Proposal.objects.filter(is_open=True, message__body__isnull=False).count()


def proposed_link(proposal: Proposal) -> str | None:
    """The invite link that a proposal is about, as its message has it; None once that is gone."""
    message = signed_message(proposal.message_id)
    value = None if message is None or message.body is None else orjson.loads(message.body)
    for link in LINK.findall(value["text"]) if value else ():
        try:
            if parse_link(link).hub == bytes(proposal.hub):
                return str(link)
        except RemoteError:
            continue
    return None
