"""Invite links and the claim of an account (protocol.md section 8).

The secret stays in the link's fragment, which browsers never send. Not here: the tree and its currency (a hub's invites
app).
"""

from __future__ import annotations

import re
import secrets
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.primitives import domain, expand, extract

SECRET_BYTES: Final = 32
MAX_LINK_CHARS: Final = 1_000

# No user info, no backslash: browsers and urlsplit disagree on them, so a link could show one hub and mean another.
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class InviteLink(NamedTuple):
    """Where the hub is (`origin`, e.g. https://hub.example), the 32-byte secret, the hub's key."""

    origin: str
    secret: bytes
    hub: bytes

    def __str__(self) -> str:
        return f"{self.origin}/join#{b64encode(self.secret)}.{b64encode(self.hub)}"


def new_link(origin: str, hub: bytes) -> InviteLink:
    """A link with a fresh secret."""
    return InviteLink(origin, secrets.token_bytes(SECRET_BYTES), hub)


def parse_link(link: str) -> InviteLink:
    """The parts of an invite link; RemoteError("bad_request") with a sentence for the person who pasted it."""
    if len(link) > MAX_LINK_CHARS:
        raise RemoteError("bad_request", f"an invite link has at most {MAX_LINK_CHARS} characters")
    try:
        parts = urlsplit(link.strip())
        port = parts.port
    except ValueError as error:
        raise RemoteError("bad_request", "the invite link names no hub") from error
    secret, dot, hub = parts.fragment.partition(".")
    if parts.scheme not in ("http", "https") or not dot or parts.query:
        raise RemoteError("bad_request", "an invite link looks like https://hub/join#... and must be copied whole")
    if not _HOST.fullmatch(parts.netloc) or port == 0:
        raise RemoteError("bad_request", "the invite link names no hub")
    if parts.path != "/join":
        raise RemoteError("bad_request", "an invite link has the path /join")
    try:
        return InviteLink(f"{parts.scheme}://{parts.netloc}", b64decode(secret, SECRET_BYTES), b64decode(hub, 32))
    except RemoteError as error:
        raise RemoteError("bad_request", "the invite link is damaged: copy it whole, to its last letter") from error


def temporary_key(secret: bytes) -> SigningKey:
    """The user key of the temporary account that waits behind a link."""
    return SigningKey(expand(extract(domain("invite"), secret), "invite-key"))


def _claim(hub: bytes, temp: bytes, new: bytes) -> bytes:
    return canonical({"hub": b64encode(hub), "temp": b64encode(temp), "new": b64encode(new)})


def make_proof(new: SigningKey, *, hub: bytes, temp: bytes) -> bytes:
    """The new key's word that it takes the account of `temp` on `hub`: 64 bytes."""
    return new.sign("replace", _claim(hub, temp, new.public))


def verify_proof(proof: bytes, *, hub: bytes, temp: bytes, new: bytes) -> None:
    """Return, or raise RemoteError("bad_sig")."""
    verify(new, "replace", _claim(hub, temp, new), proof)
