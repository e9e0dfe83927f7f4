"""From the store into the outbox: jobs are written in the transaction that stores their message.

A message of a type without handlers costs a look into a dict. Of the others it is looked at whether the handler wants
it, without running any of the handler's code: that is for its own process.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from django.db import transaction

from accord.messages import Message
from messaging.admission import Right
from messaging.models import Topic
from peers import registry
from peers.keyring import HomeError
from peers.owner import admin_keys
from peers.registry import Arrival
from plugins import tasks
from plugins.bot import bot_key
from plugins.handlers import Handler
from plugins.installed import by_type
from plugins.models import Job

logger = logging.getLogger(__name__)

FRESH_MS: Final = 24 * 3600 * 1000


def register() -> None:
    """Listen to the store."""
    registry.stored_hooks.append(note_stored)


def note_stored(arrivals: Sequence[Arrival], now: int) -> None:
    """Write the jobs for what is being stored. What is wrong with the bot's key must not keep messages out."""
    try:
        jobs = _jobs(arrivals, now)
    except HomeError:
        logger.exception("messages were stored without jobs for their handlers")
        return
    if jobs:
        Job.objects.bulk_create(jobs)
        transaction.on_commit(tasks.wake)


def _jobs(arrivals: Sequence[Arrival], now: int) -> list[Job]:
    jobs = []
    for arrival in arrivals:
        message = arrival.message
        takers = by_type.get(message.type)
        if takers is None or message.body is None or (takers.quick and not takers.quick.search(message.body)):
            continue
        if arrival.publisher.right is not Right.IMPORT:
            jobs += [
                Job(message_id=arrival.cursor, handler=each.handler.name, at=now, due_at=now)
                for each in takers.all
                if each.is_on and wants(each.handler, message, now)
            ]
    return jobs


def wants(handler: Handler, message: Message, now: int) -> bool:
    """Whether a handler gets a message of one of its types."""
    if message.body is None or message.encrypted or message.crit:
        return False
    if not handler.any_age and message.created_at < now - FRESH_MS:
        return False
    if not _is_in(handler.places, message) or message.author == bot_key().public:
        return False
    if not handler.starts and not handler.contains:
        return True
    text = _text(message.body)
    return text.startswith(handler.starts or "") and (
        not handler.contains or any(part in text for part in handler.contains)
    )


def _text(body: bytes) -> str:
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    text = value.get("text") if type(value) is dict else None
    return text if type(text) is str else ""


def _is_in(places: Sequence[str], message: Message) -> bool:
    kind, ident = message.topic
    if kind == "chan":
        return "channel" in places and _is_own(ident)
    if kind == "user":
        return ("admin" in places and ident in admin_keys()) or ("bot" in places and ident == bot_key().public)
    return kind in places


@lru_cache(maxsize=4_096)
def _is_own(channel: bytes) -> bool:
    """Whether a channel is this hub's: in those of others, their hubs answer. It never changes."""
    return Topic.objects.filter(kind="chan", ident=channel, hub__isnull=True, is_private=False).exists()
