"""Live sessions are told when their account may invite or store something else than before (protocol.md section 4, the
frame `account`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from accord.message_types import read_body
from accord.messages import Message
from invites import selectors
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.sessions import MEMBERS, sessions

_tasks: Final[set[asyncio.Task[None]]] = set()


@registry.lives("set_quota")
def quota_told(message: Message) -> None:
    """Whose quota it is, and who gave it."""
    for user in (message.author, read_body(message)["pubkey"]):
        if any(session.role in MEMBERS for session in sessions.of_user(user)):
            task = asyncio.get_running_loop().create_task(_tell(user))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)


async def _tell(user: bytes) -> None:
    standing = await in_db(selectors.standing_of, user, now=now_ms())
    if standing is None:
        return  # gone since
    frame: dict[str, Any] = {"type": "account", **standing}
    for session in sessions.of_user(user):
        if session.role in MEMBERS:
            session.send_json(frame)
