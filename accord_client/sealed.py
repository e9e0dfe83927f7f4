"""What is sealed, for one session: who is connected, which spaces there are, which keys open what (protocol.md
section 7).

Control messages are kept as they come and judged together, whatever their order; `take` gives a message in clear where
a key for it is held, else as it came. Not here: connections (pairing.py), what admins do (spaces.py, rotation.py), the
files (keystore.py, texts.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, Final

from accord.bodies import create_encrypted, open_body
from accord.connections import EPOCH
from accord.epochs import (
    Epoch,
    epoch_line,
    first_window_key,
    is_late,
    open_epoch,
    open_history,
    whole_epochs,
    window_at,
)
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.message_types import check_type, read_body
from accord.messages import Message
from accord.spaces import ADMIN, Channel, SpaceView
from accord.topics import Topic, parse_topic
from accord_client.errors import ClientError
from accord_client.keystore import EpochKey, Keystore
from accord_client.pairing import CONNECTION_TYPES, Connection, Pairing
from accord_client.texts import Texts
from accord_client.vault_content import EpochFact, Facts

EPOCH_TYPES: Final = frozenset({"space.epoch", "space.history"})
NO_KEY: Final = "no key for this channel has come yet; it comes when a device of an admin is online"
OLD_KEY: Final = "this channel waits for new keys, since somebody has left it; a device of an admin makes them"


@dataclass(frozen=True, slots=True)
class Place:
    """A private channel of a space, as the space's chain has it."""

    space: bytes
    channel: Channel
    members: frozenset[bytes]
    admins: frozenset[bytes]


