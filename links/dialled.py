"""A session that this hub has dialled: it follows what the other hub keeps, live, and sends on what is stored here
(protocol.md section 4).

Which topics: every feed, and the open channels that people of either hub use, or all with `everything`. What came while
there was no session is found by comparing, and so are private topics; what is said in these comes as parcels. Not here:
when to dial (dialler.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import orjson

from accord import certs
from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.topics import Topic, parse_topic
from accord_client.connection import Connection, connect
from accord_client.errors import ConnectionLost
from links import selectors
from links.comparing import SYNC_FRAMES
from links.holdings import Acquaintance
from links.peering import PARCELS_A_FRAME, Peering
from links.selectors import MAX_ENVELOPES_BYTES
from messaging.publishing import MAX_PUBLISH_MESSAGES, result_bytes
from messaging.selectors import is_open
from messaging.stored import Stored
from peers.blessings import serve_take
from peers.clock import now_ms
from peers.db import in_db
from peers.keyring import keyring

logger = logging.getLogger(__name__)

RENEW_BEFORE_MS: Final = 3600 * 1000
MAX_WAITING_MESSAGES: Final = 20_000
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
MAX_DELIVERED_UNDER_WAY: Final = 64  # frames
MAX_TOPICS_A_FRAME: Final = 1_000
MAX_OPENING_PAGES: Final = 200
MEET_SECONDS: Final = 10.0
LOOK_PAUSE_SECONDS: Final = 0.5


FrameTaker = Callable[[Peering, dict[str, Any]], Awaitable[None]]


class Dialled(Peering):
    """The dialling side. Made by `dial`."""

    takes: ClassVar[dict[str, FrameTaker]] = {}  # frames of the other side that other modules answer

    is_dialled = True

    def __init__(self, hub: bytes, known: Acquaintance, *, everything: bool) -> None:
        super().__init__(hub, known)
        self.everything = everything
        self.carried: frozenset[Topic] = frozenset()
        self._connection: Connection | None = None
        self._expires = 0
        self._met = asyncio.Event()
        self._look_again = asyncio.Event()
        self._is_wanted = True
        self._subscribed: set[str] = set()
        self._told = 0  # openings of channels up to this arrival number
        self._waiting: deque[Stored] = deque()
        self._waiting_bytes = 0
        self._push_wake = asyncio.Event()
        self._delivered = asyncio.Semaphore(MAX_DELIVERED_UNDER_WAY)

    async def dial(self, ws: str, address: str | None = None) -> None:
        """Log in as the admin's user's blessed peer, at `address` if that is given for the host of `ws`; LoginRefused,
        RemoteError, HubUnreachable.
        """
        ring, now = keyring(), now_ms()
        certificate = self.known.certificate
        if certificate is None or certificate["expiration"] - now < certs.MAX_LIFE_MS // 2:
            certificate = self.known.certificate = certs.issue(
                ring.admin,
                client=ring.hub.public,
                servers=[self.hub],
                issued_at=now,
                life_ms=certs.MAX_LIFE_MS,
                scope=("relay",),
            )
        self._expires = int(certificate["expiration"])
        self._connection = await connect(ws, ring.hub, certificate, self.hub, address=address, taker=self._take)

    async def run(self) -> int:
        """Work until the session ends; gives its close code. AccordError: the other hub breaks the rules."""
        connection = self._open()
        working = asyncio.create_task(self.work())
        ending = asyncio.create_task(connection.wait_closed())
        try:
            await asyncio.wait(
                [working, ending],
                return_when=asyncio.FIRST_COMPLETED,
                timeout=max(0, self._expires - RENEW_BEFORE_MS - now_ms()) / 1000,
            )
        finally:
            working.cancel()
            await asyncio.wait([working])
            await connection.close()
            await self.close()
        if not working.cancelled() and (error := working.exception()) is not None:
            for cause in error.exceptions if isinstance(error, BaseExceptionGroup) else [error]:
                if not isinstance(cause, ConnectionLost):
                    raise cause
        return (await ending).code

    def own_certificates(self) -> list[dict[str, Any]]:
        """This hub carries for its admin's user too: what is written there to that account comes here."""
        return [] if self.known.certificate is None else [self.known.certificate]

    @property
    def is_expired(self) -> bool:
        """Whether its certificate has been used for as long as it shall be."""
        return now_ms() >= self._expires - RENEW_BEFORE_MS

    def duties(self) -> list[Any]:
        """Following and pushing too."""
        return [*super().duties(), self._follow(), self._push()]

    def _open(self) -> Connection:
        assert self._connection is not None  # noqa: S101 - `dial` has made it
        return self._connection

    # The wire

    async def send_data(self, data: bytes) -> int:
        """Send a frame; gives its size. ConnectionLost."""
        return await self._open().send_data(data)

    def next_ref(self) -> int:
        """A number that no other request of this session has."""
        return self._open().next_ref()

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Send a frame and give its answer; AccordError, ConnectionLost."""
        return await self._open().request(type_, **fields)

    def hang_up(self) -> None:
        """End the session soon."""
        self.beside(self._open().close())

    async def _take(self, frame: dict[str, Any], size: int) -> bool:
        kind = frame.get("type")
        if kind == "deliver":
            await self._delivered.acquire()
            self.beside(self._take_delivered(frame))
        elif kind in SYNC_FRAMES:
            await self.comparisons.receive(frame, size)
        elif kind == "publish":
            self.beside(self._take_published(frame))
        elif kind == "serve":
            self.beside(self._take_served(frame))
        elif kind == "poke":
            self.look_again()
        elif kind in self.takes:
            self.beside(self._take_with(self.takes[kind], frame))
        elif kind in ("topic_added", "topic_gone"):
            self._look_again.set()
        elif kind == "error" and self.comparisons.is_mine(frame):
            await self.comparisons.receive(frame, size)
        else:
            return False
        return True

    async def _take_with(self, handler: FrameTaker, frame: dict[str, Any]) -> None:
        try:
            await handler(self, frame)
        except AccordError as error:
            await self._refuse(frame.get("ref"), error)
        except ConnectionLost:
            logger.debug("%s ended before an answer could be given", self)

    async def _take_delivered(self, frame: dict[str, Any]) -> None:
        try:
            rows = frame.get("messages")
            envelopes = [row.get("message") for row in rows if type(row) is dict] if type(rows) is list else []
            if envelopes:
                await self.bring(envelopes)
        finally:
            self._delivered.release()

    async def _take_published(self, frame: dict[str, Any]) -> None:
        ref, envelopes = frame.get("ref"), frame.get("messages")
        if type(ref) is not int:
            return
        if type(envelopes) is not list or not 1 <= len(envelopes) <= MAX_PUBLISH_MESSAGES:
            await self._refuse(ref, RemoteError("bad_request", "messages: list expected"))
            return
        results = await self.bring(envelopes)
        listed = [orjson.Fragment(result_bytes(result)) for result in results]
        await self._answer({"type": "published", "ref": ref, "results": listed})

    async def _take_served(self, frame: dict[str, Any]) -> None:
        ref = frame.get("ref")
        try:
            served = await in_db(serve_take, frame, hub=self.hub, now=now_ms())
        except AccordError as error:
            await self._refuse(ref, error)
            return
        self._met.set()
        users = [b64encode(user) for user in sorted(served.users)]
        await self._answer({"type": "served", "ref": ref, "users": users})
        self.look_at_parcels()

    async def _refuse(self, ref: object, error: AccordError) -> None:
        await self._answer({"type": "error", "ref": ref, "code": error.code, "detail": error.detail})

    async def _answer(self, frame: dict[str, Any]) -> None:
        try:
            await self.send(frame)
        except ConnectionLost:
            logger.debug("%s ended before an answer could be given", self)

    # Following

    def look_again(self) -> None:
        """A comparison is wanted, of what is to be carried now."""
        self._is_wanted = True
        self._look_again.set()

    async def _follow(self) -> None:
        async with asyncio.timeout(MEET_SECONDS):
            await self._met.wait()  # who its admin is; without that no channel of it is believed
        while True:
            self._look_again.clear()
            await self._tell_channels()
            rows = await self._open().topics()
            await self._learn_channels(rows)
            theirs = _counted(rows)
            ours = await in_db(selectors.counts_of, ("feed", "chan"))
            used = await in_db(selectors.used_channels, now=now_ms())
            used_there = {topic for topic, (_, is_used) in theirs.items() if is_used}
            carried = frozenset(
                topic
                for topic in theirs.keys() | ours.keys()
                if topic.kind == "feed" or self.everything or topic in used or topic in used_there
            )
            is_wanted, self._is_wanted = self._is_wanted or carried != self.carried, False
            self.carried = carried
            await self._subscribe(sorted(topic.name for topic in carried & theirs.keys()))
            if is_wanted:
                behind = sum(max(0, theirs[topic][0] - ours.get(topic, 0)) for topic in carried & theirs.keys())
                self.comparisons.want(behind=behind)
            await self._look_again.wait()
            await asyncio.sleep(LOOK_PAUSE_SECONDS)

    async def _subscribe(self, names: list[str]) -> None:
        hubs = [f"hub:{b64encode(self.hub)}"]
        fresh = [name for name in [*hubs, *names] if name not in self._subscribed]
        for start in range(0, len(fresh), MAX_TOPICS_A_FRAME):
            some = fresh[start : start + MAX_TOPICS_A_FRAME]
            await self.ask("subscribe", topics=some)
            self._subscribed.update(some)

    async def _tell_channels(self) -> None:
        """Publish the openings of the channels that are known here: of other topics `hub:` nothing is passed on."""
        openings = await in_db(selectors.channel_openings, after=self._told, but=self.hub)
        for start in range(0, len(openings), PARCELS_A_FRAME):
            some = openings[start : start + PARCELS_A_FRAME]
            await self.publish([envelope for _, envelope in some])
            self._told = some[-1][0]

    async def _learn_channels(self, rows: list[dict[str, Any]]) -> None:
        """Take over the openings of channels that are listed there and not known here."""
        known = await in_db(selectors.counts_of, ("chan",))
        hubs = {
            str(row.get("hub") or b64encode(self.hub))
            for row in rows
            if row.get("kind") == "chan" and parse_topic(row["topic"]) not in known
        }
        for hub in sorted(hubs):
            place: dict[str, Any] = {}
            for _ in range(MAX_OPENING_PAGES):
                page = await self.ask("fetch", topic=f"hub:{hub}", **place)
                found = page.get("messages")
                envelopes = [item.get("message") for item in found] if type(found) is list else []
                if envelopes:
                    await self.bring(envelopes)
                if not envelopes or not page.get("more") or type(page.get("next")) is not str:
                    break
                place = {"before": page["next"]}

    # Sending on what is stored here

    def comparable_open(self) -> Mapping[Topic, int]:
        """What is carried, of what is held here."""
        held = selectors.horizons_of(("feed", "chan"))
        return {topic: horizon for topic, horizon in held.items() if topic.kind == "feed" or topic in self.carried}

    def carries_open(self, topic: Topic) -> bool:
        """Any feed, and channels that are carried and known here."""
        return topic.kind == "feed" or (topic in self.carried and is_open(topic))

    def note(self, stored: Sequence[Stored]) -> None:
        """What this link carries goes on to the other hub, but not what that has brought."""
        super().note(stored)
        for entry in stored:
            if entry.link == self.hub:
                continue
            if entry.topic in self.carried or entry.topic.kind == "feed":
                self._waiting.append(entry)
                self._waiting_bytes += len(entry.item)
            elif entry.type == "chan.open":
                self._look_again.set()
        if len(self._waiting) > MAX_WAITING_MESSAGES or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting.clear()  # the other hub is slow: a comparison finds them
            self._waiting_bytes = 0
            self.look_again()
        if self._waiting:
            self._push_wake.set()

    async def _push(self) -> None:
        while True:
            self._push_wake.clear()
            while self._waiting:
                some = self._next_to_push()
                results = await self.publish([_envelope_of(entry) for entry in some])
                self.known.has.update(
                    entry.cursor
                    for entry, result in zip(some, results, strict=True)
                    if result.get("status") != "rejected"
                )
            await self._push_wake.wait()

    def _next_to_push(self) -> list[Stored]:
        some: list[Stored] = []
        size = 0
        while self._waiting and len(some) < MAX_PUBLISH_MESSAGES:
            size += len(self._waiting[0].item)
            if some and size > MAX_ENVELOPES_BYTES:
                break
            entry = self._waiting.popleft()
            self._waiting_bytes -= len(entry.item)
            some.append(entry)
        return some


def _envelope_of(entry: Stored) -> bytes:
    """The envelope in an item `{"cursor":...,"message":...}`."""
    return entry.item[entry.item.index(b'"message":') + len(b'"message":') : -1]


def _counted(rows: list[dict[str, Any]]) -> dict[Topic, tuple[int, bool]]:
    """Of the feeds and open channels that the other hub lists: how many messages, and whether people there use what is
    not that hub's own: others are to bring it there.
    """
    found = {}
    for row in rows:
        topic, count = parse_topic(row["topic"]), row.get("count")
        if topic.kind in ("feed", "chan") and row.get("encrypted") is not True:
            found[topic] = (count if type(count) is int else 0, row.get("used") is True and "hub" in row)
    return found
