"""A session as one who reads the store (protocol.md section 4)."""

from __future__ import annotations

from accord.errors import AccordError
from messaging.selectors import Reader
from peers.clock import now_ms
from peers.sessions import READERS, Role, Session


def stranger_of(session: Session) -> Reader | None:
    """A guest who has proved a user key, as one who reads the own inbox; None for any other session."""
    if session.user is None or session.role is not Role.GUEST:
        return None
    return Reader(session.user, False, now_ms(), is_stranger=True)


def reader_of(session: Session) -> Reader:
    """What a session of a claimed account may read now; AccordError("denied") for any other."""
    if session.user is None or session.role not in READERS:
        raise AccordError("denied", "only members may do that")
    return Reader(
        session.user,
        session.role is Role.ADMIN,
        now_ms(),
        is_relay=session.role is Role.RELAY,
        inboxes=frozenset(session.served),
        former=session.former,
    )
