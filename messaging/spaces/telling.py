"""Sessions hear of private topics that they may read from now on, and of those that they may read no longer
(protocol.md section 4, `topic_added`, `topic_gone`). On the loop.
"""

from __future__ import annotations

import asyncio

from accord.topics import Topic
from messaging import backlogs, topic_rows
from messaging.live import live
from messaging.reading import reader_of
from messaging.selectors import Wanted
from messaging.spaces.rooms import seats_changed
from peers.db import in_db
from peers.sessions import READERS, Session, sessions

_under_way: set[asyncio.Task[None]] = set()


def _reads_for(session: Session) -> set[bytes]:
    users = set(session.served)
    if session.user is not None:
        users.add(session.user)
    return users


def _changed(topic: Topic, come: frozenset[bytes], gone: frozenset[bytes]) -> None:
    for session in sessions.all():
        if session.role not in READERS:
            continue
        users = _reads_for(session)
        if not users.isdisjoint(come):
            task = asyncio.get_running_loop().create_task(_add(session, topic))
            _under_way.add(task)
            task.add_done_callback(_under_way.discard)
        elif not users.isdisjoint(gone):
            task = asyncio.get_running_loop().create_task(_take_away(session, topic))
            _under_way.add(task)
            task.add_done_callback(_under_way.discard)


async def _add(session: Session, topic: Topic) -> None:
    for row in await in_db(topic_rows.topics_named, [topic], reader_of(session)):
        session.send_json({"type": "topic_added", **row})


async def _take_away(session: Session, topic: Topic) -> None:
    if await in_db(topic_rows.topics_named, [topic], reader_of(session)):
        return  # a relay reads for others too
    unwanted = Wanted(topics=(topic,))
    live().fanout.unsubscribe(session, unwanted)
    backlogs.take_out(session, unwanted)
    session.send_json({"type": "topic_gone", "topic": topic.name})


seats_changed.append(_changed)
