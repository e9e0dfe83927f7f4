"""Invite links, claim codes and the claim of an account (protocol.md section 8).

The secret stays in the link's fragment, which browsers never send. A link for several people (a circle) has one secret
and as many temporary keys. Not here: the tree and its currency (a hub's invites app).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.primitives import domain, expand, extract, u64

SECRET_BYTES: Final = 32
MAX_LINK_CHARS: Final = 1_000
MIN_CIRCLE_PEOPLE: Final = 2
MAX_CIRCLE_PEOPLE: Final = 50
CODE_CHARS: Final = 10
CODE_ITERATIONS: Final = 600_000
CODE_TRIES: Final = 5
PLACEHOLDER_BYTES: Final = 9

# No user info, no backslash: browsers and urlsplit disagree on them, so a link could show one hub and mean another.
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PEOPLE = re.compile(r"[1-9][0-9]?")
_PLACEHOLDER = re.compile(r"invite-[0-9a-f]{18}")
# Crockford's base32: no I, L, O, U. What looks like a digit is read as one.
_CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE = re.compile(f"[{_CODE_ALPHABET}]{{{CODE_CHARS}}}")
_READ_CODE: Final[dict[int, int | str | None]] = {
    **{code: code - 32 for code in range(ord("a"), ord("z") + 1)},
    **dict.fromkeys(map(ord, "Oo"), "0"),
    **dict.fromkeys(map(ord, "IiLl"), "1"),
    **dict.fromkeys(map(ord, " -")),
}


class InviteLink(NamedTuple):
    """Where the hub is (`origin`, e.g. https://hub.example), the 32-byte secret, the hub's key, how many may join."""

    origin: str
    secret: bytes
    hub: bytes
    people: int = 1

    def __str__(self) -> str:
        people = f".{self.people}" if self.people > 1 else ""
        return f"{self.origin}/join#{b64encode(self.secret)}.{b64encode(self.hub)}{people}"

    @property
    def places(self) -> list[int | None]:
        """The places that a link has, as `temporary_key` takes them: one without a number, or those of a circle."""
        return [None] if self.people == 1 else list(range(self.people))


def is_host(netloc: str) -> bool:
    """Whether this part of a link is a host with or without a port, and nothing else."""
    return _HOST.fullmatch(netloc) is not None


def new_link(origin: str, hub: bytes, *, people: int = 1) -> InviteLink:
    """A link with a fresh secret, for one person or for 2..MAX_CIRCLE_PEOPLE."""
    if not 1 <= people <= MAX_CIRCLE_PEOPLE:
        raise ValueError(f"a link is for 1..{MAX_CIRCLE_PEOPLE} people")
    return InviteLink(origin, secrets.token_bytes(SECRET_BYTES), hub, people)


def parse_link(link: str) -> InviteLink:
    """The parts of an invite link; RemoteError("bad_request") with a sentence for the person who pasted it."""
    if len(link) > MAX_LINK_CHARS:
        raise RemoteError("bad_request", f"an invite link has at most {MAX_LINK_CHARS} characters")
    try:
        parts = urlsplit(link.strip())
        port = parts.port
    except ValueError as error:
        raise RemoteError("bad_request", "the invite link names no hub") from error
    secret, dot, rest = parts.fragment.partition(".")
    hub, circle, people = rest.partition(".")
    if parts.scheme not in ("http", "https") or not dot or parts.query:
        raise RemoteError("bad_request", "an invite link looks like https://hub/join#... and must be copied whole")
    if not is_host(parts.netloc) or port == 0:
        raise RemoteError("bad_request", "the invite link names no hub")
    if parts.path != "/join":
        raise RemoteError("bad_request", "an invite link has the path /join")
    try:
        origin = f"{parts.scheme}://{parts.netloc}"
        return InviteLink(origin, b64decode(secret, SECRET_BYTES), b64decode(hub, 32), _people(circle, people))
    except RemoteError as error:
        raise RemoteError("bad_request", "the invite link is damaged: copy it whole, to its last letter") from error


def _people(dot: str, text: str) -> int:
    if not dot:
        return 1
    if not _PEOPLE.fullmatch(text) or not MIN_CIRCLE_PEOPLE <= int(text) <= MAX_CIRCLE_PEOPLE:
        raise RemoteError("bad_request", f"a circle is of {MIN_CIRCLE_PEOPLE}..{MAX_CIRCLE_PEOPLE}")
    return int(text)


def temporary_key(secret: bytes, place: int | None = None) -> SigningKey:
    """The user key of the temporary account that waits behind a link, or behind one place of a circle's."""
    context = b"" if place is None else u64(place)
    return SigningKey(expand(extract(domain("invite"), secret), "invite-key", context))


def placeholder_name() -> str:
    """The account name of an invite that suggests none."""
    return f"invite-{secrets.token_hex(PLACEHOLDER_BYTES)}"


def is_placeholder(name: str) -> bool:
    """Whether an account name suggests nothing to whoever claims the account."""
    return _PLACEHOLDER.fullmatch(name) is not None


def new_code() -> str:
    """A claim code in its normal form, to be told by other means than the link."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(CODE_CHARS))


def show_code(code: str) -> str:
    """A code in its normal form as people are shown it: XXXXX-XXXXX."""
    return f"{code[: CODE_CHARS // 2]}-{code[CODE_CHARS // 2 :]}"


def normalize_code(text: str) -> str:
    """The normal form of a code that a person typed; RemoteError("bad_request") if it is none."""
    normal = text.translate(_READ_CODE)
    if not _CODE.fullmatch(normal):
        raise RemoteError("bad_request", f"a claim code has {CODE_CHARS} letters and digits, as in XXXXX-XXXXX")
    return normal


def hash_code(code: str, temporary: bytes) -> bytes:
    """What an `add_user` holds of a code in its normal form: 32 bytes. Slow on purpose, some tenths of a second."""
    return hashlib.pbkdf2_hmac("sha256", code.encode("ascii"), domain("claim-code") + temporary, CODE_ITERATIONS)


def _claim(hub: bytes, temp: bytes, new: bytes) -> bytes:
    return canonical({"hub": b64encode(hub), "temp": b64encode(temp), "new": b64encode(new)})


def make_proof(new: SigningKey, *, hub: bytes, temp: bytes) -> bytes:
    """The new key's word that it takes the account of `temp` on `hub`: 64 bytes."""
    return new.sign("replace", _claim(hub, temp, new.public))


def verify_proof(proof: bytes, *, hub: bytes, temp: bytes, new: bytes) -> None:
    """Return, or raise RemoteError("bad_sig")."""
    verify(new, "replace", _claim(hub, temp, new), proof)
