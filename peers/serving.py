"""The frame `serve`: who is carried by which hub, on the sessions of relays and of members (protocol.md section 4).

What a relay's session has been shown ends with the certificate: by its time, or when it is revoked. Not here: what is
believed of a certificate (blessings.py).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.messages import Message
from peers import registry
from peers.blessings import blessed_until, blessed_users, carried, linked_hubs, own_take, serve_take
from peers.clock import now_ms
from peers.db import in_db
from peers.frames import read_ref
from peers.sessions import MEMBERS, Role, Session, TokenBucket, sessions

SERVES_PER_SECOND: Final = 5
SERVES_BURST: Final = 200
LEAST_WAIT_SECONDS: Final = 1
MOST_WAIT_SECONDS: Final = 3600


@registry.frame("serve")
async def serve(session: Session, frame: dict[str, Any]) -> None:
    """Take certificates: a relay's of those whom it serves, a member's own for this hub."""
    ref = read_ref(frame)
    if session.role is not Role.RELAY and session.role not in MEMBERS:
        raise AccordError("denied", "only members and relays may do that")
    bucket = session.state.get("serves")
    if bucket is None:
        bucket = session.state["serves"] = TokenBucket(SERVES_PER_SECOND, SERVES_BURST)
    if wait := bucket.take():
        raise AccordError("rate", f"at most {SERVES_PER_SECOND} serve a second", retry_ms=int(wait * 1000) + 1)
    if session.role is Role.RELAY:
        served = await in_db(serve_take, frame, hub=session.client, now=now_ms(), by=session.user)
        session.served.update(served.users)
        _watch(session)
        users = [b64encode(user) for user in sorted(served.users)]
        session.send_json({"type": "served", "ref": ref, "users": users})
    else:
        session.send_json({"type": "served", "ref": ref, **await _own(session, frame)})


async def _own(session: Session, frame: dict[str, Any]) -> dict[str, Any]:
    user = session.user
    assert user is not None  # noqa: S101 - a member has one
    changed = await in_db(own_take, frame, user=user, now=now_ms())
    if changed:
        for hook in registry.served_hooks:
            hook()
    now = now_ms()
    state = await in_db(carried, user, now=now)
    return {
        "users": [b64encode(user)] if state.blessings else [],
        "hubs": [b64encode(key) for key in await in_db(linked_hubs, now=now)],
        "blessings": state.blessings,
        "carry": state.carry,
    }


# -------------------------------------------------------------------------------------- when a relay's right ends


def _watch(session: Session) -> None:
    """Look again when the next of the session's certificates expires."""
    _unwatch(session)
    if session.served and not session.is_closing:
        wait = (min(session.served.values()) - now_ms()) / 1000
        wait = min(max(wait, LEAST_WAIT_SECONDS), MOST_WAIT_SECONDS)
        session.state["unserve"] = asyncio.get_running_loop().call_later(wait, _expire, session)


def _unwatch(session: Session) -> None:
    timer: asyncio.TimerHandle | None = session.state.pop("unserve", None)
    if timer is not None:
        timer.cancel()


def _expire(session: Session) -> None:
    now = now_ms()
    for user in [user for user, until in session.served.items() if until <= now]:
        _unserve(session, user)
    _watch(session)


def _unserve(session: Session, user: bytes) -> None:
    if session.served.pop(user, None) is not None:
        for hook in registry.unserved_hooks:
            hook(session, user)


@registry.lives("cert.revoke")
def blessings_look_again(message: Message) -> None:
    """A user has revoked something: who no longer serves that user reads that inbox no more."""

    async def look(session: Session) -> None:
        until = await in_db(blessed_until, message.author, session.client, now=now_ms())
        if until:
            session.served[message.author] = until
        else:
            _unserve(session, message.author)
        _watch(session)

    for session in sessions.readers():
        if message.author in session.served:
            session.run(look(session))


@registry.lives("remove_user")
@registry.lives("restore_user")
def blessings_look_at_all(message: Message) -> None:
    """Accounts are frozen, or no longer: relays read the inboxes of those who bless their hub and have standing."""

    async def look(session: Session) -> None:
        now = now_ms()
        blessed = await in_db(blessed_users, session.client, now=now)
        for user in session.served.keys() - blessed:
            _unserve(session, user)
        for user in blessed - session.served.keys():
            session.served[user] = await in_db(blessed_until, user, session.client, now=now)
        _watch(session)

    for session in sessions.readers():
        if session.role is Role.RELAY:
            session.run(look(session))


registry.session_closed.append(_unwatch)
