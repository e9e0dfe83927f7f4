"""The backlog of a subscription, and the step from it to what comes live (protocol.md section 4, `subscribe`).

Backlogs are read from the store in steps, at the reader's pace. Not here: form and rights (frames.py), what is
delivered live (fanout.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from messaging import selectors
from messaging.fanout import deliver_frames
from messaging.live import live
from messaging.reading import reader_of
from messaging.selectors import Wanted
from peers.db import in_db
from peers.sessions import Session

BACKLOG_STEP: Final = 500


def go_live(session: Session, wanted: Wanted, ref: int, *, after: int | None = None) -> None:
    """Deliver from now on, and say so; what came later than `after` has been delivered already."""
    fanout = live().fanout
    fanout.subscribe(session, wanted, after=after)
    session.send_json({"type": "live", "ref": ref, "cursor": fanout.cursor})


@dataclass
class _Backlog:
    """A subscription whose backlog is under way; what is unsubscribed meanwhile goes out of `wanted`."""

    wanted: Wanted


class _Backlogs:
    """The backlogs of a session: one after the other, so that the next one finds the one before it live."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.under_way: list[_Backlog] = []


def _backlogs(session: Session) -> _Backlogs:
    found: _Backlogs = session.state.setdefault("backlogs", _Backlogs())
    return found


def start(session: Session, wanted: Wanted, ref: int, since: int) -> None:
    """Begin to deliver what came after `since`, then what comes, without gap or double."""
    backlog = _Backlog(wanted)
    _backlogs(session).under_way.append(backlog)  # at once: the next frame may take something out of it
    session.run(_send(session, backlog, ref, since))


async def _send(session: Session, backlog: _Backlog, ref: int, since: int) -> None:
    backlogs = _backlogs(session)
    try:
        async with backlogs.turn:
            await _catch_up(session, backlog, since)
            # No await since the last comparison: nothing has been dispatched in between.
            go_live(session, backlog.wanted, ref, after=since)
    finally:
        backlogs.under_way.remove(backlog)


async def _catch_up(session: Session, backlog: _Backlog, since: int) -> None:
    fanout = live().fanout
    delivered = fanout.subscriptions(session)
    position = since
    while True:
        fanout.flush()  # or what is held back would be neither backlog nor live
        if position >= fanout.cursor:
            return
        found, position = await in_db(
            selectors.backlog,
            backlog.wanted,
            reader_of(session),
            after=position,
            upto=fanout.cursor,
            limit=BACKLOG_STEP,
        )
        for frame in deliver_frames([stored.item for stored in found if not delivered.delivers(stored)]):
            session.send_bytes(frame)
            await session.drained()


def take_out(session: Session, unwanted: Wanted) -> None:
    """Somebody has unsubscribed: what is still under way shall not bring it, nor make it live."""
    for backlog in _backlogs(session).under_way:
        backlog.wanted = backlog.wanted.without(unwanted)
