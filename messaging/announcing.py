"""New topics, told as they come: channels of this hub and of others, the feeds of new people (protocol.md section 4,
`topic_added`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.db import transaction

from accord.encoding import b64encode
from accord.message_types import read_body
from accord.messages import Message
from accord.statements import admin_of
from accord.topics import Topic, open_channel_id
from messaging import topic_rows
from messaging.selectors import Reader
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.loop import loop_bridge
from peers.sessions import Role, Session, sessions

TOPICS_A_ROUND: Final = 100  # a reader's queue holds ten times as many frames
ROUND_SECONDS: Final = 0.5
NOBODY: Final = b""


class Announcer:
    """The topics that are still to be told of, a few at a time: a link brings thousands at once. On the loop."""

    def __init__(self) -> None:
        self._waiting: dict[Topic, None] = {}
        self._task: asyncio.Task[None] | None = None

    def announce(self, topic: Topic) -> None:
        """Tell every session that reads for a claimed account."""
        self._waiting[topic] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._waiting:
            topics = list(self._waiting)[:TOPICS_A_ROUND]
            for topic in topics:
                del self._waiting[topic]
            rows = await in_db(topic_rows.topics_named, topics, Reader(NOBODY, False, now_ms()))
            for session in sessions.readers():
                for row in rows:
                    role = "admin" if _is_admin(session, row) else "member"
                    session.send_json({"type": "topic_added", **row, "role": role})
            if self._waiting:
                await asyncio.sleep(ROUND_SECONDS)


def _is_admin(session: Session, row: dict[str, Any]) -> bool:
    """Whether the session's user administers the topic of a row that was made for nobody."""
    user = b64encode(session.user or b"")
    if row["kind"] == "feed":
        return bool(row["topic"] == f"feed:{user}")
    if "admin" in row:
        return session.user is not None and admin_of(row["admin"]).has(session.user, now_ms())
    return session.role is Role.ADMIN


announcer = Announcer()


def _blessed(user: bytes, hub: bytes, now: int) -> None:
    """Somebody can be reached through another hub now: who lists people is told."""
    transaction.on_commit(lambda: loop_bridge.soon(announcer.announce, Topic("feed", user)))


def _replaced(old: bytes, new: bytes, now: int) -> None:
    """An account has another key: who lists people is told."""
    transaction.on_commit(lambda: loop_bridge.soon(announcer.announce, Topic("feed", new)))


registry.blessing_hooks.append(_blessed)
registry.replaced_hooks.append(_replaced)


@registry.lives("chan.open")
def channel_opened(message: Message) -> None:
    """A new channel, here or on a linked hub."""
    nonce = read_body(message)["nonce"]
    announcer.announce(Topic("chan", open_channel_id(message.author, nonce, message.topic.ident)))


@registry.lives("replace_account")
def account_claimed(message: Message) -> None:
    """A new member's feed."""
    announcer.announce(Topic("feed", read_body(message)["new_pubkey"]))


@registry.lives("add_user")
def account_added(message: Message) -> None:
    """The same for an account that was added as a real one."""
    body = read_body(message)
    if body["kind"] == "real":
        announcer.announce(Topic("feed", body["pubkey"]))


@registry.lives("profile")
def profile_told(message: Message) -> None:
    """Somebody says who they are: perhaps one of another hub, who has had no feed here."""
    announcer.announce(message.topic)
