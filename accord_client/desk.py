"""A person's conversations as they stand now: what was said, what is unread, what is still on its way (protocol.md
sections 1 and 4). The terminal UI shows a desk and asks it for deeds.

    async with Desk.start(client, store) as desk:
        work = asyncio.create_task(desk.follow())
        await desk.load("chan:...")
        await desk.writing.say("chan:...", "hello")

Not here: which conversations there are (overview.py), what is written (writing.py), who is there (signals.py), feeds,
`hub:` topics.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from accord.errors import AccordError
from accord.messages import Message
from accord.topics import Topic, parse_topic
from accord_client import connecting
from accord_client.commands import load_directory
from accord_client.directory import Directory
from accord_client.discovery import hub_document
from accord_client.errors import ClientError
from accord_client.events import Deliver, Signal, TopicAdded, TopicGone
from accord_client.files import Files
from accord_client.foreign import learn_authors
from accord_client.history import NOT_THERE, columns
from accord_client.overview import TALK, Overview
from accord_client.places import Places
from accord_client.private import Private, open_private
from accord_client.profile import Position, ProfileStore
from accord_client.reading import Reading
from accord_client.render import TEXTS, may_show
from accord_client.session import Client, State, now_ms
from accord_client.signals import Signals
from accord_client.spaces import Spaces
from accord_client.subscription import Subscription
from accord_client.talks import Talk
from accord_client.texts import Found
from accord_client.vault_content import reads_of
from accord_client.welcome import Welcome
from accord_client.writing import Writing

LOOK_BACK_MESSAGES: Final = 100
HAND_OUT_SECONDS: Final = 3
LOOK_SECONDS: Final = 600
VAULT_LOOK_SECONDS: Final = 300
VAULT_PAUSE_SECONDS: Final = 5
FORGET_SECONDS: Final = 30
MAX_FOUND: Final = 200
AT_ONCE: Final = 8

log = logging.getLogger(__name__)


class Desk(Overview):
    """An overview that is kept up to date, and what can be done with it."""

    def __init__(
        self, client: Client, directory: Directory, places: Places, private: Private, store: ProfileStore
    ) -> None:
        super().__init__(client, directory, private)
        self.store = store
        self.files = Files(client, store)
        self.spaces = Spaces(private, store)
        self.signals = Signals(self)
        self.writing = Writing(self, self.files)
        self.reading = Reading(self, places)
        self._welcome = Welcome(private, store)
        self._places = places
        self._start: Position | None = None
        self._keys_due, self._vault_due = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[bytes] = set()  # requests that were told of
        self._forgot_at = 0

    @classmethod
    @asynccontextmanager
    async def start(cls, client: Client, store: ProfileStore) -> AsyncIterator[Desk]:
        """A desk with the list of conversations and what is unread in them."""
        directory = await load_directory(client)
        async with open_private(client, store, directory) as private:
            await private.publish_boxkey()
            synced = await private.save(store)
            reached = await private.catch_up()
            name = (await client.connected()).store
            with Places(store, name, newest=reached) as places:
                desk = cls(client, directory, places, private, store)
                desk._keys_due.set()
                desk._start = Position(name, reached, now_ms())
                if synced is not None:
                    desk.reading.take(reads_of(synced.content))
                await desk._learn_admin()
                await desk._look_around()
                try:
                    yield desk
                finally:
                    desk.writing.stop()
                    for task in desk._tasks:
                        task.cancel()
                    if client.state is State.ONLINE:
                        await private.save(store, desk.reading.told())

    async def _learn_admin(self) -> None:
        profile = self.client.profile
        try:
            self.hub_admin = (await hub_document(profile.url, profile.hub)).admin
        except ClientError as error:
            log.debug("who administers the hub is not known: %s", error)

    async def _look_around(self) -> None:
        """The conversations that there are; what came since they were read is fetched, to be counted."""
        for topic in self.channels():
            self.talk(topic)
        for name in self._places.begun():
            self.talk(parse_topic(name))
        for other, connection in self.sealed.connections().items():
            if connection.state == "asked" or connection.topics:
                self.talk(Topic("user", other))
        # What lies in a channel of two counts as read with the conversation with that person.
        wanted = [
            row.topic for row in self.directory.channels() if row.cursor > self._places.at(self.home_of(row.topic).name)
        ]
        wanted.append(Topic("user", self.me))
        for start in range(0, len(wanted), AT_ONCE):
            pages = await asyncio.gather(*(self._latest(topic) for topic in wanted[start : start + AT_ONCE]))
            for event in (event for page in pages for event in page):
                self._take(event, is_old=True)

    async def _latest(self, topic: Topic) -> list[Deliver]:
        try:
            page = await self.client.call(lambda connection: connection.fetch(topic, limit=LOOK_BACK_MESSAGES))
        except AccordError as error:
            log.debug("%s cannot be fetched: %s", topic.name, error)
            return []
        return page.messages

    # -------------------------------------------------------------------------------------------------- what happens

    async def follow(self) -> None:
        """Take what comes, without end; Stopped when the client is."""
        self._spawn(self._hand_out_keys())
        self._spawn(self.signals.stay())
        self._spawn(self._greet())
        self._spawn(self._keep_vault())
        await self._follow()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside; it ends with the desk."""

        async def tried() -> None:
            try:
                await work
            except (ClientError, AccordError) as error:
                log.debug("ended: %s", error)

        task = asyncio.create_task(tried())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _greet(self) -> None:
        """Accept what those ask whom one knows, and tell of the others."""
        for key in await self._welcome.answer():
            self.notice(f"what you and {self.directory.name_of(key)} write is encrypted now")
        for other, connection in self.sealed.connections().items():
            request = connection.request
            if connection.state == "asked" and request is not None and request.id not in self._told:
                self._told.add(request.id)
                self.notice(f"{self.directory.name_of(other)} asks for a private conversation: Ctrl+O answers")
        self._open_again()
        self.changed(None)

    async def _hand_out_keys(self) -> None:
        """As an admin, hand out new keys where they are due; not at once, since other admins see the same reason."""
        while True:
            is_due = await _wanted(self._keys_due, LOOK_SECONDS)
            if not self.spaces.keys.is_admin():
                continue
            if not is_due:  # how much has been said since is in the hub's list of topics
                self.directory.replace(await self.client.call(lambda connection: connection.topics()))
            await asyncio.sleep(secrets.SystemRandom().uniform(0, HAND_OUT_SECONDS))
            try:
                if count := await self.spaces.keys.keep():
                    self.notice(f"new keys for {count} {'channel' if count == 1 else 'channels'} were handed out")
                    self.changed(None)
            except (ClientError, AccordError) as error:
                self.notice(f"new keys are not handed out: {error}")

    async def _keep_vault(self) -> None:
        """Have other devices know what is known here, and the other way round."""
        while True:
            await _wanted(self._vault_due, VAULT_LOOK_SECONDS)
            await self.client.connected()
            if (synced := await self.private.save(self.store, self.reading.told())) is None:
                continue
            self.reading.take(reads_of(synced.content))
            self._open_again()
            if synced.is_changed:
                await self.signals.tell_vault(synced.version)
            await asyncio.sleep(VAULT_PAUSE_SECONDS)  # what comes meanwhile goes together

    async def _follow(self) -> None:
        subscription = Subscription(self.client, self._topics, [self.me], start=self._start, directory=self.directory)
        async for event in subscription.events():
            if isinstance(event, Deliver):
                await learn_authors(self.client, self.directory, [event.message.author])
                self._take(event)
            elif isinstance(event, Signal):
                self._signalled(event)
            elif isinstance(event, TopicAdded):
                await self._topic_added(str(event.row.get("topic")))
            elif isinstance(event, TopicGone):
                self.talks.pop(event.topic, None)
                self.changed(None)

    def _signalled(self, signal: Signal) -> None:
        if self.signals.is_of_vault(signal):
            self._vault_due.set()
        elif (asker := self.signals.take(signal)) is not None:
            self._spawn(self.signals.answer(asker))

    async def _topic_added(self, name: str) -> None:
        row = self.directory.rows.get(name)
        if row is not None and (row.encrypted or row.topic.kind == "space"):
            await self.private.learn(row.topic)
        for topic in self.channels():
            self.talk(topic)
        self._open_again()
        self.changed(None)

    def _open_again(self) -> None:
        """Look once more at what could not be opened: keys have come."""
        for talk in list(self.talks.values()):
            for ident, event in talk.events.items():
                if event.message.encrypted:
                    talk.events[ident] = Deliver(event.cursor, self.sealed.take(event.message))
            self.changed(talk.name)

    def _topics(self, directory: Directory) -> list[str]:
        wanted = [row.topic.name for row in directory.rows.values() if row.topic.kind in ("chan", "space")]
        return [Topic("user", self.me).name, *sorted(wanted)]

    def _control(self, message: Message) -> None:
        """What follows from a control message that has just come."""
        if message.type == "connection.request" and message.topic.ident == self.me:
            self.talk(Topic("user", message.author))
            self._spawn(self._greet())
        elif message.type == "connection.accept" and message.topic.ident == self.me:
            self.notice(f"{self.directory.name_of(message.author)} has accepted: what you two write is encrypted now")
        if message.topic.kind == "space":
            self._keys_due.set()
        self._vault_due.set()
        self._open_again()
        self.changed(None)

    def _take(self, event: Deliver, *, is_old: bool = False) -> None:
        message = self.sealed.take(event.message)
        if message.type.startswith(("connection.", "space.")):
            self._control(message)
        event = Deliver(event.cursor, message)
        topic = self.home(message)
        if topic is None or not may_show(message, now_ms()):
            return
        talk = self.talk(topic)
        talk.waiting.pop(message.id, None)
        if message.id in talk.events:
            return
        talk.events[message.id] = event
        self.signals.spoke(talk.name, message.author)
        if message.type == "chat.delete":
            self._deleted(talk, message)
        if message.type in TEXTS or message.encrypted:
            talk.last_at = max(talk.last_at, message.created_at)
            self.reading.arrived(talk, event, is_old=is_old)
            if self.reading.is_dirty:
                self._vault_due.set()
            self.changed(None)
        self.changed(talk.name)

    def _deleted(self, talk: Talk, delete: Message) -> None:
        """Of what an admin has deleted, only its author can have the files deleted."""
        for _, ident in delete.refs:
            target = talk.events.get(ident)
            is_mine = target is not None and target.message.author == self.me != delete.author
            if target is not None and is_mine and self.is_admin(delete.topic, delete.author, delete.created_at):
                self.writing.drop_files(target.message)

    def burn(self) -> None:
        """Drop what has burned by now, everywhere."""
        now = now_ms()
        if now - self._forgot_at > FORGET_SECONDS * 1000:
            self._forgot_at = now
            self.sealed.forget(now)
        for talk in self.talks.values():
            if talk.forget_burned(now):
                self.changed(talk.name)

    # ---------------------------------------------------------------------------------------------------------- deeds

    async def load(self, name: str) -> Talk:
        """Open a conversation: fetch its end, unless that was done, and count it as read from now on."""
        talk = self.talks.get(name) or self.talk(parse_topic(name))
        self.reading.current = name
        if not talk.is_loaded:
            talk.columns = columns(self.client, talk.topic, self.private)
            await self.older(name)
            talk.is_loaded = True
        self.reading.read(talk)
        self._vault_due.set()
        return talk

    async def older(self, name: str) -> None:
        """Fetch a page of what was said before; AccordError as the hub refuses."""
        talk = self.talks[name]
        for column in [column for column in talk.columns if column.more]:
            try:
                page = await column.page()
            except AccordError as error:
                if error.code not in NOT_THERE:
                    raise
                column.more = False  # nobody has written there yet
                continue
            await learn_authors(self.client, self.directory, (event.message.author for event in page))
            for event in page:
                if event.message.type in TALK and may_show(event.message, now_ms()):
                    talk.events.setdefault(event.message.id, event)
        talk.last_at = max([talk.last_at, *(event.message.created_at for event in talk.events.values())])
        self.changed(name)

    async def must_ask(self, name: str) -> bool:
        """Whether this is a person with whom nothing is sealed yet although they have keys for it."""
        topic = self.talks[name].topic
        return topic.kind == "user" and await self.private.must_ask(topic.ident)

    async def ask(self, name: str) -> str:
        """Ask a person for a private conversation, or accept theirs; gives how it stands then."""
        other = self.talks[name].topic.ident
        state = await connecting.ask(self.client, self.sealed, self.private.composer, other)
        self._open_again()
        self.changed(None)
        return state

    async def decline(self, name: str) -> None:
        """Decline a person's wish for a private conversation."""
        await connecting.decline(self.client, self.sealed, self.private.composer, self.talks[name].topic.ident)
        self.changed(None)

    def mark_compared(self, key: bytes) -> None:
        """The words of a person's key and one's own were the same on both sides."""
        kept = self.store.update(lambda profile: replace(profile, verified=profile.verified | {key}))
        self.client.profile = replace(self.client.profile, verified=kept.verified)

    def search(self, words: str) -> list[Found]:
        """The newest texts with all the words, among what this device has read of what is private or was shown here."""
        return list(islice(self.sealed.texts.search(words, now=now_ms()), MAX_FOUND))

    def talk_of(self, found: Found) -> str:
        """The name of the conversation in which a text was found."""
        topic = parse_topic(found.talk)
        if topic == Topic("user", self.me):
            return Topic("user", found.author).name
        return self.home_of(topic).name


async def _wanted(event: asyncio.Event, seconds: float) -> bool:
    """Wait until something is due, True, or it is time to look."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
