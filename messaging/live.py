"""What the live socket of one process runs on: ingest, fan-out, and the report of its sockets."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from django.db import DatabaseError

from accord.encoding import b64encode
from messaging import selectors
from messaging.fanout import Fanout
from messaging.ingest import Ingest
from messaging.stored import Stored
from peers import registry
from peers.db import in_db
from peers.loop import loop_bridge
from peers.services import process_forget, process_report
from peers.sessions import Session, sessions

logger = logging.getLogger(__name__)

REPORT_SECONDS: Final = 0.5

dispatched: list[Callable[[list[Stored]], None]] = []  # on the loop, after the sessions: all that is stored, in order


class Live:
    """The parts, made on the running loop."""

    def __init__(self, *, store_id: bytes, cursor: int) -> None:
        self.store_id = store_id
        self.fanout = Fanout(cursor=cursor)
        self.ingest = Ingest(asyncio.get_running_loop(), self._dispatch, cursor=cursor)
        self._reporter = asyncio.create_task(self._report())

    def _dispatch(self, stored: list[Stored]) -> None:
        self.fanout.dispatch(stored)
        for listener in dispatched:
            try:
                listener(stored)
            except Exception:  # as below
                logger.exception("what a listener does with stored messages was not done")
        for entry in stored:
            for handler in registry.live_handlers.get(entry.type, ()):
                try:
                    handler(entry.signed())
                except Exception:  # the next message, and the next handler, must not suffer
                    logger.exception("what a stored %s means for live sessions was not done", entry.type)

    async def _report(self) -> None:
        reported = -1
        while True:
            await in_db(_pulse)
            if reported != len(sessions):
                reported = len(sessions)
                try:
                    await in_db(process_report, pid=os.getpid(), sockets=reported)
                except DatabaseError:
                    logger.exception("cannot report the number of sockets")
            await asyncio.sleep(REPORT_SECONDS)

    async def stop(self) -> None:
        """Finish what was submitted."""
        self._reporter.cancel()
        await self.ingest.stop()
        await in_db(process_forget, pid=os.getpid())


def _pulse() -> None:
    for pulse in registry.pulses:
        try:
            pulse()
        except DatabaseError:
            logger.exception("what every process does twice a second was not done")


_live: Live | None = None
_starting = asyncio.Lock()


async def live_start() -> None:
    """Start the parts of this process on the running loop, if they are not."""
    global _live  # noqa: PLW0603 - one per process, as the sockets are
    async with _starting:
        if _live is None:
            store_id = await in_db(selectors.store_id)
            _live = Live(store_id=store_id, cursor=await in_db(selectors.store_cursor))
            loop_bridge.open()


def live() -> Live:
    """The running parts."""
    if _live is None:
        raise RuntimeError("the live socket has not been started")
    return _live


async def live_stop() -> None:
    """Finish and forget them."""
    global _live  # noqa: PLW0603
    if _live is not None:
        await _live.stop()
        loop_bridge.close()
        _live = None


def _leave(session: Session) -> None:
    live().fanout.leave(session)


registry.before_login.append(live_start)  # Daphne has no start-up hook
registry.login_facts.append(lambda: {"store": b64encode(live().store_id)})
registry.session_closed.append(_leave)
