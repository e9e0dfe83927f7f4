"""The frames of a session that are about the session itself (protocol.md section 4)."""

from __future__ import annotations

from typing import Any, Final

from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.services import token_issue
from peers.sessions import Role, Session, TokenBucket

TOKENS_PER_SECOND: Final = 1
TOKENS_BURST: Final = 5


def read_ref(frame: dict[str, Any]) -> int:
    """The asker's number of a frame."""
    ref = frame.get("ref")
    if type(ref) is not int:
        raise RemoteError("bad_request", "ref: integer expected")
    return ref


@registry.frame("token")
async def token(session: Session, frame: dict[str, Any]) -> None:
    """A bearer token for the REST API that is good for as long as this session, 15 minutes at most."""
    ref = read_ref(frame)
    if session.role is Role.RELAY:
        raise AccordError("denied", "a token stands for the whole account, which a relay does not")
    if session.role is Role.GUEST and session.user is not None:
        raise AccordError("denied", "who has no account has no use for a token")
    bucket = session.state.get("tokens")
    if bucket is None:
        bucket = session.state["tokens"] = TokenBucket(TOKENS_PER_SECOND, TOKENS_BURST)
    if wait := bucket.take():
        raise AccordError("rate", f"at most {TOKENS_PER_SECOND} token a second", retry_ms=int(wait * 1000) + 1)
    issued, expires = await in_db(
        token_issue,
        session=session.handle,
        is_socket=True,
        client=session.client,
        certificate=session.certificate,
        now=now_ms(),
    )
    session.send_json({"type": "token", "ref": ref, "token": b64encode(issued), "expires": expires})
