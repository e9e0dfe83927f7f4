"""Connections as they stand: who has asked whom, what was answered, and the keys of two that follow (protocol.md
section 7).

Messages are judged together, whatever their order. Not here: asking and answering (connecting.py), what is sealed under
the keys (sealed.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from accord.connections import (
    EPOCH,
    WINDOW_MS,
    connection_epoch,
    connection_key,
    connection_topic,
    first_accept,
    fits,
)
from accord.encoding import b64encode
from accord.epochs import first_window_key
from accord.errors import RemoteError
from accord.message_types import read_body
from accord.messages import Message
from accord_client.keystore import EpochKey, Keystore

CONNECTION_TYPES: Final = frozenset({"connection.request", "connection.accept", "connection.decline"})


@dataclass(frozen=True, slots=True)
class Connection:
    """How it stands with another user: `state` is none, asking (we have), asked (they have), connected or declined.

    `request` is what waits or was answered last; `topics` are the channels of two, the one to write in first. They may
    be there whatever the state: where they have asked anew, or where our keys are lost (then without `has_key`).
    """

    state: str
    request: Message | None = None
    topics: tuple[str, ...] = ()
    has_key: bool = False


class Pairing:
    """All connections of a user, `me`."""

    def __init__(self, me: bytes, keys: Keystore) -> None:
        self.said: dict[bytes, Message] = {}
        self.peers: dict[str, bytes] = {}  # by topic: with whom it is a channel of two
        self._me = me
        self._keys = keys

    def pair(self) -> None:
        """Make the keys of connections that have been accepted, where our half of them is here."""
        self.peers.clear()
        for request in self._requests():
            accept = first_accept(request, self.said.values())
            if accept is None:
                continue
            topic = connection_topic(request.id, accept.id)
            self.peers[topic] = self._other(request)
            is_ours = request.author == self._me
            conn_id = read_body(request)["conn_id"]
            half = self._keys.half(conn_id)
            if half is None or half.public != read_body(request if is_ours else accept)["conn_pub"]:
                continue
            try:
                key = connection_key(half, read_body(accept if is_ours else request)["conn_pub"], request, accept)
            except RemoteError:
                continue
            first = connection_epoch(key, accept.created_at)
            window_key = first_window_key(first.secret, first.w0)
            self._keys.put_epoch(EpochKey(topic, accept.id, EPOCH, first.w0, WINDOW_MS, window_key))
            self._keys.remove_half(conn_id)

    def _requests(self) -> Iterable[Message]:
        for message in self.said.values():
            if message.type == "connection.request" and self._me in (message.author, message.topic.ident):
                yield message

    def _other(self, request: Message) -> bytes:
        return request.topic.ident if request.author == self._me else request.author

    def connection(self, other: bytes) -> Connection:
        """How it stands with another user."""
        requests = sorted(
            (request for request in self._requests() if self._other(request) == other),
            key=_age,
            reverse=True,
        )
        accepted: list[tuple[int, bytes, str, Message]] = []
        state, waiting = "none", None
        for request in requests:
            answers = [answer for answer in self.said.values() if fits(request, answer)]
            accept = first_accept(request, answers)
            if accept is not None:
                topic = connection_topic(request.id, accept.id)
                accepted.append((accept.created_at, accept.id, topic, request))
            elif waiting is None:
                waiting = request
                state = "asking" if request.author == self._me else "asked"
                if answers:
                    state = "declined"
        accepted.sort(reverse=True)
        # The newest to which we have a key is written in; one that another device made may come to us later.
        accepted.sort(key=lambda item: not self._keys.epochs(item[2], EPOCH))
        topics = tuple(topic for _, _, topic, _ in accepted)
        if not topics or not self._keys.epochs(topics[0], EPOCH):
            return Connection(state, waiting, topics)
        anew = self.waiting(other)
        return Connection("asked" if anew else "connected", anew or accepted[0][3], topics, has_key=True)

    def connections(self) -> dict[bytes, Connection]:
        """Everybody with whom there is or was to be a connection."""
        others = {self._other(request) for request in self._requests()}
        return {other: self.connection(other) for other in others}

    def links(self) -> tuple[dict[str, Any], ...]:
        """The channels of two as a vault keeps them."""
        return tuple(
            {
                "id": connection_topic(request.id, accept.id),
                "key": b64encode(self._other(request)),
                "at": accept.created_at,
                "accept": b64encode(accept.id),
            }
            for request in self._requests()
            if (accept := first_accept(request, self.said.values())) is not None
        )

    def waiting(self, other: bytes) -> Message | None:
        """Their newest request that has no answer; it may come beside a connection, where they have lost its keys."""
        theirs = [request for request in self._requests() if request.author == other and not self._is_answered(request)]
        return max(theirs, key=_age, default=None)

    def ours_before(self, request: Message) -> bool:
        """Whether we have asked them too, and before: then they accept ours."""
        return any(_age(each) < _age(request) for each in self._open_ones(request.author))

    def has_asked(self, other: bytes) -> bool:
        """Whether a request of ours waits for their answer, to which this device has its half."""
        return bool(self._open_ones(other))

    def _open_ones(self, other: bytes) -> list[Message]:
        mine = [each for each in self._requests() if each.author == self._me and each.topic.ident == other]
        is_held = [each for each in mine if self._keys.half(read_body(each)["conn_id"]) is not None]
        return [each for each in is_held if not self._is_answered(each)]

    def _is_answered(self, request: Message) -> bool:
        return any(fits(request, answer) for answer in self.said.values())


def _age(message: Message) -> tuple[int, bytes]:
    return message.created_at, message.id
