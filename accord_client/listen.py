"""`accord listen`: messages as they come, over as many connections as it takes (protocol.md section 4)."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from accord.errors import AccordError
from accord.messages import Message
from accord.topics import Topic
from accord_client.account import load_joined
from accord_client.commands import conversation, load_directory
from accord_client.directory import Directory
from accord_client.events import Deliver, Restarted, TopicAdded
from accord_client.foreign import learn_authors
from accord_client.lines import Output
from accord_client.private import Private, open_private
from accord_client.profile import ProfileStore
from accord_client.render import QUIET, Renderer, as_json, may_show
from accord_client.session import Client, now_ms
from accord_client.subscription import Subscription

SAVE_SECONDS: Final = 5
WARM_MESSAGES: Final = 100
EVERYTHING: Final = "*"

log = logging.getLogger(__name__)


def _of_nobody(topic: Topic) -> None:
    """No topic is a channel of two."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is listened to: whole topics, and conversations with people; both empty means everything."""

    me: bytes
    topics: frozenset[Topic]
    people: frozenset[bytes]
    peer: Callable[[Topic], bytes | None] = _of_nobody  # with whom a topic is a channel of two

    @classmethod
    def read(cls, targets: list[str], directory: Directory, peer: Callable[[Topic], bytes | None]) -> Choice:
        """From targets as typed; ClientError."""
        found = [directory.topic(target) for target in targets]
        return cls(
            directory.me,
            frozenset(topic for topic in found if not conversation(topic, directory.me)),
            frozenset(topic.ident for topic in found if conversation(topic, directory.me)),
            peer,
        )

    @property
    def name(self) -> str:
        """Under what name the position of this choice is kept."""
        names = {topic.name for topic in self.topics} | {Topic("user", key).name for key in self.people}
        return " ".join(sorted(names)) or EVERYTHING

    def wanted(self, directory: Directory) -> list[str]:
        """The topics to subscribe to."""
        if not self.topics and not self.people:
            return directory.everything()
        inbox = {Topic("user", self.me)} if self.people else set()
        twos = {row.topic for row in directory.channels() if self.people and self.peer(row.topic) in self.people}
        return sorted(topic.name for topic in self.topics | inbox | twos)

    def keys(self, follows: list[bytes]) -> list[bytes]:
        """The users to subscribe to: oneself, for what goes into inboxes of others, and by default whom one follows."""
        if not self.topics and not self.people:
            return [self.me, *follows]
        return [self.me] if self.people else []

    def takes(self, message: Message) -> bool:
        """Whether a delivered message was asked for."""
        if (not self.topics and not self.people) or message.topic in self.topics:
            return True
        if message.topic.kind != "user":
            return self.peer(message.topic) in self.people
        to_me = message.topic.ident == self.me and message.author in self.people
        return to_me or (message.author == self.me and message.topic.ident in self.people)


class _Keeper:
    """Writes the listener's position into the profile, now and then and at the end."""

    def __init__(self, store: ProfileStore, name: str, subscription: Subscription) -> None:
        self._store = store
        self._name = name
        self._progress = subscription.progress
        self._written = self._progress.position()
        self._next = time.monotonic() + SAVE_SECONDS

    def save(self) -> None:
        position = self._progress.position()
        if position is not None and position != self._written:
            self._store.update(lambda profile: profile.with_position(self._name, position))
            self._written = position
        self._next = time.monotonic() + SAVE_SECONDS

    def save_if_due(self) -> None:
        if time.monotonic() >= self._next:
            self.save()


async def listen(
    store: ProfileStore,
    output: Output,
    *,
    targets: list[str],
    json: bool,
    since_last: bool,
    count: int | None,
) -> int:
    """Show messages until `count` were shown, or for ever."""
    profile = load_joined(store)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(profile, store))
        directory = await load_directory(client, *targets)
        private = await stack.enter_async_context(open_private(client, store, directory))
        await private.publish_boxkey()
        if private.has_private():
            await private.catch_up()
        choice = Choice.read(targets, directory, private.sealed.peer)
        subscription = Subscription(
            client,
            choice.wanted,
            choice.keys(list(profile.follows)),
            start=profile.positions.get(choice.name) if since_last else None,
            directory=directory,
        )
        keeper = _Keeper(store, choice.name, subscription)
        printer = _Printer(client, directory, output, json=json)
        try:
            async for event in subscription.events():
                if isinstance(event, Restarted):
                    log.warning("the hub was restored to an earlier state; what may have been missed follows")
                if isinstance(event, TopicAdded):
                    await _learn(private, str(event.row.get("topic")))
                if isinstance(event, Deliver):
                    event = Deliver(event.cursor, private.sealed.take(event.message))
                if isinstance(event, Deliver) and choice.takes(event.message):
                    await printer.show(event)
                    if count is not None and printer.shown >= count:
                        subscription.progress.shown(event)
                        break
                keeper.save_if_due()
        finally:
            keeper.save()
    return 0


async def _learn(private: Private, name: str) -> None:
    """Take the keys that lie in a private topic which has just come to light."""
    row = private.directory.rows.get(name)
    if row is not None and (row.encrypted or row.topic.kind == "space"):
        await private.learn(row.topic)


class _Printer:
    def __init__(self, client: Client, directory: Directory, output: Output, *, json: bool) -> None:
        self._client = client
        self._directory = directory
        self._output = output
        self._json = json
        self._renderer = Renderer(directory)
        self._warm: set[Topic] = set()
        self.shown = 0

    async def show(self, event: Deliver) -> None:
        now = now_ms()
        if not may_show(event.message, now):
            return
        if not self._json and event.message.type in QUIET:
            return
        if self._json:
            self._output.raw(as_json(event, self._directory))
        else:
            await self._learn_context(event.message)
            await learn_authors(self._client, self._directory, [event.message.author])
            self._output.text(self._renderer.line(event.message, now))
        self.shown += 1

    async def _learn_context(self, message: Message) -> None:
        """Once a topic, when a message refers to one from before: read the topic's last page, for quotations."""
        target = self._renderer.refers_to(message)
        if target is None or self._renderer.knows(target) or message.topic in self._warm:
            return
        self._warm.add(message.topic)
        try:
            page = await self._client.call(lambda connection: connection.fetch(message.topic, limit=WARM_MESSAGES))
        except AccordError as error:
            log.debug("no context of %s: %s", message.topic.name, error)
            return
        for item in page.messages:
            if item.message.id != message.id and not self._renderer.knows(item.message.id):
                self._renderer.remember(item.message)
