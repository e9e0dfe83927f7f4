"""A session's private side: the keys of its profile, kept up to date with the hub (protocol.md sections 4 and 7).

    async with open_private(client, store, directory) as private:
        await private.catch_up()
        envelope = private.envelope(topic, "chat.text", text_body(text="hello"))

What came since the last time is asked for by arrival number, so nothing is read twice and nothing is left out that
arrived late. Not here: what follows from it (sealed.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from accord.errors import AccordError
from accord.spaces import SpaceView
from accord.topics import Topic, parse_topic
from accord_client import connecting, vaulting
from accord_client.compose import Composer
from accord_client.connection import Connection
from accord_client.directory import Directory
from accord_client.errors import ClientError, ConnectionLost
from accord_client.events import Closed, Deliver, Live, TopicAdded
from accord_client.keystore import Keystore
from accord_client.profile import ProfileStore
from accord_client.sealed import Sealed
from accord_client.session import Client, now_ms
from accord_client.terminal import clean_line
from accord_client.texts import Texts
from accord_client.vault_content import Shared

MAX_TOPICS: Final = 900  # of the 1,000 that one connection may listen to
MAX_ROUNDS: Final = 8
PAGE_MESSAGES: Final = 500
MAX_LEARNED_PAGES: Final = 100
TOGETHER_MESSAGES: Final = 500
OWN: Final = "keys"  # under what name the position in what oneself has written is kept
SEARCH_KEY: Final = "texts"

log = logging.getLogger(__name__)


class Private:
    """A session's keys, and what it takes to write with them."""

    def __init__(self, client: Client, directory: Directory, sealed: Sealed) -> None:
        self.client = client
        self.directory = directory
        self.sealed = sealed
        self.composer = Composer(client.profile.user, now_ms)
        directory.naming = self._name

    def _name(self, topic: Topic) -> str | None:
        """What a private channel is called: by the other person, or by its space and its own name."""
        if topic.kind == "space":
            view = self.sealed.spaces().get(topic.ident)
            return view.name if view is not None else None
        if (other := self.sealed.peer(topic)) is not None:
            return f"@{self.directory.name_of(other)}"
        place = self.sealed.place(topic)
        return None if place is None else f"{self.sealed.view(place.space).name} #{place.channel.name}"

    def spaces(self) -> dict[bytes, SpaceView]:
        """The spaces of which one is a member, by id: by their chain, and as far as the hub still lets one read it, for
        whoever was put out is not shown how.
        """
        return {
            space: view
            for space, view in self.sealed.spaces().items()
            if self.sealed.me in view.members and Topic("space", space).name in self.directory.rows
        }

    # ------------------------------------------------------------------------------------------------------ what came

    def topics(self, *, everything: bool = False) -> list[str]:
        """The topics from which keys and private messages come; with `everything` all in which people talk."""
        rows = self.directory.rows.values()
        wanted = {Topic("user", self.sealed.me).name}
        wanted |= {row.topic.name for row in rows if row.topic.kind == "space"}
        wanted |= {row.topic.name for row in rows if row.topic.kind == "chan" and (everything or row.encrypted)}
        return sorted(wanted)[:MAX_TOPICS]

    def has_private(self) -> bool:
        """Whether there is any private topic to read."""
        return any(row.encrypted or row.topic.kind == "space" for row in self.directory.rows.values())

    async def catch_up(self, *, everything: bool = False) -> int:
        """Take what has come since the last time; gives the hub's arrival number up to which it has. Topics that come
        to light by it are taken too. AccordError, Stopped.
        """
        self.sealed.forget(now_ms())
        done: set[str] = set()
        reached = 0
        for _ in range(MAX_ROUNDS):
            waiting = [name for name in [*self.topics(everything=everything), OWN] if name not in done]
            if not waiting:
                break
            reached = await self.client.call(lambda connection: self._catch_up(connection, waiting))  # noqa: B023
            done.update(waiting)
            self.directory.replace(await self.client.call(lambda connection: connection.topics()))
        return reached

    async def _catch_up(self, connection: Connection, topics: list[str]) -> int:
        store, keys = connection.store, self.sealed.keys
        groups: defaultdict[int, list[str]] = defaultdict(list)
        for name in topics:
            groups[keys.came(store, name)].append(name)
        cursors: list[int] = []
        for since, names in groups.items():
            try:
                cursor = await self._read(connection, names, since)
            except AccordError as error:
                if error.code != "conflict":
                    raise
                cursor = await self._read(connection, names, 0)  # the hub was restored to an earlier state
            keys.set_came(store, names, cursor)
            cursors.append(cursor)
        return min(cursors, default=0)

    async def _read(self, connection: Connection, names: list[str], since: int) -> int:
        """Take the backlog of some topics after `since`; gives up to where it went."""
        asked: dict[str, Any] = {"topics": [name for name in names if name != OWN]}
        if OWN in names:
            asked["keys"] = [self.sealed.me]
        ref, cursor = await connection.subscribe(**asked, since=since, store=connection.store)
        try:
            return max(cursor, await self._backlog(connection, ref))
        finally:
            if not connection.closed:
                await connection.unsubscribe(**asked)

    async def _backlog(self, connection: Connection, ref: int) -> int:
        count = 0
        with self.sealed.texts.many() as go_on:
            async for event in connection:
                if isinstance(event, Deliver):
                    self.sealed.take(event.message)
                    count += 1
                    if count % TOGETHER_MESSAGES == 0:
                        go_on()
                elif isinstance(event, TopicAdded):
                    self.directory.put(event.row)
                elif isinstance(event, Live) and event.ref == ref:
                    return event.cursor
                elif isinstance(event, Closed):
                    break
        raise ConnectionLost("the connection ended while messages were read")

    async def learn(self, topic: Topic) -> None:
        """Take all of a topic that has just come to light, from its end backwards."""
        before: str | None = None
        for _ in range(MAX_LEARNED_PAGES):
            try:
                page = await self.client.call(
                    lambda connection: connection.fetch(topic, before=before, limit=PAGE_MESSAGES)  # noqa: B023
                )
            except AccordError as error:
                log.debug("%s cannot be fetched: %s", topic.name, error)
                return
            with self.sealed.texts.many():
                for item in page.messages:
                    self.sealed.take(item.message)
            before = page.next
            if not page.more or before is None:
                return

    async def publish_boxkey(self) -> None:
        """Have a box key of this device published; where the hub does not take one, others cannot seal to it."""
        try:
            await connecting.publish_boxkey(self.client, self.sealed, self.composer, now=now_ms())
        except ClientError as error:
            log.warning("%s", error)

    async def save(self, store: ProfileStore, reads: Iterable[dict[str, Any]] = ()) -> vaulting.Synced | None:
        """Exchange keys with the account's vault, and with `reads` how far was read, where this profile has opened it;
        what is wrong is a warning.
        """
        shared = Shared(self.sealed.epoch_facts(), self.sealed.pairs.links(), tuple(reads))
        try:
            synced = await asyncio.to_thread(vaulting.sync, store, self.sealed.keys, shared)
        except (ClientError, AccordError) as error:
            log.warning("the vault was not brought up to date: %s", error)
            return None
        self.sealed.forget(now_ms())  # what has burned does not come back by it
        return synced

    # --------------------------------------------------------------------------------------------------------- writing

    async def prepare(self, topic: Topic, *, openly: bool) -> Topic:
        """Where to write what is meant for a target. A person who has keys is asked for a connection first, unless
        `openly`; ClientError until they have accepted.
        """
        if topic.kind != "user" or topic.ident == self.sealed.me or openly:
            return topic
        if await self.must_ask(topic.ident):
            state = await connecting.ask(self.client, self.sealed, self.composer, topic.ident)
            if state != "connected":
                name = clean_line(self.directory.name_of(topic.ident))
                raise ClientError(
                    f"nothing was sent: {name} is asked for a private conversation; send it again when they have "
                    "accepted, or with --openly, so that the hub can read it"
                )
        return self.way(topic)

    async def must_ask(self, other: bytes) -> bool:
        """Whether nothing can be sealed to a person now although they have keys for it, or had."""
        connection = self.sealed.connection(other)
        if other == self.sealed.me or connection.has_key:
            return False
        return bool(connection.topics or (await connecting.devices_of(self.client, [other], now=now_ms()))[other])

    def way(self, topic: Topic) -> Topic:
        """Where what is meant for a target goes: to a person with whom one is connected, into the channel of two."""
        if topic.kind != "user" or topic.ident == self.sealed.me:
            return topic
        connection = self.sealed.connection(topic.ident)
        return parse_topic(connection.topics[0]) if connection.has_key else topic

    def envelope(
        self, topic: Topic, type: str, body: bytes, *, burn_seconds: int | None = None, **fields: Any
    ) -> dict[str, Any]:
        """A message to a topic, sealed where that must be; ClientError where there is no key, AccordError."""
        row = self.directory.rows.get(topic.name)
        is_sealed = self.sealed.is_sealed(topic)
        if not is_sealed and row is not None and row.encrypted:
            raise ClientError("this channel is private, and its members are not known here yet")
        if type == "chat.delete" or not is_sealed:
            return self.composer.make(type, topic, body, burn_seconds=burn_seconds, **fields)
        created_at = self.composer.tick()
        if burn_seconds is not None:
            fields["burn_at"] = created_at + burn_seconds * 1000
        return self.sealed.seal(topic, type, body, created_at=created_at, **fields)


def concerns(topic: Topic, directory: Directory) -> bool:
    """Whether something private may lie behind a target."""
    row = directory.rows.get(topic.name)
    return (topic.kind == "user" and topic.ident != directory.me) or (row is not None and row.encrypted)


@asynccontextmanager
async def open_private(client: Client, store: ProfileStore, directory: Directory) -> AsyncIterator[Private]:
    """The private side of a client's session. ProfileError where its files cannot be used."""
    with Keystore(store) as keys, Texts(store, keys.secret(SEARCH_KEY)) as texts:
        yield Private(client, directory, Sealed(client.profile.user, keys, texts))
