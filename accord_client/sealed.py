"""What is sealed, for one session: who is connected, which spaces there are, which keys open what (protocol.md
section 7).

Control messages are kept as they come and judged together, whatever their order; `take` gives a message in clear where
a key for it is held, else as it came. Not here: asking and accepting (connecting.py), what admins do (spaces.py), the
files (keystore.py, texts.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from accord.bodies import create_encrypted, open_body
from accord.connections import (
    EPOCH,
    WINDOW_MS,
    connection_epoch,
    connection_key,
    connection_topic,
    first_accept,
    fits,
)
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
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.message_types import check_type, read_body
from accord.messages import Message
from accord.spaces import ADMIN, Channel, SpaceView
from accord.topics import Topic, parse_topic
from accord_client.errors import ClientError
from accord_client.keystore import EpochKey, Keystore
from accord_client.texts import Texts

CONNECTION_TYPES: Final = frozenset({"connection.request", "connection.accept", "connection.decline"})
EPOCH_TYPES: Final = frozenset({"space.epoch", "space.history"})
NO_KEY: Final = "no key for this channel has come yet; it comes when a device of an admin is online"
OLD_KEY: Final = "this channel waits for new keys, since somebody has left it; a device of an admin makes them"


@dataclass(frozen=True, slots=True)
class Connection:
    """How it stands with another user: `state` is none, asking (we have), asked (they have), connected or declined.

    `request` is what waits or was answered last; `topics` are the channels of two, the one to write in first.
    """

    state: str
    request: Message | None = None
    topics: tuple[str, ...] = ()


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
        self._asks: dict[bytes, Message] = {}
        self._chains: defaultdict[bytes, dict[bytes, Message]] = defaultdict(dict)
        self._epochs: defaultdict[str, dict[bytes, Message]] = defaultdict(dict)
        self._views: dict[bytes, SpaceView] = {}
        self._lines: dict[str, list[Epoch]] = {}
        self._peers: dict[str, bytes] = {}  # by topic: with whom it is a channel of two
        for message in keys.controls():
            self._place(message)
        self._pair()

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
            self._pair()
        elif message.type in EPOCH_TYPES:
            self._unbox(message)

    def _place(self, message: Message) -> None:
        if message.type in CONNECTION_TYPES:
            self._asks[message.id] = message
        elif message.type in EPOCH_TYPES:
            self._epochs[message.topic.name][message.id] = message
            self._lines.pop(message.topic.name, None)
        elif message.topic.kind == "space":
            self._chains[message.topic.ident][message.id] = message
            self._views.pop(message.topic.ident, None)
            self._lines.clear()

    def _unbox(self, message: Message) -> None:
        """Keep the key that an epoch or a history holds for this device."""
        topic, body = message.topic.name, read_body(message)
        for boxkey, _ in self.keys.boxkeys():
            try:
                if message.type == "space.history":
                    self._keep_history(message, body, boxkey)
                else:
                    win = window_at(message.created_at, body["window_ms"])
                    key = first_window_key(open_epoch(message, boxkey, self.me), win)
                    # All parts of an epoch hold one secret: whichever is for this device stands for it.
                    self.keys.put_epoch(EpochKey(topic, body["kid"], body["epoch"], win, body["window_ms"], key))
            except RemoteError:
                continue

    def _keep_history(self, message: Message, body: dict[str, Any], boxkey: BoxKey) -> None:
        line = self.line(message.topic.name)
        if not 1 <= body["epoch"] <= len(line):
            return
        epoch = line[body["epoch"] - 1]
        key = open_history(message, boxkey, self.me)
        self.keys.put_epoch(EpochKey(message.topic.name, epoch.kid, epoch.number, body["win"], epoch.window_ms, key))

    # ---------------------------------------------------------------------------------------------------- connections

    def _pair(self) -> None:
        """Make the keys of connections that have been accepted, where our half of them is here."""
        self._peers.clear()
        for request in self._requests():
            accept = first_accept(request, self._asks.values())
            if accept is None:
                continue
            topic = connection_topic(request.id, accept.id)
            self._peers[topic] = self._other(request)
            is_ours = request.author == self.me
            conn_id = read_body(request)["conn_id"]
            half = self.keys.half(conn_id)
            if half is None or half.public != read_body(request if is_ours else accept)["conn_pub"]:
                continue
            try:
                key = connection_key(half, read_body(accept if is_ours else request)["conn_pub"], request, accept)
            except RemoteError:
                continue
            first = connection_epoch(key, accept.created_at)
            window_key = first_window_key(first.secret, first.w0)
            self.keys.put_epoch(EpochKey(topic, accept.id, EPOCH, first.w0, WINDOW_MS, window_key))
            self.keys.remove_half(conn_id)

    def _requests(self) -> Iterable[Message]:
        for message in self._asks.values():
            if message.type == "connection.request" and self.me in (message.author, message.topic.ident):
                yield message

    def _other(self, request: Message) -> bytes:
        return request.topic.ident if request.author == self.me else request.author

    def connection(self, other: bytes) -> Connection:
        """How it stands with another user."""
        requests = sorted(
            (request for request in self._requests() if self._other(request) == other),
            key=lambda message: (message.created_at, message.id),
            reverse=True,
        )
        accepted: list[tuple[int, bytes, str, Message]] = []
        state, waiting = "none", None
        for request in requests:
            answers = [answer for answer in self._asks.values() if fits(request, answer)]
            accept = first_accept(request, answers)
            if accept is not None:
                topic = connection_topic(request.id, accept.id)
                accepted.append((accept.created_at, accept.id, topic, request))
            elif waiting is None:
                waiting = request
                state = "asking" if request.author == self.me else "asked"
                if answers:
                    state = "declined"
        accepted.sort(reverse=True)
        # The newest to which we have a key is written in; one that another device made may come to us later.
        accepted.sort(key=lambda item: not self.keys.epochs(item[2], EPOCH))
        if accepted:
            return Connection("connected", accepted[0][3], tuple(topic for _, _, topic, _ in accepted))
        return Connection(state, waiting)

    def connections(self) -> dict[bytes, Connection]:
        """Everybody with whom there is or was to be a connection."""
        others = {self._other(request) for request in self._requests()}
        return {other: self.connection(other) for other in others}

    def peer(self, topic: Topic) -> bytes | None:
        """With whom a topic is a channel of two; None for any other."""
        return self._peers.get(topic.name)

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

    def epoch_facts(self) -> dict[bytes, tuple[bytes, int]]:
        """By what names an epoch here, its kid or its id: the id of its message, or of a connection's accept, and the
        created_at (ms) of that.
        """
        found = {ident: (ident, accept.created_at) for ident, accept in self._asks.items()}
        for topic in list(self._epochs):
            for epoch in self.line(topic):
                found[epoch.kid] = found[epoch.ident] = (epoch.ident, epoch.created_at)
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
