"""Blobs between linked hubs (protocol.md section 11): either side of a session asks the other for what it lacks, and is
told when something that it was given is deleted there.

Not here: when a hub asks, and what it keeps (blobs/fetching.py).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from accord import fields
from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord_client.errors import ConnectionLost
from blobs import fetching, files
from blobs.selectors import blob_held
from blobs.services import asker_note, copies_drop
from links.dialled import Dialled
from links.dialler import links
from links.peering import Peering
from links.served import Served
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.sessions import Session

logger = logging.getLogger(__name__)

PIECE_BYTES: Final = 512 * 1024  # in base64url within a frame
MAX_GONE: Final = 100
MAX_BLOB_BYTES: Final = 2**40

_ASKED: Final = {
    "type": fields.exactly("blob"),
    "ref": fields.integer(0, 2**53 - 1),
    "blob": fields.octets(32),
    "from": fields.integer(0, MAX_BLOB_BYTES),
}
_PART: Final[dict[str, fields.Field | fields.Check]] = {
    "type": fields.exactly("blob_part"),
    "ref": fields.integer(0, 2**53 - 1),
    "size": fields.integer(1, MAX_BLOB_BYTES),
    "from": fields.integer(0, MAX_BLOB_BYTES),
    "data": b64decode,
    "burn_at": fields.optional(fields.time_ms),
}
_GONE: Final = {"type": fields.exactly("blob_gone"), "blobs": fields.list_of(fields.octets(32), MAX_GONE)}


class LinkSource:
    """A linked hub, as one that may have a blob."""

    def __init__(self, peering: Peering) -> None:
        self._peering = peering
        self.hub = peering.hub

    async def blob(self, ident: bytes) -> AsyncIterator[tuple[int, int | None, bytes]]:
        """Size, burn_at and the next bytes; AccordError, ConnectionLost."""
        at, size = 0, 1
        while at < size:
            answer = await self._peering.ask("blob", blob=b64encode(ident), **{"from": at})
            part = fields.read(answer, _PART, "blob_part")
            if part["from"] != at or not part["data"] or (at and part["size"] != size):
                raise RemoteError("bad_request", "blob_part: other bytes than were asked for")
            size = part["size"]
            at += len(part["data"])
            yield size, part.get("burn_at"), part["data"]


@fetching.sources.append
def _sources() -> Sequence[LinkSource]:
    return [LinkSource(peering) for peering in links.peerings()]


@fetching.told.append
def _tell(hubs: Sequence[bytes], ident: bytes) -> None:
    for peering in links.peerings():
        if peering.hub in hubs:
            peering.beside(_send_gone(peering, ident))


async def _send_gone(peering: Peering, ident: bytes) -> None:
    try:
        await peering.send({"type": "blob_gone", "blobs": [b64encode(ident)]})
    except ConnectionLost:
        logger.debug("%s ended before it was told of a blob", peering)


# What the other side asks


def _read_part(frame: dict[str, Any], hub: bytes) -> dict[str, Any]:
    """The answer to `blob`; AccordError. In a database thread."""
    asked = fields.read(frame, _ASKED, "blob")
    ident, at = asked["blob"], asked["from"]
    blob = blob_held(ident)
    if blob is None or blob.gone_at is not None or (blob.burn_at is not None and blob.burn_at <= now_ms()):
        raise AccordError("not_found", "that blob is not here")
    if at >= blob.size:
        raise RemoteError("bad_request", "the blob is shorter")
    try:
        data = b"".join(files.read_range(ident, at, min(blob.size, at + PIECE_BYTES), bytes(blob.chunks)))
    except OSError as error:
        raise AccordError("not_found", "that blob is not here") from error
    if at == 0:
        asker_note(ident=ident, hub=hub)
    burns = {} if blob.burn_at is None else {"burn_at": blob.burn_at}
    return {"type": "blob_part", "ref": asked["ref"], "size": blob.size, "from": at, "data": b64encode(data), **burns}


async def _answer(peering: Peering, frame: dict[str, Any]) -> None:
    try:
        answer = await in_db(_read_part, frame, peering.hub)
    except AccordError as error:
        answer = {"type": "error", "ref": frame.get("ref"), "code": error.code, "detail": error.detail}
    await peering.send(answer)


async def _take_gone(peering: Peering, frame: dict[str, Any]) -> None:
    gone = fields.read(frame, _GONE, "blob_gone")
    await in_db(copies_drop, idents=gone["blobs"], hub=peering.hub, now=now_ms())


@registry.frame("blob")
async def _asked(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if not isinstance(side, Served):
        raise AccordError("denied", "blobs go between linked hubs this way; others read them by the API")
    await _answer(side, frame)


@registry.frame("blob_gone")
async def _gone(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if isinstance(side, Served):
        await _take_gone(side, frame)


@registry.frame("blob_part")
async def _came(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if isinstance(side, Served):
        side.answered(frame)


Dialled.takes["blob"] = _answer
Dialled.takes["blob_gone"] = _take_gone
