"""The frames of sync on sessions that others have opened here, and what a hub that has dialled answers (protocol.md
sections 4 and 5).

A hub with a relay session is a link; a member's program may compare too, as a reader and under the member's rights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from accord import sync
from accord.errors import AccordError
from accord.topics import Topic
from links import dialler
from links.comparing import Comparisons
from links.holdings import Acquaintance
from links.served import Served, comparable
from links.states import State
from messaging.admission import Publisher
from messaging.batch import Result
from messaging.ingest import Submission
from messaging.live import live
from messaging.publishing import RIGHTS
from peers import registry
from peers.sessions import Role, Session


class Program:
    """A member's program that compares what the member may read; nothing of it is remembered."""

    hub = None

    def __init__(self, session: Session) -> None:
        self._session = session
        self._publisher = Publisher(RIGHTS[session.role], user=session.user, account_id=session.account_id)
        self.comparisons = Comparisons(self, asker=False, known=Acquaintance())

    async def send_data(self, data: bytes) -> int:
        """Queue a frame, once little waits."""
        await self._session.drained()
        self._session.send_bytes(data)
        return len(data)

    async def bring(self, envelopes: Sequence[Any]) -> list[Result]:
        """Have messages checked and stored, under the member's rights."""
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        live().ingest.submit(Submission(list(envelopes), self._publisher, {}, future.set_result))
        return await future

    def comparable(self) -> Mapping[Topic, int]:
        """All that the member may read."""
        return comparable(self._session, inboxes=True)

    def carries(self, topic: Topic) -> bool:
        """Nothing else."""
        return False

    def accepts(self, topic: Topic) -> bool:
        """Nothing else."""
        return False

    def next_ref(self) -> int:
        """Not asked for: the program begins."""
        raise NotImplementedError

    async def step(self, state: State) -> None:
        """There is no link."""

    def hang_up(self) -> None:
        """There is no link."""


def _side_of(session: Session) -> Served | Program:
    side: Served | Program | None = session.state.get("sync")
    if side is None:
        if session.role not in (Role.MEMBER, Role.ADMIN):
            raise AccordError("denied", "only members and linked hubs may compare")
        side = session.state["sync"] = Program(session)
        session.run(side.comparisons.run())
    return side


async def _sync(session: Session, frame: dict[str, Any]) -> None:
    await _side_of(session).comparisons.receive(frame, session.frame_size)


for _type in sorted(sync.FRAMES):
    registry.frame(_type)(_sync)


async def _answered(session: Session, frame: dict[str, Any]) -> None:
    side = session.state.get("sync")
    if isinstance(side, Served) and side.answered(frame):
        return
    if frame.get("type") == "error" and side is not None and side.comparisons.is_mine(frame):
        await side.comparisons.receive(frame, session.frame_size)


for _type in ("published", "served", "error"):
    registry.frame(_type)(_answered)


@registry.session_opened.append
def _opened(session: Session) -> None:
    if session.role is Role.RELAY:
        session.state["sync"] = dialler.served(session)
