"""What several rooms need: who reads, what a topic is called in a path, a message for examples."""

from __future__ import annotations

from typing import Final

from accord.encoding import b64encode
from accord.messages import message_uuid
from messaging.selectors import Reader
from peers.clock import now_ms
from peers.rest import Caller
from peers.schema import (
    ENVELOPE,
    KEY_REGEX,
)

TOPIC_REGEX: Final = f"(?:feed|user|chan|hub):{KEY_REGEX}"

EXAMPLE_ID: Final = b64encode(bytes([9]) * 32)
EXAMPLE: Final = {"id": EXAMPLE_ID, "uuid": str(message_uuid(bytes([9]) * 32)), "cursor": 42, "message": ENVELOPE}


def reader_of(caller: Caller) -> Reader:
    """The caller as one who reads, now."""
    return Reader(caller.key, caller.is_admin, now_ms())
