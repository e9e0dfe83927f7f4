"""A live session with another hub, whoever of the two has dialled: certificates are shown, parcels go out, topics are
compared (protocol.md sections 4 and 5).

All on the event loop. Not here: what only the dialling side does (dialled.py), the frames of the dialled one
(frames.py), a comparison itself (comparing.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import fingerprint
from accord.topics import Topic
from links import selectors, services
from links.comparing import Comparisons
from links.holdings import Acquaintance
from links.states import State
from messaging.admission import Publisher
from messaging.batch import Result
from messaging.ingest import Submission
from messaging.live import live
from messaging.publishing import publisher_of_link
from messaging.stored import Stored
from peers.blessings import serve_frames
from peers.clock import now_ms
from peers.db import in_db

logger = logging.getLogger(__name__)

MAX_BRINGING: Final = 4_000  # messages that a session has under way to be stored
BUSY_SECONDS: Final = 1.0
SERVE_PAUSE_SECONDS: Final = 1.0
RETRY_MS: Final = 1_000
PARCELS_A_FRAME: Final = 100
MAX_REMEMBERED: Final = 200_000
PARCELS_LOOK_SECONDS: Final = 60.0

# A parcel that is refused for one of these is tried again; whatever else is said of it is final.
PASSING: Final = frozenset({"busy", "rate", "internal", "quota", "future", "not_found"})


class Peering:
    """One session with the hub `hub`. `run` lasts as long as it; the subclasses bring the wire."""

    is_dialled = False

    def __init__(self, hub: bytes, known: Acquaintance) -> None:
        self.hub = hub
        self.known = known
        self._publisher: Publisher | None = None
        self.comparisons = Comparisons(self, asker=self.is_dialled, known=known)
        self._serve_again = asyncio.Event()
        self._parcels = asyncio.Event()
        self._bringing = 0
        self._brought = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # The wire, by the subclasses

    async def send_data(self, data: bytes) -> int:
        """Send a frame that is JSON already, at the other side's pace; gives its size. ConnectionLost."""
        raise NotImplementedError

    async def send(self, frame: dict[str, Any]) -> int:
        """Send a frame; gives its size. ConnectionLost."""
        return await self.send_data(orjson.dumps(frame))

    def next_ref(self) -> int:
        """A number that nothing else that is asked over this session has; rises."""
        raise NotImplementedError

    def comparable(self) -> Mapping[Topic, int]:
        """The topics to compare, with this hub's horizons: what is open there, and the private topics of people of both
        hubs. Inboxes go as parcels. In a database thread.
        """
        return {**self.comparable_open(), **selectors.private_horizons(self.hub, now=now_ms())}

    def comparable_open(self) -> Mapping[Topic, int]:
        """Of feeds and open channels, those to compare. In a database thread."""
        raise NotImplementedError

    def carries(self, topic: Topic) -> bool:
        """Whether to compare a topic that only the other side has listed. In a database thread."""
        return self.carries_open(topic) or selectors.reads_private(self.hub, topic, now=now_ms())

    def carries_open(self, topic: Topic) -> bool:
        """The same of feeds and open channels. In a database thread."""
        raise NotImplementedError

    def accepts(self, topic: Topic) -> bool:
        """Whether to take, and show nothing of, a topic that is not carried: the other hub may know more of who is in
        it than this one, which was off, or was put back to an old backup. In a database thread.
        """
        return selectors.is_acceptable(topic)

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Send a frame and give its answer; AccordError (refused), ConnectionLost."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """End the session soon."""
        raise NotImplementedError

    # Its life

    async def work(self) -> None:
        """Show certificates, send parcels, and what else the subclass adds; raises what ends the session."""
        async with asyncio.TaskGroup() as group:
            for duty in self.duties():
                group.create_task(duty)

    def duties(self) -> list[Any]:
        """What goes on for as long as the session lasts."""
        return [self._serve(), self._deliver(), self.comparisons.run()]

    async def step(self, state: State, *, code: str = "") -> None:
        """Note where the link stands; a link that is gone ends its session."""
        if not await in_db(services.link_step, key=self.hub, state=state, now=now_ms(), code=code):
            self.hang_up()

    def beside(self, work: Any) -> None:
        """Run something beside the session; it ends with it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._beside_ended)

    def _beside_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: something beside it failed", self, exc_info=error)
            self.hang_up()  # the other hub may wait for what that would have answered

    async def close(self) -> None:
        """Stop what runs beside it."""
        await self.comparisons.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What others tell it

    def note(self, stored: Sequence[Stored]) -> None:
        """What has been stored here, whoever brought it."""
        has = self.known.has
        for entry in stored:
            if entry.link == self.hub:
                has.add(entry.cursor)
            elif entry.topic.kind == "user" or entry.readers is not None:
                self._parcels.set()
        if len(has) > MAX_REMEMBERED:
            has.clear()  # a comparison sends some of it again, which costs no more than that

    def look_at_parcels(self) -> None:
        """Something may wait for this hub."""
        self._parcels.set()

    def show_certificates(self) -> None:
        """Certificates of members here have changed."""
        self._serve_again.set()

    # What comes from the other hub

    async def bring(self, envelopes: Sequence[Any]) -> list[Result]:
        """Have messages checked and stored like published ones; gives what became of each, once all are decided."""
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()

        def answer(results: list[Result]) -> None:
            if not future.done():
                future.set_result(results)

        while self._bringing and self._bringing + len(envelopes) > MAX_BRINGING:
            self._brought.clear()
            await self._brought.wait()
        self._bringing += len(envelopes)
        try:
            if self._publisher is None:
                self._publisher = await in_db(publisher_of_link, self.hub)
            while True:
                try:
                    live().ingest.submit(Submission(list(envelopes), self._publisher, {}, answer))
                    return await future
                except AccordError as error:
                    if error.code != "busy":
                        raise
                await asyncio.sleep(BUSY_SECONDS)
        finally:
            self._bringing -= len(envelopes)
            self._brought.set()

    # Certificates

    def own_certificates(self) -> list[dict[str, Any]]:
        """What is shown besides the certificates of members here."""
        return []

    async def _serve(self) -> None:
        while True:
            self._serve_again.clear()
            frames = await in_db(serve_frames, self.hub, now=now_ms())
            if own := self.own_certificates():
                frames.append({"certs": own})
            for frame in frames:
                await self.patiently("serve", **{name: value for name, value in frame.items() if name != "type"})
            await self._serve_again.wait()
            await asyncio.sleep(SERVE_PAUSE_SECONDS)  # several change at once

    # Parcels

    async def _deliver(self) -> None:
        await in_db(services.parcels_now, hub=self.hub)
        while True:
            self._parcels.clear()
            due = await in_db(selectors.parcels_due, self.hub, now=now_ms(), limit=PARCELS_A_FRAME)
            if due:
                await self._deliver_some(due)
                continue
            due_at = await in_db(selectors.parcel_due_at, self.hub)
            pause = PARCELS_LOOK_SECONDS if due_at is None else max(0.0, (due_at - now_ms()) / 1000)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, PARCELS_LOOK_SECONDS) + 0.01):
                    await self._parcels.wait()

    async def _deliver_some(self, due: list[tuple[int, int, int]]) -> None:
        envelopes = await in_db(selectors.envelopes_at, [cursor for _, cursor, _ in due])
        due = due[: len(envelopes)]
        withheld = await in_db(selectors.withheld, self.hub, [cursor for _, cursor, _ in due], now=now_ms())
        envelopes = [
            None if cursor in withheld else envelope for (_, cursor, _), envelope in zip(due, envelopes, strict=True)
        ]
        sent = [place for place, envelope in enumerate(envelopes) if envelope is not None]
        done = [number for (number, _, _), envelope in zip(due, envelopes, strict=True) if envelope is None]
        again: list[tuple[int, int]] = []
        if sent:
            for place, result in zip(sent, await self.publish([envelopes[place] for place in sent]), strict=True):
                number, cursor, tries = due[place]
                if result.get("status") == "rejected" and result.get("code") in PASSING:
                    again.append((number, tries))
                else:
                    done.append(number)
                if result.get("status") != "rejected":
                    self.known.has.add(cursor)
        await in_db(services.parcels_end, done=done, again=again, now=now_ms())

    async def publish(self, envelopes: Sequence[bytes | None]) -> list[dict[str, Any]]:
        """Publish ready envelopes that fit a frame; gives a result for each. Waits while the other hub is busy."""
        messages = [orjson.Fragment(envelope or b"null") for envelope in envelopes]
        answer = await self.patiently("publish", messages=messages)
        results = answer.get("results")
        if type(results) is not list or len(results) != len(envelopes) or not all(type(r) is dict for r in results):
            raise AccordError("bad_request", "published: one result a message expected")
        return results

    async def patiently(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Ask, and again while the other hub is busy."""
        while True:
            try:
                return await self.ask(type_, **fields)
            except AccordError as error:
                if error.code not in ("busy", "rate"):
                    raise
                await asyncio.sleep((error.retry_ms or RETRY_MS) / 1000)

    def __str__(self) -> str:
        return f"link to {fingerprint(self.hub)} ({b64encode(self.hub)[:8]})"
