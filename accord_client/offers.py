"""What an invite link offers, as its temporary account tells it (protocol.md section 8): whose it is, where it leads,
whether it needs a claim code; and why a link opens nothing any more.

Not here: the claim (join.py), making invites (inviting.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from accord.errors import RemoteError
from accord.invites import InviteLink, is_placeholder, temporary_key
from accord.keys import SigningKey
from accord.message_types import check_type, read_body
from accord.messages import parse_envelope, verify
from accord.topics import Topic
from accord_client.connection import Connection
from accord_client.errors import ClientError

MAX_OWN_MESSAGES: Final = 50
FULL: Final = "full"
# Why a link opens nothing; the word that says most to whoever holds a circle's comes first.
_ENDS: Final[dict[str, str]] = {
    "locked": "the wrong claim code was given too often: this invite is locked, ask for a new one",
    "frozen": "the account of whoever invited you is halted now: try again later",
    "withdrawn": "this invite was withdrawn: ask for a new one",
    "expired": "this invite has expired: ask for a new one",
    "used": "this invite has been used: ask for a new one",
    FULL: "everyone for whom this link was has joined: ask for a new one",
}
_UNKNOWN: Final = "this invite link has been used or has expired: ask for a new one"


class NoLonger(ClientError):
    """A link that lets nobody in; `reason` is why, "" where the hub does not say."""

    def __init__(self, reason: str) -> None:
        super().__init__(_ENDS.get(reason, _UNKNOWN))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Offer:
    """The inviter's user key, the name that is suggested ("" for none), channels to begin in, in order."""

    inviter: bytes
    suggestion: str
    needs_code: bool
    channels: tuple[Topic, ...]


def end_of(reasons: Sequence[str]) -> NoLonger:
    """Why none of a link's places lets anyone in."""
    if len(reasons) > 1 and set(reasons) == {"used"}:
        return NoLonger(FULL)
    return NoLonger(next((reason for reason in _ENDS if reason in reasons), ""))


def places(invite: InviteLink, first: bytes) -> list[SigningKey]:
    """The temporary keys of a link: the one of public key `first` if it is among them, the others from a random one."""
    keys = [temporary_key(invite.secret, place) for place in invite.places]
    start = secrets.randbelow(len(keys))
    return sorted(keys[start:] + keys[:start], key=lambda key: key.public != first)


def _read(value: Any, temporary: bytes, topic: Topic) -> Offer | None:
    message = verify(parse_envelope(value))
    check_type(message)
    if message.type != "add_user" or message.topic != topic:
        return None
    body = read_body(message)
    if body["pubkey"] != temporary:
        return None
    name = body["account_name"]
    channels = tuple(Topic("chan", ident) for ident in body.get("channels", ()))
    return Offer(message.author, "" if is_placeholder(name) else name, "code_hash" in body, channels)


async def read_offer(connection: Connection, temporary: bytes, hub: bytes) -> Offer | None:
    """The newest `add_user` of a temporary account, in a session of it; None where the hub shows none that holds."""
    topic = Topic("hub", hub)
    page = await connection.request("fetch", topic=topic.name, limit=MAX_OWN_MESSAGES)
    rows = page.get("messages")
    for row in rows if isinstance(rows, list) else []:
        try:
            if offer := _read(row.get("message") if isinstance(row, dict) else None, temporary, topic):
                return offer
        except RemoteError:
            continue
    return None
