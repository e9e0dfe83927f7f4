"""A subscription that survives its connections (protocol.md section 4).

    async for event in Subscription(client, wanted).events(): ...

Gives every message once: resumes with `since` after a cut, and where the hub says `conflict` (its store is another one)
begins anew and fetches what was missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from accord.errors import AccordError
from accord.topics import parse_topic
from accord_client.connection import Connection
from accord_client.directory import Directory
from accord_client.errors import ConnectionLost
from accord_client.events import Closed, Deliver, Event, Live, Restarted, TopicAdded, TopicGone
from accord_client.outbox import AGAIN_LATER
from accord_client.position import Progress
from accord_client.profile import Position
from accord_client.session import Client, now_ms

MAX_SUBSCRIBED: Final = 1_000
MAX_CAUGHT_UP: Final = 2_000
PAGE_MESSAGES: Final = 500
DEFAULT_RETRY_MS: Final = 5_000
NOT_READABLE: Final = frozenset({"denied", "not_member", "not_found"})

log = logging.getLogger(__name__)


class Subscription:
    """What a listener wants: `topics` chooses from the directory (again after each change of it), `keys` are authors
    and mentioned users.

    `start` is the position of an earlier run. `directory` is kept up to date while events are read.
    """

    def __init__(
        self,
        client: Client,
        topics: Callable[[Directory], list[str]],
        keys: Iterable[bytes] = (),
        *,
        start: Position | None = None,
        directory: Directory | None = None,
    ) -> None:
        self.directory = directory or Directory(client.profile.user.public)
        self.progress = Progress(start)
        self._client = client
        self._choose = topics
        self._keys = sorted(set(keys))[:MAX_SUBSCRIBED]
        self._topics: set[str] = set()
        self._online_since = 0

    async def events(self) -> AsyncIterator[Event]:
        """Messages and what else happens, without end; Stopped when the client is."""
        while True:
            connection = await self._client.connected()
            try:
                async for event in self._follow(connection):
                    yield event
            except ConnectionLost:
                await connection.wait_closed()
            except AccordError as error:
                if error.code not in AGAIN_LATER:
                    raise
                await asyncio.sleep((error.retry_ms or DEFAULT_RETRY_MS) / 1000)
                await connection.close()

    async def _follow(self, connection: Connection) -> AsyncIterator[Event]:
        self.progress.connected()
        self._topics.clear()
        self.directory.replace(await connection.topics())
        try:
            await self._subscribe(connection, self._wanted(), self._keys)
        except AccordError as error:
            if error.code != "conflict" or self.progress.cursor is None:
                raise
            self.progress.restart()
            await self._subscribe(connection, self._wanted(), self._keys)
        self._online_since = self.progress.cursor or 0
        if self.progress.catching_up:
            yield Restarted()
            for missed in await self._missed(connection):
                yield missed
                self.progress.shown(missed)
            self.progress.catching_up = False
        async for event in connection:
            if isinstance(event, Deliver):
                if self.progress.is_new(event):
                    yield event  # shown is what the reader has come back from
                    self.progress.shown(event)
                continue
            if isinstance(event, Live):
                self.progress.live(event.ref, event.cursor)
            elif isinstance(event, TopicAdded):
                self.directory.put(event.row)
                behind = self.progress.cursor or 0
                added = self._wanted()
                await self._subscribe(connection, added, [])
                for earlier in await self._announced_late(connection, added, behind):
                    yield earlier
                    self.progress.shown(earlier)
            elif isinstance(event, TopicGone):
                self.directory.remove(event.topic)
                self._topics.discard(event.topic)
            if not isinstance(event, Closed):
                yield event

    def _wanted(self) -> list[str]:
        """Chosen topics that are not yet subscribed to, within the hub's limit."""
        room = MAX_SUBSCRIBED - len(self._topics)
        wanted = [topic for topic in self._choose(self.directory) if topic not in self._topics]
        if len(wanted) > room:
            log.warning("a connection can listen to %d topics: %d are left out", MAX_SUBSCRIBED, len(wanted) - room)
        return wanted[:room]

    async def _subscribe(self, connection: Connection, topics: list[str], keys: list[bytes]) -> None:
        if not topics and not keys:
            return
        try:
            await self._subscribe_once(connection, topics, keys)
        except AccordError as error:
            if error.code not in NOT_READABLE or len(topics) + bool(keys) == 1:
                raise
            for part in ([topic] for topic in topics):
                await self._subscribe_if_readable(connection, part, [])
            await self._subscribe_if_readable(connection, [], keys)

    async def _subscribe_if_readable(self, connection: Connection, topics: list[str], keys: list[bytes]) -> None:
        if not topics and not keys:
            return
        try:
            await self._subscribe_once(connection, topics, keys)
        except AccordError as error:
            if error.code not in NOT_READABLE:
                raise
            log.debug("the hub does not let us listen to %s: %s", topics or "keys", error)

    async def _subscribe_once(self, connection: Connection, topics: list[str], keys: list[bytes]) -> None:
        progress = self.progress
        ref, cursor = await connection.subscribe(
            topics=topics, keys=keys, since=progress.cursor, store=progress.store or None
        )
        self._topics.update(topics)
        progress.subscribed(ref, cursor, connection.store, now=now_ms())

    async def _announced_late(self, connection: Connection, topics: list[str], behind: int) -> list[Deliver]:
        """What was said in new topics before the hub told of them, if other messages had overtaken it."""
        found: list[Deliver] = []
        for name in topics:
            try:
                page = await connection.fetch(parse_topic(name), limit=PAGE_MESSAGES)
            except AccordError as error:
                log.debug("%s cannot be fetched: %s", name, error)
                continue
            found += [
                item
                for item in page.messages
                if self._online_since < item.cursor <= behind and not self.progress.knows(item.message.id)
            ]
        return sorted(found, key=lambda item: item.cursor)

    async def _missed(self, connection: Connection) -> list[Deliver]:
        """What came while the hub's cursors could not tell: by creation time, from the topics that can be fetched."""
        up_to = self.progress.cursor or 0
        found: dict[bytes, Deliver] = {}
        for name in sorted(self._topics):
            before: str | None = None
            while len(found) < MAX_CAUGHT_UP:
                try:
                    page = await connection.fetch(parse_topic(name), before=before, limit=PAGE_MESSAGES)
                except AccordError as error:
                    log.debug("%s cannot be fetched: %s", name, error)
                    break
                found.update((item.message.id, item) for item in page.messages if self.progress.missed(item, up_to))
                before = page.next
                oldest = page.messages[-1].message.created_at if page.messages else 0
                if not page.more or before is None or oldest <= self.progress.floor():
                    break
        return sorted(found.values(), key=lambda item: (item.message.created_at, item.message.id))
