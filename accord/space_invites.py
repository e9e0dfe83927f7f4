"""Invites into a space: the key behind a link, and the proof of whoever joins by it (protocol.md section 7).

The secret stays in the link's fragment, which browsers never send. Not here: whether an invite stands (spaces.py).
"""

from __future__ import annotations

import secrets
from typing import NamedTuple
from urllib.parse import urlsplit

from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.invites import MAX_LINK_CHARS, SECRET_BYTES, is_host
from accord.keys import SigningKey, verify
from accord.primitives import domain, expand, extract


class SpaceLink(NamedTuple):
    """Where the hub is (`origin`, e.g. https://hub.example), the 32-byte secret, the space's id, the hub's key."""

    origin: str
    secret: bytes
    space: bytes
    hub: bytes

    def __str__(self) -> str:
        return f"{self.origin}/space#{b64encode(self.secret)}.{b64encode(self.space)}.{b64encode(self.hub)}"


def new_space_link(origin: str, *, space: bytes, hub: bytes) -> SpaceLink:
    """A link with a fresh secret."""
    return SpaceLink(origin, secrets.token_bytes(SECRET_BYTES), space, hub)


def parse_space_link(link: str) -> SpaceLink:
    """The parts of a link into a space; RemoteError("bad_request") with a sentence for the person who pasted it."""
    if len(link) > MAX_LINK_CHARS:
        raise RemoteError("bad_request", f"a link into a space has at most {MAX_LINK_CHARS} characters")
    try:
        parts = urlsplit(link.strip())
        port = parts.port
    except ValueError as error:
        raise RemoteError("bad_request", "the link names no hub") from error
    pieces = parts.fragment.split(".")
    if parts.scheme not in ("http", "https") or parts.path != "/space" or parts.query or len(pieces) != 3:
        raise RemoteError("bad_request", "a link into a space looks like https://hub/space#... : copy it whole")
    if not is_host(parts.netloc) or port == 0:
        raise RemoteError("bad_request", "the link names no hub")
    try:
        secret, space, hub = (b64decode(piece, 32) for piece in pieces)
    except RemoteError as error:
        raise RemoteError("bad_request", "the link is damaged: copy it whole, to its last letter") from error
    return SpaceLink(f"{parts.scheme}://{parts.netloc}", secret, space, hub)


def invite_key(secret: bytes) -> SigningKey:
    """The key of an invite into a space, from the secret in its link."""
    return SigningKey(expand(extract(domain("invite"), secret), "space-invite"))


def _join(space: bytes, user: bytes) -> bytes:
    return canonical({"space": b64encode(space), "user": b64encode(user)})


def make_join_proof(invite: SigningKey, *, space: bytes, user: bytes) -> bytes:
    """The invite key's word that whoever holds the link lets `user` in: 64 bytes."""
    return invite.sign("space-join", _join(space, user))


def verify_join_proof(proof: bytes, *, invite: bytes, space: bytes, user: bytes) -> None:
    """Return, or raise RemoteError("bad_sig")."""
    verify(invite, "space-join", _join(space, user), proof)
