"""Roots of topics as linked hubs state them (protocol.md sections 3 and 5): so a member's client can tell whether this
hub shows all that others hold.

Not here: comparing and becoming equal (comparing.py); the tree itself (messaging/trees).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from accord import fields
from accord.errors import AccordError
from accord.merkle import HORIZON_MS
from accord.statements import verify_statement
from accord.topics import Topic, parse_topic
from accord_client.errors import ConnectionLost
from links import selectors
from links.dialled import Dialled
from links.dialler import links
from links.peering import Peering
from links.served import Served
from messaging import trees
from messaging.reading import reader_of
from messaging.selectors import readable_topics
from messaging.topic_roots import askers
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.sessions import Session

ANSWER_SECONDS: Final = 4.0
MAX_TOPIC_CHARS: Final = 80

_ASKED: Final[dict[str, fields.Field | fields.Check]] = {
    "type": fields.exactly("root"),
    "ref": fields.integer(0, 2**53 - 1),
    "topic": fields.text(MAX_TOPIC_CHARS, 1),
    "horizon": fields.optional(fields.time_ms),
}


@askers.append
async def _roots(topic: Topic, horizon: int) -> list[dict[str, Any]]:
    """What each linked hub that answers in time states of a topic; of a private one only those of members are asked."""
    hubs = await in_db(selectors.hubs_of, topic, now=now_ms())
    asked = [peering for peering in links.peerings() if hubs is None or peering.hub in hubs]
    found = await asyncio.gather(*(_root_of(peering, topic, horizon) for peering in asked))
    return [statement for statement in found if statement is not None]


async def _root_of(peering: Peering, topic: Topic, horizon: int) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            asked = {"horizon": horizon} if horizon else {}
            answer = await peering.ask("root", topic=topic.name, **asked)
        statement = answer.get("statement")
        if type(statement) is not dict:
            return None
        verify_statement(statement, type="root", hub=peering.hub)
    except (AccordError, ConnectionLost, TimeoutError):
        return None
    return statement if statement.get("topic") == topic.name else None


def _stated(topic: Topic, asked: dict[str, Any], *, may: bool) -> dict[str, Any]:
    if not may:
        raise AccordError("not_found", "no such topic, or it is not for you")
    horizon = asked.get("horizon", 0)
    if horizon % HORIZON_MS:
        raise AccordError("bad_request", f"root.horizon: a multiple of {HORIZON_MS} expected")
    return trees.root_statement(topic, now=now_ms(), horizon=horizon)


def _stated_to(session: Session, frame: dict[str, Any]) -> dict[str, Any]:
    """In a database thread."""
    asked = fields.read(frame, _ASKED, "root")
    topic = parse_topic(asked["topic"])
    rows = readable_topics(reader_of(session)).filter(kind=topic.kind, ident=topic.ident)
    return _stated(topic, asked, may=topic.kind in ("feed", "chan", "space") and rows.exists())


def _stated_on(peering: Peering, frame: dict[str, Any]) -> dict[str, Any]:
    """In a database thread."""
    asked = fields.read(frame, _ASKED, "root")
    topic = parse_topic(asked["topic"])
    hubs = selectors.hubs_of(topic, now=now_ms())
    is_carried = topic.kind in ("feed", "chan") and peering.carries(topic)
    return _stated(topic, asked, may=is_carried if hubs is None else peering.hub in hubs)


@registry.frame("root")
async def _asked(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if not isinstance(side, Served):
        raise AccordError("denied", "linked hubs ask this way; others ask the API")
    statement = await in_db(_stated_to, session, frame)
    await side.send({"type": "root_is", "ref": frame["ref"], "statement": statement})


@registry.frame("root_is")
async def _came(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if isinstance(side, Served):
        side.answered(frame)


async def _asked_back(peering: Peering, frame: dict[str, Any]) -> None:
    statement = await in_db(_stated_on, peering, frame)
    await peering.send({"type": "root_is", "ref": frame["ref"], "statement": statement})


Dialled.takes["root"] = _asked_back
