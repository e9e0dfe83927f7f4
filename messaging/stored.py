"""A message with its arrival number, as it is handed from the store to readers."""

from __future__ import annotations

import json
from dataclasses import dataclass

import orjson

from accord.encoding import b64encode
from accord.messages import Message, parse_envelope
from accord.topics import Topic

Blob = bytes | memoryview  # some databases give memoryviews


def envelope_bytes(header: Blob, sig: Blob, salt: Blob | None, body: Blob | None) -> bytes:
    """The JSON of an envelope, made around the header's own bytes."""
    if salt is None or body is None:
        return b'{"header":%b,"sig":"%b"}' % (bytes(header), b64encode(sig).encode())
    return b'{"header":%b,"sig":"%b","salt":"%b","body":"%b"}' % (
        bytes(header),
        b64encode(sig).encode(),
        b64encode(salt).encode(),
        b64encode(body).encode(),
    )


@dataclass(slots=True)
class Stored:
    """What fan-out and pages need of a stored message; `item` is `{"cursor":...,"message":...}` as JSON bytes, made
    once.

    `concerns` are the user keys that it mentions or, for control messages, touches; `related` the message ids that it
    answers or refers to. `link` is the peer key of the hub that has just brought it, if one has. `readers` are
    those who have a seat in a private topic; None where it is none.
    """

    cursor: int
    id: bytes
    type: str
    topic: Topic
    author: bytes
    burn_at: int | None
    concerns: list[bytes]
    related: list[bytes]
    item: bytes
    link: bytes | None = None
    readers: frozenset[bytes] | None = None

    def signed(self) -> Message:
        """The message itself, read again; it was verified when it was stored."""
        return Message(parse_envelope(orjson.loads(self.item)["message"]))


def item_bytes(cursor: int, header: Blob, sig: Blob, salt: Blob | None, body: Blob | None) -> bytes:
    """An entry of `deliver` and `page`."""
    return b'{"cursor":%d,"message":%b}' % (cursor, envelope_bytes(header, sig, salt, body))


def frame_bytes(type_: str, items: list[bytes], **fields: object) -> bytes:
    """A frame that carries `messages` made of ready items."""
    head = json.dumps({"type": type_, **fields}, separators=(",", ":"))[:-1].encode()
    return b'%b,"messages":[%b]}' % (head, b",".join(items))
