"""Drives the machine of sync (accord/sync.py, protocol.md section 5) over one connection, for either side.

The machine works in database threads, one call after the other; what it has received is verified and stored by the same
pipeline as what is published. Here are also the clock, the history and what a link remembers. Not here: what is held
(holdings.py), when to compare (dialled.py, tasks.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from accord import sync
from accord.keys import fingerprint
from accord.topics import Topic, parse_topic
from links import selectors, services
from links.holdings import Acquaintance, Holdings
from links.models import Exchange
from links.services import Ended
from links.states import State
from messaging import trees
from messaging.batch import Result
from peers.clock import now_ms
from peers.db import in_db

logger = logging.getLogger(__name__)

SYNC_FRAMES: Final = sync.FRAMES
TICK_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 1.0  # after which an answered session is over for the history
MAX_INBOX_BYTES: Final = 16 * 1024 * 1024  # far more than the rules of sync let be on its way


class Side(Protocol):
    """The connection over which is compared, and what may be compared there."""

    @property
    def hub(self) -> bytes | None:
        """The other hub's key; None: a program of a person asks."""

    async def send_data(self, data: bytes) -> int:
        """Send a frame that is JSON already, at the other side's pace."""

    async def bring(self, envelopes: Sequence[Any]) -> list[Result]:
        """Have messages verified and stored."""

    def comparable(self) -> Mapping[Topic, int]:
        """The topics to compare, with this hub's horizons. In a database thread."""

    def carries(self, topic: Topic) -> bool:
        """Whether to compare a topic that only the other side has listed. In a database thread."""

    def accepts(self, topic: Topic) -> bool:
        """Of one that is not carried, whether to take what the other side has, and show nothing. In a database
        thread.
        """

    def next_ref(self) -> int:
        """A number for a session; rises."""

    async def step(self, state: State) -> None:
        """Note where the link stands."""

    def hang_up(self) -> None:
        """End the connection."""


