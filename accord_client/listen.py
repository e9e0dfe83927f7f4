"""`accord listen`: messages as they come, over as many connections as it takes (protocol.md section 4)."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Final

from accord.errors import AccordError
from accord.messages import Message
from accord.topics import Topic
from accord_client.commands import conversation, load_directory, load_joined
from accord_client.directory import Directory
from accord_client.events import Deliver, Restarted
from accord_client.foreign import learn_authors
from accord_client.lines import Output
from accord_client.profile import ProfileStore
from accord_client.render import Renderer, as_json, may_show
from accord_client.session import Client, now_ms
from accord_client.subscription import Subscription

SAVE_SECONDS: Final = 5
WARM_MESSAGES: Final = 100
EVERYTHING: Final = "*"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is listened to: whole topics, and conversations with people; both empty means everything."""

    me: bytes
    topics: frozenset[Topic]
    people: frozenset[bytes]

    @classmethod
    def read(cls, targets: list[str], directory: Directory) -> Choice:
        """From targets as typed; ClientError."""
        found = [directory.topic(target) for target in targets]
        return cls(
            directory.me,
            frozenset(topic for topic in found if not conversation(topic, directory.me)),
            frozenset(topic.ident for topic in found if conversation(topic, directory.me)),
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
        return sorted(topic.name for topic in self.topics | inbox)

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
            return False
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
    async with Client(profile, store) as client:
        directory = await load_directory(client, *targets)
        choice = Choice.read(targets, directory)
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
                if isinstance(event, Deliver) and choice.takes(event.message):
                    await printer.show(event)
                    if count is not None and printer.shown >= count:
                        subscription.progress.shown(event)
                        break
                keeper.save_if_due()
        finally:
            keeper.save()
    return 0


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
