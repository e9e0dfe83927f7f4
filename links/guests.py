"""Members of one hub who have a link into a space of a linked one (protocol.md sections 4 and 7): their hub asks that
one what the link leads to, and brings it the `space.join`.

Once the join is stored, both hubs compare, and the space is on both. Not here: what an invite shows
(messaging/spaces/invites.py).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson

from accord import fields
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.message_types import MAX_ABOUT_CHARS, MAX_CHANNEL_NAME_CHARS
from accord.messages import MAX_PREV
from accord_client.errors import ConnectionLost
from links import selectors
from links.dialled import Dialled
from links.dialler import links
from links.peering import Peering
from links.served import Served
from messaging.spaces.invites import guides, invite_shown
from peers import registry
from peers.db import in_db
from peers.sessions import Session

ANSWER_SECONDS: Final = 15.0
RETRY_MS: Final = 30_000
MAX_NUMBER: Final = 2**53 - 1

_ASKED: Final[dict[str, fields.Field | fields.Check]] = {
    "type": fields.exactly("space"),
    "ref": fields.integer(0, MAX_NUMBER),
    "space": fields.octets(32),
    "pubkey": fields.key,
}
_SHOWN: Final[dict[str, fields.Field | fields.Check]] = {
    "name": fields.text(MAX_CHANNEL_NAME_CHARS, 1),
    "about": fields.text(MAX_ABOUT_CHARS),
    "members": fields.integer(0, MAX_NUMBER),
    "expires": fields.time_ms,
    "uses_left": fields.integer(0, MAX_NUMBER),
    "heads": fields.list_of(fields.octets(32), MAX_PREV),
}


class LinkedHubs:
    """The linked hubs as guides."""

    async def look(self, hub: bytes, space: bytes, pubkey: bytes) -> dict[str, Any]:
        """Ask one what a link leads to."""
        peering = await _peering(hub)
        answer = await _in_time(peering.ask("space", space=b64encode(space), pubkey=b64encode(pubkey)))
        shown = fields.known(_SHOWN, "space_is")(answer)
        return {**shown, "heads": [b64encode(ident) for ident in shown["heads"]]}

    async def bring(self, hub: bytes, envelope: dict[str, Any]) -> None:
        """Bring one a message."""
        peering = await _peering(hub)
        (result,) = await _in_time(peering.publish([orjson.dumps(envelope)]))
        if result.get("status") == "rejected":
            raise AccordError(_code(result.get("code")), "the other hub refuses that")


async def _peering(hub: bytes) -> Peering:
    found = next((peering for peering in links.peerings() if peering.hub == hub), None)
    if found is not None:
        return found
    link = await in_db(selectors.link_of, hub)
    if link is None or not link.enabled:
        raise AccordError("wrong_server", "this hub is not linked with that one")
    raise AccordError("busy", "the other hub cannot be reached just now", retry_ms=RETRY_MS)


async def _in_time(asked: Any) -> Any:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asked
    except (ConnectionLost, TimeoutError) as error:
        raise AccordError("busy", "the other hub does not answer", retry_ms=RETRY_MS) from error


def _code(value: object) -> str:
    """A refusal of the other hub that means the same here."""
    return str(value) if value in ("not_found", "gone", "conflict", "quota", "denied", "busy") else "internal"


# What the other side asks


def _shown(frame: dict[str, Any]) -> dict[str, Any]:
    """In a database thread."""
    asked = fields.read(frame, _ASKED, "space")
    return {"type": "space_is", "ref": asked["ref"], **invite_shown(asked["space"], asked["pubkey"])}


@registry.frame("space")
async def _asked(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if not isinstance(side, Served):
        raise AccordError("denied", "linked hubs ask this way; others ask the API")
    await side.send(await in_db(_shown, frame))


@registry.frame("space_is")
async def _came(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if isinstance(side, Served):
        side.answered(frame)


async def _asked_back(peering: Peering, frame: dict[str, Any]) -> None:
    await peering.send(await in_db(_shown, frame))


Dialled.takes["space"] = _asked_back
guides.append(LinkedHubs())
