"""A session as one who reads the store (protocol.md section 4)."""

from __future__ import annotations

from accord.errors import AccordError
from messaging.selectors import Reader
from peers.clock import now_ms
from peers.sessions import READERS, Role, Session


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
    )
