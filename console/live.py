"""Live sessions as the console sees and ends them: read and closed on the event loop, where they live.

Not here: who may do so (site.py), what a session is (peers/sessions.py). An address is not shown: the hub keeps none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from accord.errors import AccordError, CloseCode
from messaging.live import live
from peers.loop import loop_bridge
from peers.services import session_tokens_forget
from peers.sessions import Session, sessions

TRY_AGAIN: Final = 1000  # WebSocket: an ordinary end, after which clients come back
MAX_LISTED_SUBSCRIPTIONS: Final = 200


@dataclass(frozen=True, slots=True)
class LiveSession:
    """What a session was like at one moment."""

    sid: str
    role: str
    user: bytes | None
    client: bytes
    started_at: int
    expires_at: int | None
    topics: tuple[str, ...]
    keys: tuple[bytes, ...]
    messages: tuple[bytes, ...]
    topic_count: int
    key_count: int
    message_count: int


def sid_of(session: Session) -> str:
    """A name for a session in addresses and logs: its handle is its own."""
    return hashlib.sha256(session.handle.encode()).hexdigest()[:16]


def _seen(session: Session) -> LiveSession:
    wanted = live().fanout.subscriptions(session)
    most = MAX_LISTED_SUBSCRIPTIONS
    return LiveSession(
        sid=sid_of(session),
        role=session.role.value,
        user=session.user,
        client=session.client,
        started_at=session.started_at,
        expires_at=session.certificate.expiration if session.certificate else None,
        topics=tuple(topic.name for topic in list(wanted.topics)[:most]),
        keys=tuple(list(wanted.keys)[:most]),
        messages=tuple(list(wanted.messages)[:most]),
        topic_count=len(wanted.topics),
        key_count=len(wanted.keys),
        message_count=len(wanted.messages),
    )


def snapshot() -> list[LiveSession] | None:
    """Every session of this process, the newest first; None where this process serves no sockets."""
    try:
        found = loop_bridge.call(lambda: [_seen(session) for session in sessions.all()])
    except AccordError:
        return None
    return sorted(found, key=lambda session: session.started_at, reverse=True)


def close_where(wanted: Callable[[Session], bool], *, code: int, bye: str | None = None) -> int:
    """Close the sessions that are wanted, and end their tokens; gives their number.

    AccordError("busy") where no loop serves them.
    """

    def close() -> list[str]:
        chosen = [session for session in sessions.all() if wanted(session) and not session.is_closing]
        for session in chosen:
            session.close(code, bye)
        return [session.handle for session in chosen]

    closed = loop_bridge.call(close)
    for handle in closed:
        session_tokens_forget(session=handle)
    return len(closed)


def end_session(sid: str) -> int:
    """End one session; its client may come back."""
    return close_where(lambda session: sid_of(session) == sid, code=TRY_AGAIN)


def refuse(*, client: bytes | None = None, serial: bytes | None = None) -> int:
    """Close the sessions of a device or a certificate that is refused from now on."""

    def is_meant(session: Session) -> bool:
        held = session.certificate.serial if session.certificate else None
        return session.client == client or (serial is not None and held == serial)

    try:
        return close_where(is_meant, code=CloseCode.REVOKED, bye="unauthorized")
    except AccordError:
        return 0  # no sockets here; the next login is refused
