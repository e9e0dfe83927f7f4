"""What several rooms need: who reads, what a topic is called in a path, a message for examples."""

from __future__ import annotations

from typing import Final

from accord.encoding import b64encode
from accord.messages import message_uuid
from accord.topics import Topic
from messaging.selectors import Reader, reads_whole
from peers.callers import Caller
from peers.clock import now_ms
from peers.keyring import keyring
from peers.schema import (
    BOB,
    CHANNEL,
    ENVELOPE,
    KEY_REGEX,
    NOW,
)
from peers.selectors import former_keys

TOPIC_REGEX: Final = f"(?:feed|user|chan|hub|space):{KEY_REGEX}"

EXAMPLE_ID: Final = b64encode(bytes([9]) * 32)
EXAMPLE: Final = {"id": EXAMPLE_ID, "uuid": str(message_uuid(bytes([9]) * 32)), "cursor": 42, "message": ENVELOPE}
ROOT: Final = {
    "v": 1,
    "type": "root",
    "hub": BOB,
    "at": NOW,
    "topic": f"chan:{CHANNEL}",
    "root": b64encode(bytes([10]) * 32),
    "count": 42,
    "horizon": 0,
    "as_of": NOW - NOW % 60_000,
    "cursor": 42,
    "sig": b64encode(bytes([7]) * 64),
}


def reads_all_of(caller: Caller, topic: Topic) -> bool:
    """Whether the caller may read the whole topic, and so may see its tree."""
    if topic.kind == "hub":
        return caller.is_admin and topic.ident == keyring().hub.public
    if topic.kind == "user":
        return topic.ident in reader_of(caller).keys
    return reads_whole(reader_of(caller), topic)


def reader_of(caller: Caller) -> Reader:
    """The caller as one who reads, now."""
    return Reader(caller.key, caller.is_admin, now_ms(), former=former_keys(caller.key))
