"""The frames that are for strangers: who a name is, and what lets a message in (protocol.md section 10)."""

from __future__ import annotations

from typing import Any, Final

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.names import normalize_name
from messaging import door
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.frames import read_ref
from peers.sessions import Session, TokenBucket

ASKED_PER_SECOND: Final = 5
ASKED_BURST: Final = 20


def _pace(session: Session) -> None:
    bucket = session.state.get("door")
    if bucket is None:
        bucket = session.state["door"] = TokenBucket(ASKED_PER_SECOND, ASKED_BURST)
    if wait := bucket.take():
        raise AccordError("rate", f"at most {ASKED_PER_SECOND} of these a second", retry_ms=int(wait * 1000) + 1)


@registry.frame("to")
async def to(session: Session, frame: dict[str, Any]) -> None:
    """The key to which mail for a name goes; the same kind of answer whether anyone has that name."""
    ref = read_ref(frame)
    _pace(session)
    name = frame.get("name")
    if type(name) is not str:
        raise RemoteError("bad_request", "name: text expected")
    normal = normalize_name(name)
    key = await in_db(door.key_of_name, normal)
    session.send_json({"type": "to", "ref": ref, "name": normal, "key": b64encode(key)})


@registry.frame("pow")
async def challenge(session: Session, frame: dict[str, Any]) -> None:
    """A challenge for a stranger's message."""
    ref = read_ref(frame)
    if frame.get("purpose") != "mail":
        raise RemoteError("bad_request", "purpose: mail expected")
    value = door.challenge_make(b64decode(frame.get("key"), 32), now=now_ms())
    session.send_json({"type": "challenge", "ref": ref, "challenge": value})


@registry.frame("wait")
async def wait(session: Session, frame: dict[str, Any]) -> None:
    """A ticket, for a stranger who would rather wait than work."""
    ref = read_ref(frame)
    _pace(session)
    value = door.ticket_make(b64decode(frame.get("key"), 32), b64decode(frame.get("id"), 32), now=now_ms())
    session.send_json({"type": "ticket", "ref": ref, "ticket": value})
