"""Connections: the channel of two users, open to them once one has accepted (protocol.md section 7).

The channel follows from a `connection.request` and the first `connection.accept` that fits, whichever came here first.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from accord.connections import connection_topic, first_accept, fits
from accord.messages import Envelope, envelope_json, parse_envelope
from accord.messages import Message as SignedMessage
from accord.topics import parse_topic
from messaging.models import Message, Room, Seat, Topic
from messaging.spaces.rooms import room_ensure, seats_set

REQUEST = "connection.request"
ACCEPT = "connection.accept"


def _held(type_: str, *, author: bytes, to: bytes) -> list[Envelope]:
    rows = Message.objects.filter(
        topic__in=Topic.objects.filter(kind="user", ident=to), author__key=author, type=type_
    ).values_list("header", "sig", "salt", "body")
    return [
        parse_envelope(envelope_json(orjson.loads(bytes(header)), bytes(sig), bytes(salt or b""), bytes(body or b"")))
        for header, sig, salt, body in rows
    ]


class Pairs:
    """The requests and accepts of a commit, with those that are held."""

    def __init__(self) -> None:
        self._taken: list[Envelope] = []

    def _find(self, type_: str, *, author: bytes, to: bytes) -> Iterable[Envelope]:
        yield from _held(type_, author=author, to=to)
        for message in self._taken:
            if (message.type, message.author, message.topic.ident) == (type_, author, to):
                yield message

    def take(self, message: SignedMessage) -> list[Room]:
        """This commit stores it; gives the channels that are there because it completes a pair."""
        self._taken.append(message)
        one, other = message.author, message.topic.ident
        if message.type == REQUEST:
            requests: list[Envelope] = [message]
            accepts = list(self._find(ACCEPT, author=other, to=one))
        else:
            accepts = list(self._find(ACCEPT, author=one, to=other))
            requests = [request for request in self._find(REQUEST, author=other, to=one) if fits(request, message)]
        rooms = []
        for request in requests:
            accept = first_accept(request, accepts)
            if accept is not None:
                room = room_ensure(parse_topic(connection_topic(request.id, accept.id)))
                seats_set(room, {one: Seat.Role.MEMBER, other: Seat.Role.MEMBER})
                rooms.append(room)
        return rooms