class Sealed:
    """What a user holds of what is sealed. `user` is the own key; `texts` keeps what is read."""

    def __init__(self, user: SigningKey, keys: Keystore, texts: Texts) -> None:
        self.user = user
        self.me = user.public
        self.keys = keys
        self.texts = texts
        self.pairs = Pairing(user.public, keys)
        self._chains: defaultdict[bytes, dict[bytes, Message]] = defaultdict(dict)
        self._epochs: defaultdict[str, dict[bytes, Message]] = defaultdict(dict)
        self._views: dict[bytes, SpaceView] = {}
        self._lines: dict[str, list[Epoch]] = {}
        self._given: dict[bytes, Message] = {}  # what was said before, as admins give it, whose epoch has not come yet
        for message in keys.controls():
            self._place(message)
        self.pairs.pair()
        self._unbox_given()

    # ---------------------------------------------------------------------------------------------------- what comes

    def take(self, message: Message) -> Message:
        """Keep what a message changes; gives the message to show, in clear where it could be opened."""
        if message.type in CONNECTION_TYPES or message.type in EPOCH_TYPES or message.topic.kind == "space":
            self._take_control(message)
            return message
        if message.encrypted:
            message = self.open(message)
        if not message.encrypted and message.body is not None:
            self.texts.take(message)
        return message

    def _take_control(self, message: Message) -> None:
        try:
            check_type(message)
        except RemoteError:
            return
        if message.body is None or not self.keys.add_control(message):
            return
        self._place(message)
        if message.type in CONNECTION_TYPES:
            self.pairs.pair()
        elif message.type in EPOCH_TYPES:
            self._unbox(message)
        if self._given and message.type not in CONNECTION_TYPES:
            self._unbox_given()

    def _place(self, message: Message) -> None:
        if message.type in CONNECTION_TYPES:
            self.pairs.said[message.id] = message
        elif message.type in EPOCH_TYPES:
            self._epochs[message.topic.name][message.id] = message
            self._lines.pop(message.topic.name, None)
            # One whose epoch has a key here was opened before; windows that are forgotten since must not come back.
            if message.type == "space.history" and not self.keys.epochs(
                message.topic.name, read_body(message)["epoch"]
            ):
                self._given[message.id] = message
        elif message.topic.kind == "space":
            self._chains[message.topic.ident][message.id] = message
            self._views.pop(message.topic.ident, None)
            self._lines.clear()

    def _unbox(self, message: Message) -> None:
        """Keep the key that an epoch holds for this device."""
        if message.type == "space.history":
            return
        topic, body = message.topic.name, read_body(message)
        for boxkey, _ in self.keys.boxkeys():
            try:
                win = window_at(message.created_at, body["window_ms"])
                key = first_window_key(open_epoch(message, boxkey, self.me), win)
            except RemoteError:
                continue
            # All parts of an epoch hold one secret: whichever is for this device stands for it.
            self.keys.put_epoch(EpochKey(topic, body["kid"], body["epoch"], win, body["window_ms"], key))

    def _unbox_given(self) -> None:
        """Keep the keys of what was said before, as soon as it is known which epochs and whose word counts."""
        for message in list(self._given.values()):
            place, line, body = self.place(message.topic), self.line(message.topic.name), read_body(message)
            if place is None or not 1 <= body["epoch"] <= len(line):
                continue
            del self._given[message.id]
            if self.view(place.space).was(message.author, message.created_at, ADMIN):
                self._keep_history(message, line[body["epoch"] - 1], body["win"])

    def _keep_history(self, message: Message, epoch: Epoch, win: int) -> None:
        for boxkey, _ in self.keys.boxkeys():
            try:
                key = open_history(message, boxkey, self.me)
            except RemoteError:
                continue
            self.keys.put_epoch(EpochKey(message.topic.name, epoch.kid, epoch.number, win, epoch.window_ms, key))

    # ---------------------------------------------------------------------------------------------------- connections

    def connection(self, other: bytes) -> Connection:
        """How it stands with another user."""
        return self.pairs.connection(other)

    def connections(self) -> dict[bytes, Connection]:
        """Everybody with whom there is or was to be a connection."""
        return self.pairs.connections()

    def peer(self, topic: Topic) -> bytes | None:
        """With whom a topic is a channel of two; None for any other."""
        return self.pairs.peers.get(topic.name)

    # --------------------------------------------------------------------------------------------------------- spaces

    def spaces(self) -> dict[bytes, SpaceView]:
        """The spaces that one has read of, by id."""
        return {space: view for space in list(self._chains) if (view := self.view(space)).order}

    def view(self, space: bytes) -> SpaceView:
        """What a space's control messages amount to."""
        if space not in self._views:
            self._views[space] = SpaceView.of(space, self._chains[space].values())
        return self._views[space]

    def place(self, topic: Topic) -> Place | None:
        """The channel of a space that a topic is; None where it is none that we know of."""
        if topic.kind != "chan":
            return None
        for space, view in self.spaces().items():
            if (channel := view.channels.get(topic.ident)) is not None:
                return Place(space, channel, frozenset(view.members_of(topic.ident)), frozenset(view.admins))
        return None

    def is_for_me(self, message: Message) -> bool:
        """Whether one was there when it was said, as far as a space tells that."""
        place = self.place(message.topic)
        return place is None or self.view(place.space).was(self.me, message.created_at)

    def line(self, topic: str) -> list[Epoch]:
        """The epochs of a space's channel that count, from the first on."""
        if topic not in self._lines:
            place = self.place(parse_topic(topic))
            messages = (
                []
                if place is None
                else [
                    message
                    for message in self._epochs[topic].values()
                    if message.type == "space.epoch"
                    and self.view(place.space).was(message.author, message.created_at, ADMIN)
                ]
            )
            epochs = whole_epochs(messages)
            # Of two with the same number that of an admin of today counts before that of somebody who was one.
            admins = place.admins if place is not None else frozenset()
            trusted = {(epoch.number, epoch.prev) for epoch in epochs if epoch.author in admins}
            self._lines[topic] = epoch_line(
                epoch for epoch in epochs if epoch.author in admins or (epoch.number, epoch.prev) not in trusted
            )
        return self._lines[topic]

    def has_lost(self, topic: Topic) -> bool:
        """Whether the newest epoch of a space's channel was made by somebody else at the same time as one of ours."""
        line = self.line(topic.name)
        mine = [
            each for each in self._epochs[topic.name].values() if each.type == "space.epoch" and each.author == self.me
        ]
        return any(
            (epoch.number, epoch.prev) == (line[-1].number, line[-1].prev) and epoch.ident != line[-1].ident
            for epoch in whole_epochs(mine)
            if line
        )

    # --------------------------------------------------------------------------------------------- opening and sealing

    def open(self, message: Message) -> Message:
        """An encrypted message in clear; as it is where no key of ours opens it, or where it came too late."""
        enc = message.header["enc"]
        topic, number, win = message.topic.name, enc["epoch"], enc["win"]
        other = self.peer(message.topic)
        if other is not None and message.author not in (self.me, other):
            return message
        if other is None and is_late(self.line(topic), number, message.created_at):
            return message
        for held in self.keys.epochs(topic, number):
            try:
                plaintext = open_body(message, held.window_key(win), window_ms=held.window_ms)
            except RemoteError:
                continue
            return Message(replace(message, encrypted=False, body=plaintext))
        return message

    def is_sealed(self, topic: Topic) -> bool:
        """Whether what is written to a topic must be sealed."""
        return topic.kind == "chan" and (self.peer(topic) is not None or self.place(topic) is not None)

    def epoch_facts(self) -> Facts:
        """Of the epochs and connections that count what another device must know of them."""
        found = {
            ident: EpochFact(ident, said.created_at, said.author, users=tuple(sorted((said.author, said.topic.ident))))
            for ident, said in self.pairs.said.items()
            if said.type == "connection.accept"
        }
        for topic in list(self._epochs):
            for epoch in self.line(topic):
                fact = EpochFact(epoch.ident, epoch.created_at, epoch.author, epoch.prev)
                found[epoch.kid] = found[epoch.ident] = fact
        return found

    def is_outdated(self, topic: Topic) -> bool:
        """Whether a space's channel has no epoch that fits its members: none at all, one for somebody who is no member
        any more, or one whose author is no admin any more.
        """
        place, line = self.place(topic), self.line(topic.name)
        if place is None or not line:
            return True
        return line[-1].author not in place.admins or any(to.user not in place.members for to in line[-1].recipients)

    def key_for(self, topic: Topic) -> EpochKey:
        """The key under which to write to a topic now; ClientError where there is none."""
        if self.peer(topic) is not None:
            number, kid, ident = EPOCH, None, None
        else:
            line = self.line(topic.name)
            if not line:
                raise ClientError(NO_KEY)
            if self.is_outdated(topic):
                raise ClientError(OLD_KEY)
            number, kid, ident = line[-1].number, line[-1].kid, line[-1].ident
        for held in self.keys.epochs(topic.name, number):
            if kid is None or held.ident in (kid, ident):  # one that came by the vault is named by the message
                return held
        raise ClientError(NO_KEY)

    def seal(self, topic: Topic, type: str, body: bytes, *, created_at: int, **fields: Any) -> dict[str, Any]:
        """An envelope with a sealed body; it burns as the channel says. ClientError where no key is here."""
        place = self.place(topic)
        if place is not None:
            if place.channel.closed:
                raise ClientError("this channel is closed: nothing more is written there")
            if place.channel.burn_ms is not None:
                last = created_at + place.channel.burn_ms
                fields["burn_at"] = min(fields.get("burn_at", last), last)
        held = self.key_for(topic)
        # A message is dated no earlier than the epoch under which it is sealed.
        win = max(held.win, window_at(created_at, held.window_ms))
        return create_encrypted(
            self.user,
            type=type,
            to=topic.name,
            body=body,
            created_at=created_at,
            epoch=held.epoch,
            win=win,
            window_key=held.window_key(win),
            **fields,
        )

    def forget(self, now: int) -> None:
        """Delete the keys and texts whose time is over."""
        self.keys.forget_old(now)
        for view in self.spaces().values():
            for ident, channel in view.channels.items():
                topic = Topic("chan", ident).name
                if self.me not in view.members:
                    self.keys.forget_topic(topic)
                elif channel.burn_ms is not None:
                    self.keys.forget_windows(topic, now=now, burn_ms=channel.burn_ms)
        self.texts.burn(now)