class Comparisons:
    """The sessions of sync over one connection, one at a time. `run` lasts as long as the connection."""

    def __init__(self, side: Side, *, asker: bool, known: Acquaintance) -> None:
        self._side = side
        self._known = known
        self._asker = sync.Asker(self._open) if asker else None
        self._machine: sync.SyncSession = self._asker or sync.Answerer(self._open)
        self._inbox: deque[tuple[Callable[[int], list[Any]], int]] = deque()
        self._inbox_bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._wanted = False
        self._holdings: Holdings | None = None
        self._ended: Ended | None = None
        self._equal: dict[str, tuple[bytes, int]] = {}
        self._unequal: set[str] = set()
        self._behind = 0
        self._told_behind = -1
        self._answered = False  # the last frame was one that came
        self._heard_at = 0.0
        self._settled = False
        self._storing: set[asyncio.Task[None]] = set()

    # What others tell it

    async def receive(self, frame: dict[str, Any], size: int) -> None:
        """A frame of sync, or the error that answers one, has come."""

        def work(now: int) -> list[Any]:
            if self._ended is not None:
                self._ended.bytes_in += size
            return self._machine.receive(frame, now)

        while self._inbox_bytes > MAX_INBOX_BYTES:
            self._room.clear()
            await self._room.wait()
        self._put(work, size)
        self._heard_at = time.monotonic()
        if not self._answered:
            self._answered = True
            if self._ended is not None:
                self._ended.trips += 1

    def _put(self, work: Callable[[int], list[Any]], size: int = 0) -> None:
        self._inbox.append((work, size))
        self._inbox_bytes += size
        self._news.set()

    def is_mine(self, frame: dict[str, Any]) -> bool:
        """Whether an error frame answers one of sync."""
        return self._machine.open and frame.get("ref") == self._machine.ref

    def want(self, *, behind: int = 0) -> None:
        """Compare as soon as no session is open; `behind` is by how much this hub is believed to be."""
        self._behind = behind
        self._wanted = True
        self._news.set()

    # The loop

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                if self._asker is not None and self._wanted and self._ended is None:
                    self._wanted = False
                    await self._start()
                work = await self._next()
                if work is not None:
                    await self._do(await in_db(work, now_ms()))
                elif self._machine.open:
                    await self._do(await in_db(self._machine.idle, now_ms()))
                elif self._settled and time.monotonic() - self._heard_at > QUIET_SECONDS:
                    await self._finish("")
                await self._tell_behind()
        finally:
            for task in list(self._storing):
                task.cancel()

    async def close(self) -> None:
        """The connection has ended: a session that was open was cut."""
        if self._ended is not None:
            await self._finish("" if self._settled else "lost")

    async def _next(self) -> Callable[[int], list[Any]] | None:
        """The next thing for the machine, or None when it is time to look at the clock or at what is wanted."""
        if not self._inbox:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._news.wait()
        if not self._inbox:
            return None
        work, size = self._inbox.popleft()
        self._inbox_bytes -= size
        self._room.set()
        return work

    async def _start(self) -> None:
        await self._side.step(State.COMPARING)
        ref, now = self._side.next_ref(), now_ms()
        assert self._asker is not None  # noqa: S101 - who asks has looked
        await self._do(await in_db(self._asker.start, ref, trees.as_of(now), now))

    def _open(self, at: int) -> Holdings:
        """In a database thread: a session opens."""
        now = now_ms()
        if self._ended is not None:
            self._write_down("" if self._settled else "lost", now)
        self._holdings = Holdings(
            hub=self._side.hub,
            known=self._known,
            topics=self._side.comparable(),
            carries=self._side.carries,
            accepts=self._side.accepts,
            at=at,
            now=now,
        )
        self._ended = Ended(began_at=now, outcome=Exchange.Outcome.CUT, is_asker=self._asker is not None)
        self._equal, self._unequal, self._settled, self._answered = {}, set(), False, self._asker is None
        return self._holdings

    async def _do(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, sync.Send):
                size = await self._side.send_data(event.data)
                self._answered = False
                if self._ended is not None:
                    self._ended.bytes_out += size
                self._settled = False
            elif isinstance(event, sync.Store):
                task = asyncio.create_task(self._store(event))
                self._storing.add(task)
                task.add_done_callback(self._storing.discard)
            elif isinstance(event, sync.Equal):
                self._equal[event.topic] = (event.root, event.horizon)
                self._unequal.discard(event.topic)
            elif isinstance(event, sync.Unequal):
                logger.debug("%s: %s", event.topic, event.detail)
                self._unequal.add(event.topic)
                self._equal.pop(event.topic, None)
            elif isinstance(event, sync.Settled):
                self._settled = True
                if self._asker is not None:
                    await self._finish("")
            elif isinstance(event, sync.Over):
                whose = "a program" if self._side.hub is None else fingerprint(self._side.hub)
                logger.warning("a comparison with %s ended: %s %s", whose, event.code, event.detail)
                await self._finish(event.code)

    async def _store(self, event: Any) -> None:
        results = await self._side.bring(event.messages)
        codes = [result.error.code if result.error is not None else None for result in results]
        self._behind = max(0, self._behind - sum(result.status == "stored" for result in results))
        self._put(lambda now: self._machine.stored(event, codes, now))

    # What is remembered

    async def _tell_behind(self) -> None:
        if self._asker is not None and self._ended is not None and self._behind != self._told_behind:
            self._told_behind = self._behind
            if self._side.hub is not None:
                await in_db(services.link_behind, key=self._side.hub, behind=self._behind)

    async def _finish(self, code: str) -> None:
        await in_db(self._write_down, code, now_ms())
        self._settled = False

    def _write_down(self, code: str, now: int) -> None:
        """In a database thread: what a session that has ended leaves behind."""
        ended, holdings, hub = self._ended, self._holdings, self._side.hub
        self._ended = self._holdings = None
        if ended is None or holdings is None:
            return
        equal = {parse_topic(name): at for name, at in self._equal.items() if not holdings.is_taken_only(name)}
        rows = selectors.topic_rows([*equal, *(topic for topic, _ in holdings.refused)])
        for topic, (root, horizon) in equal.items():
            if topic in rows:
                trees.root_note(topic, trees.Root(root, 0, horizon, holdings.at, holdings.cut))
        if hub is None:
            return
        counts = self._machine.counts
        ended.outcome = Exchange.Outcome.EQUAL
        if code or self._unequal:
            ended.outcome = Exchange.Outcome.CUT if code else Exchange.Outcome.UNEQUAL
        ended.code = code
        ended.topics = len(equal) + len(self._unequal)
        ended.differing = len(holdings.differing)
        ended.received, ended.sent = counts.got, counts.sent
        ended.refused = counts.refused_here + counts.refused_there
        ended.bases = [
            (rows[topic], root, horizon, holdings.cut) for topic, (root, horizon) in equal.items() if topic in rows
        ]
        ended.refusals = [(rows[topic], ident) for topic, ident in holdings.refused if topic in rows]
        ended.taken = holdings.taken
        if ended.outcome == Exchange.Outcome.EQUAL:
            self._known.tidy(now=now, cursor=holdings.cut)
        services.exchange_end(key=hub, ended=ended, now=now)
