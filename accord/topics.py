"""Topics: where a message is addressed (protocol.md section 1, field `to`; ids of section 7)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.primitives import labelled_hash

KINDS: Final = frozenset({"feed", "user", "chan", "space", "round", "group", "hub"})
NONCE_BYTES: Final = 16


class Topic(NamedTuple):
    """A kind and the 32-byte key or id after the colon."""

    kind: str
    ident: bytes

    @property
    def name(self) -> str:
        """The topic as it is written: `kind:base64url`."""
        return f"{self.kind}:{b64encode(self.ident)}"


@lru_cache(maxsize=16_384)
def parse_topic(name: str) -> Topic:
    """The topic that a name stands for; RemoteError("bad_request"). A header's bare `feed` is not a topic's name."""
    kind, colon, ident = name.partition(":")
    if not colon or kind not in KINDS:
        raise RemoteError("bad_request", "no topic of a known kind")
    return Topic(kind, b64decode(ident, 32))


def topic_of(to: object, author: bytes) -> Topic:
    """The topic of a header's `to` and `from`; RemoteError("bad_request")."""
    if to == "feed":
        return Topic("feed", author)
    if type(to) is not str or to.startswith("feed:"):  # one spelling only, else one message would have two headers
        raise RemoteError("bad_request", "to: no topic")
    return parse_topic(to)


def open_channel_id(creator: bytes, nonce: bytes, hub: bytes) -> bytes:
    """The id of a channel that a hub keeps in clear."""
    return labelled_hash("channel", creator + nonce + hub)
