"""Which conversations there are, what they are called, who is in them and who can read them (protocol.md section 7).

Channels are named by their topic, a conversation with a person by `user:K`, whatever topics it lies in: both inboxes,
and the channel of two once they are connected. Not here: what comes and goes (desk.py), what is written (writing.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from accord.messages import Message
from accord.statements import HubAdmin
from accord.topics import Topic
from accord_client.directory import Directory
from accord_client.private import Private
from accord_client.render import TEXTS
from accord_client.session import Client
from accord_client.talks import Talk, in_words

TALK: Final = TEXTS | {"chat.edit", "chat.delete", "chat.react", "chat.pin"}
OPEN: Final = "open: this hub can read it"

log = logging.getLogger(__name__)


def _nothing(name: str | None) -> None:
    """Nobody listens."""


class Overview:
    """The conversations of a session. `changed` is called with a conversation's name, or None for the list of them;
    `notice` with a sentence for the person.
    """

    def __init__(self, client: Client, directory: Directory, private: Private) -> None:
        self.client = client
        self.directory = directory
        self.private = private
        self.sealed = private.sealed
        self.me = client.profile.user.public
        self.hub_admin: HubAdmin | None = None
        self.changed: Callable[[str | None], None] = _nothing
        self.notice: Callable[[str], None] = log.warning
        self.talks: dict[str, Talk] = {}

    def listed(self) -> list[Talk]:
        """Channels by name, then people, the latest first."""
        channels = [talk for talk in self.talks.values() if talk.topic.kind == "chan"]
        people = [talk for talk in self.talks.values() if talk.topic.kind == "user"]
        channels.sort(key=lambda talk: (self.label(talk).casefold(), talk.name))
        people.sort(key=lambda talk: (-talk.last_at, self.label(talk).casefold(), talk.name))
        return [*channels, *people]

    def next_unread(self, after: str | None) -> str | None:
        """The next conversation with something unread, round the list from `after`."""
        names = [talk.name for talk in self.listed()]
        start = names.index(after) + 1 if after in names else 0
        return next((name for name in names[start:] + names[:start] if self.talks[name].unread), None)

    def talk(self, topic: Topic) -> Talk:
        """The conversation of a topic, new where there was none."""
        talk = self.talks.get(topic.name)
        if talk is None:
            talk = self.talks[topic.name] = Talk(topic.name, topic, self.is_admin)
            self.changed(None)
        return talk

    # ------------------------------------------------------------------------------------------------------------ words

    def label(self, talk: Talk) -> str:
        """What a conversation is called, with its space; not cleaned for a terminal."""
        return self.directory.label(talk.topic)

    def lock(self, talk: Talk) -> str:
        """Who can read what is written there, in words."""
        if talk.topic.kind == "chan":
            place = self.sealed.place(talk.topic)
            if place is None:
                return OPEN
            burning, closed = place.channel.burn_ms, ", closed" if place.channel.closed else ""
            return "encrypted" + (f", gone after {in_words(burning)}" if burning else "") + closed
        connection = self.sealed.connection(talk.topic.ident)
        if connection.has_key:
            return "encrypted" + ("; asks for new keys: Ctrl+O answers" if connection.state == "asked" else "")
        return {
            "asking": "asked for a private conversation, no answer yet",
            "asked": "wants a private conversation: Ctrl+O answers",
            "declined": f"{OPEN} (a private conversation was declined)",
        }.get(connection.state, OPEN)

    # ----------------------------------------------------------------------------------------------------------- people

    def people(self) -> list[tuple[str, bytes]]:
        """Everybody with a name here but oneself: (name, key), by name."""
        feeds = [row.topic.ident for row in self.directory.rows.values() if row.topic.kind == "feed"]
        return sorted((self.directory.name_of(key), key) for key in feeds if key != self.me)

    def members(self, name: str) -> list[tuple[str, bytes, str]]:
        """Who is in a conversation: (name, key, role). Of an open channel, who has been seen to write there."""
        talk = self.talks[name]
        place = self.sealed.place(talk.topic)
        if place is not None:
            roles = {key: "admin" if key in place.admins else "" for key in place.members}
            return sorted((self.directory.name_of(key), key, role) for key, role in roles.items())
        if talk.topic.kind == "user":
            keys = {talk.topic.ident, self.me}
        else:
            keys = {event.message.author for event in talk.events.values()}
        return sorted((self.directory.name_of(key), key, "") for key in keys)

    def is_admin(self, topic: Topic, user: bytes, at: int) -> bool:
        """Whether somebody may pin and delete, at a time (ms), what others have written to a topic."""
        if topic.kind == "user":
            return topic.ident == user
        place = self.sealed.place(topic)
        if place is not None:
            return user in place.admins
        row = self.directory.rows.get(topic.name)
        if self.hub_admin is None or topic.kind != "chan" or row is None or row.hub is not None:
            return False
        return self.hub_admin.has(user, at)

    # ----------------------------------------------------------------------------------------------------------- topics

    def home(self, message: Message) -> Topic | None:
        """The conversation that a message belongs to; None for what belongs to none."""
        if message.type not in TALK:
            return None
        if message.topic.kind == "chan":
            return self.home_of(message.topic)
        if message.topic.kind != "user" or self.me not in (message.author, message.topic.ident):
            return None
        return Topic("user", message.author) if message.topic.ident == self.me else message.topic

    def home_of(self, topic: Topic) -> Topic:
        """The conversation that a channel belongs to: a channel of two to that with the other."""
        other = self.sealed.peer(topic)
        return topic if other is None else Topic("user", other)

    def channels(self) -> list[Topic]:
        """The channels that stand in the list: open ones, and those of spaces."""
        rows = self.directory.channels()
        return [row.topic for row in rows if not row.encrypted or self.sealed.place(row.topic) is not None]
