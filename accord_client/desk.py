"""A person's conversations as they stand now: what was said, what is unread, what is still on its way (protocol.md
sections 1 and 4). The terminal UI shows a desk and asks it for deeds.

    async with Desk.start(client, store) as desk:
        work = asyncio.create_task(desk.follow())
        await desk.load("chan:...")

Channels are named by their topic, a conversation with a person by `user:K`, whatever topics it lies in: both inboxes,
and the channel of two once they are connected. Not here: feeds, `hub:` topics, presence and typing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.messages import Message, parse_envelope, verify
from accord.topics import Topic, parse_topic
from accord_client import connecting
from accord_client.commands import check_contact, load_directory
from accord_client.compose import text_body, text_fields
from accord_client.directory import Directory
from accord_client.errors import ClientError
from accord_client.events import Deliver, TopicAdded, TopicGone
from accord_client.foreign import learn_authors
from accord_client.history import NOT_THERE, columns
from accord_client.places import Places
from accord_client.private import Private, open_private
from accord_client.profile import Position, ProfileStore
from accord_client.render import TEXTS, may_show
from accord_client.session import Client, State, now_ms
from accord_client.spaces import Spaces
from accord_client.subscription import Subscription
from accord_client.talks import Talk, in_words
from accord_client.texts import Found

LOOK_BACK_MESSAGES: Final = 100
HAND_OUT_SECONDS: Final = 3
MAX_FOUND: Final = 200
AT_ONCE: Final = 8
TALK: Final = TEXTS | {"chat.edit", "chat.delete", "chat.react", "chat.pin"}

log = logging.getLogger(__name__)


def _nothing(name: str | None) -> None:
    """Nobody listens."""


class Desk:
    """The conversations of a session. `changed` is called with a conversation's name, or None for the list of them;
    `notice` with a sentence for the person.
    """

    def __init__(
        self, client: Client, directory: Directory, places: Places, private: Private, store: ProfileStore
    ) -> None:
        self.client = client
        self.directory = directory
        self.private = private
        self.sealed = private.sealed
        self.spaces = Spaces(private, store)
        self.changed: Callable[[str | None], None] = _nothing
        self.notice: Callable[[str], None] = log.warning
        self.talks: dict[str, Talk] = {}
        self.current: str | None = None  # the conversation that is being read
        self._me = client.profile.user.public
        self._places = places
        self._start: Position | None = None
        self._keys_due = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def start(cls, client: Client, store: ProfileStore) -> AsyncIterator[Desk]:
        """A desk with the list of conversations and what is unread in them."""
        directory = await load_directory(client)
        async with open_private(client, store, directory) as private:
            await private.publish_boxkey()
            await private.save(store)
            reached = await private.catch_up()
            name = (await client.connected()).store
            with Places(store, name, newest=reached) as places:
                desk = cls(client, directory, places, private, store)
                desk._keys_due.set()
                desk._start = Position(name, reached, now_ms())
                await desk._look_around()
                try:
                    yield desk
                finally:
                    for task in desk._answers:
                        task.cancel()
                    if client.state is State.ONLINE:
                        await private.save(store)

    # ------------------------------------------------------------------------------------------------------- the list

    def listed(self) -> list[Talk]:
        """Channels by name, then people, the latest first."""
        channels = [talk for talk in self.talks.values() if talk.topic.kind == "chan"]
        people = [talk for talk in self.talks.values() if talk.topic.kind == "user"]
        channels.sort(key=lambda talk: (self.label(talk).casefold(), talk.name))
        people.sort(key=lambda talk: (-talk.last_at, self.label(talk).casefold(), talk.name))
        return [*channels, *people]

    def label(self, talk: Talk) -> str:
        """What a conversation is called, with its space; not cleaned for a terminal."""
        return self.directory.label(talk.topic)

    def lock(self, talk: Talk) -> str:
        """Who can read what is written there, in words."""
        if talk.topic.kind == "chan":
            place = self.sealed.place(talk.topic)
            if place is None:
                return "open: this hub can read it"
            burning = place.channel.burn_ms
            return "encrypted" + (f", gone after {in_words(burning)}" if burning else "")
        connection = self.sealed.connection(talk.topic.ident)
        if connection.has_key:
            return "encrypted" + ("; asks for new keys: Ctrl+O answers" if connection.state == "asked" else "")
        return {
            "asking": "asked for a private conversation, no answer yet",
            "asked": "wants a private conversation: Ctrl+O answers",
            "declined": "open: this hub can read it (a private conversation was declined)",
        }.get(connection.state, "open: this hub can read it")

    def next_unread(self, after: str | None) -> str | None:
        """The next conversation with something unread, round the list from `after`."""
        names = [talk.name for talk in self.listed()]
        start = names.index(after) + 1 if after in names else 0
        return next((name for name in names[start:] + names[:start] if self.talks[name].unread), None)

    def people(self) -> list[tuple[str, bytes]]:
        """Everybody with a name here but oneself: (name, key), by name."""
        feeds = [row.topic.ident for row in self.directory.rows.values() if row.topic.kind == "feed"]
        return sorted((self.directory.name_of(key), key) for key in feeds if key != self._me)

    def _talk(self, topic: Topic) -> Talk:
        talk = self.talks.get(topic.name)
        if talk is None:
            talk = self.talks[topic.name] = Talk(topic.name, topic)
            self.changed(None)
        return talk

    def home(self, message: Message) -> Topic | None:
        """The conversation that a message belongs to; None for what belongs to none."""
        if message.type not in TALK:
            return None
        if message.topic.kind == "chan":
            other = self.sealed.peer(message.topic)
            return message.topic if other is None else Topic("user", other)
        if message.topic.kind != "user" or self._me not in (message.author, message.topic.ident):
            return None
        return Topic("user", message.author) if message.topic.ident == self._me else message.topic

    async def _look_around(self) -> None:
        """The conversations that there are; what came since they were read is fetched, to be counted."""
        for topic in self._channels():
            self._talk(topic)
        for name in self._places.begun():
            self._talk(parse_topic(name))
        for other, connection in self.sealed.connections().items():
            if connection.state == "asked" or connection.topics:
                self._talk(Topic("user", other))
        # What lies in a channel of two counts as read with the conversation with that person.
        wanted = [
            row.topic
            for row in self.directory.channels()
            if row.cursor > self._places.at(self._home_of(row.topic).name)
        ]
        wanted.append(Topic("user", self._me))
        for start in range(0, len(wanted), AT_ONCE):
            pages = await asyncio.gather(*(self._latest(topic) for topic in wanted[start : start + AT_ONCE]))
            for event in (event for page in pages for event in page):
                self._take(event)

    def _home_of(self, topic: Topic) -> Topic:
        other = self.sealed.peer(topic)
        return topic if other is None else Topic("user", other)

    def _channels(self) -> list[Topic]:
        """The channels that stand in the list: open ones, and those of spaces."""
        rows = self.directory.channels()
        return [row.topic for row in rows if not row.encrypted or self.sealed.place(row.topic) is not None]

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
        keys = asyncio.create_task(self._hand_out_keys())
        try:
            await self._follow()
        finally:
            keys.cancel()

    async def _hand_out_keys(self) -> None:
        """As an admin, hand out new keys where they are due; not at once, since other admins see the same reason."""
        while True:
            await self._keys_due.wait()
            self._keys_due.clear()
            if not self.spaces.keys.is_admin():
                continue
            await asyncio.sleep(secrets.SystemRandom().uniform(0, HAND_OUT_SECONDS))
            try:
                if count := await self.spaces.keys.keep():
                    self.notice(f"new keys for {count} {'channel' if count == 1 else 'channels'} were handed out")
                    self.changed(None)
            except (ClientError, AccordError) as error:
                self.notice(f"new keys are not handed out: {error}")

    async def _follow(self) -> None:
        subscription = Subscription(self.client, self._topics, [self._me], start=self._start, directory=self.directory)
        async for event in subscription.events():
            if isinstance(event, Deliver):
                await learn_authors(self.client, self.directory, [event.message.author])
                self._take(event)
            elif isinstance(event, TopicAdded):
                await self._topic_added(str(event.row.get("topic")))
            elif isinstance(event, TopicGone):
                self.talks.pop(event.topic, None)
                self.changed(None)

    async def _topic_added(self, name: str) -> None:
        row = self.directory.rows.get(name)
        if row is not None and (row.encrypted or row.topic.kind == "space"):
            await self.private.learn(row.topic)
        for topic in self._channels():
            self._talk(topic)
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
        return [Topic("user", self._me).name, *sorted(wanted)]

    def _control(self, message: Message) -> None:
        """What follows from a control message that has just come."""
        if message.type == "connection.request" and message.topic.ident == self._me:
            name = self.directory.name_of(message.author)
            self._talk(Topic("user", message.author))
            self.notice(f"{name} asks for a private conversation: Ctrl+O answers")
        elif message.type == "connection.accept" and message.topic.ident == self._me:
            self.notice(f"{self.directory.name_of(message.author)} has accepted: what you two write is encrypted now")
        if message.topic.kind == "space":
            self._keys_due.set()
        self._open_again()
        self.changed(None)

    def _take(self, event: Deliver) -> None:
        message = self.sealed.take(event.message)
        if message.type.startswith(("connection.", "space.")):
            self._control(message)
        event = Deliver(event.cursor, message)
        topic = self.home(message)
        if topic is None or not may_show(message, now_ms()):
            return
        talk = self._talk(topic)
        talk.waiting.pop(message.id, None)
        if message.id in talk.events:
            return
        talk.events[message.id] = event
        if message.type in TEXTS or message.encrypted:
            talk.last_at = max(talk.last_at, message.created_at)
            if talk.name == self.current:
                self._places.read(talk.name, event.cursor)
            elif message.author != self._me and event.cursor > self._places.at(talk.name):
                talk.unread += 1
                talk.mentions += talk.topic.kind == "user" or self._me in message.attention_keys
            self.changed(None)
        self.changed(talk.name)

    def burn(self) -> None:
        """Drop what has burned by now, everywhere."""
        now = now_ms()
        for talk in self.talks.values():
            if talk.forget_burned(now):
                self.changed(talk.name)

    # ---------------------------------------------------------------------------------------------------------- deeds

    async def load(self, name: str) -> Talk:
        """Open a conversation: fetch its end, unless that was done, and count it as read from now on."""
        talk = self.talks.get(name) or self._talk(parse_topic(name))
        self.current = name
        if not talk.is_loaded:
            talk.columns = columns(self.client, talk.topic, self.private)
            await self.older(name)
            talk.is_loaded = True
        self.read(name)
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

    def read(self, name: str) -> None:
        """All of a conversation has been seen."""
        talk = self.talks[name]
        row = self.directory.rows.get(name)
        seen = [event.cursor for event in talk.events.values()]
        self._places.read(name, max([0, *seen, row.cursor if row and talk.topic.kind == "chan" else 0]))
        talk.unread = talk.mentions = 0
        self.changed(None)

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

    async def say(self, name: str, text: str, *, reply_to: bytes | None = None) -> None:
        """Write a text, sealed where there are keys for it; it shows at once, and the hub's refusal is a notice.

        ClientError where it cannot be written.
        """
        talk = self.talks[name]
        if talk.topic.kind == "user":
            check_contact(self.client.profile, self.directory, talk.topic.ident)
        fields = text_fields(self.directory.mentions(text), reply_to)
        await self._write(talk, "chat.text", self.private.way(talk.topic), {"text": text}, **fields)

    async def edit(self, name: str, target: Message, text: str) -> None:
        """Put another text in place of a message of one's own."""
        burning = {} if target.burn_at is None else {"burn_at": target.burn_at}
        await self._refer(name, "chat.edit", "edit", target, {"text": text}, **burning)

    async def delete(self, name: str, target: Message) -> None:
        """Delete a message of one's own, or one in one's own inbox."""
        await self._refer(name, "chat.delete", "delete", target, {})

    def give_up(self, name: str, target: Message) -> None:
        """Forget a message that the hub has refused."""
        self.talks[name].refused.pop(target.id, None)
        self.talks[name].waiting.pop(target.id, None)
        self.changed(name)

    async def react(self, name: str, target: Message, emoji: str) -> None:
        """React to a message; the same once more takes it back."""
        shown = next((item for item in self.talks[name].shown(now_ms()) if item.event.message.id == target.id), None)
        is_there = shown is not None and self._me in shown.reactions.get(emoji, ())
        await self._refer(name, "chat.react", "react", target, {"emoji": emoji, **({"off": True} if is_there else {})})

    def may_edit(self, target: Message) -> bool:
        return target.author == self._me and target.type == "chat.text"

    def may_delete(self, target: Message) -> bool:
        return self._me == target.author or (target.topic.kind == "user" and target.topic.ident == self._me)

    async def _refer(
        self, name: str, type: str, rel: str, target: Message, body: dict[str, Any], **fields: Any
    ) -> None:
        topic = target.topic
        if type == "chat.react" and topic == Topic("user", self._me):
            topic = Topic("user", target.author)  # into the author's inbox, where the author sees it
        fields["refs"] = [{"rel": rel, "id": b64encode(target.id)}]
        await self._write(self.talks[name], type, topic, body, **fields)

    async def _write(self, talk: Talk, type: str, topic: Topic, body: dict[str, Any], **fields: Any) -> None:
        try:
            envelope = self.private.envelope(topic, type, text_body(**body), **fields)
        except RemoteError as error:
            raise ClientError(error.detail) from error
        message = self.sealed.take(verify(parse_envelope(envelope)))
        talk.waiting[message.id] = message
        task = asyncio.create_task(self._answered(talk, message, envelope))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        self.changed(talk.name)

    async def _answered(self, talk: Talk, message: Message, envelope: dict[str, Any]) -> None:
        try:
            result = await self.client.send(envelope)
        except ClientError as error:
            self.notice(f"not sent: {error}")
            return
        if not result.accepted:
            talk.refused[message.id] = str(result.code)
            self.notice(f"not sent: the hub refuses it ({result.code})")
            self.changed(talk.name)

    def search(self, words: str) -> list[Found]:
        """The newest texts with all the words, among what this device has read of what is private or was shown here."""
        return list(islice(self.sealed.texts.search(words, now=now_ms()), MAX_FOUND))

    def talk_of(self, found: Found) -> str:
        """The name of the conversation in which a text was found."""
        topic = parse_topic(found.talk)
        if topic == Topic("user", self._me):
            return Topic("user", found.author).name
        return self._home_of(topic).name

    # -------------------------------------------------------------------------------------------------------- members

    async def members(self, name: str) -> list[tuple[str, bytes, str]]:
        """Who is in a conversation: (name, key, role). Of an open channel, who has been seen to write there."""
        talk = self.talks[name]
        place = self.sealed.place(talk.topic)
        if place is not None:
            roles = {key: "admin" if key in place.admins else "" for key in place.members}
            return sorted((self.directory.name_of(key), key, role) for key, role in roles.items())
        if talk.topic.kind == "user":
            keys = {talk.topic.ident, self._me}
        else:
            keys = {event.message.author for event in talk.events.values()}
        return sorted((self.directory.name_of(key), key, "") for key in keys)
