"""A new key for an account: the proofs, the recovery code, the link by which others are asked (protocol.md section 8).

Every proof names the hub, both keys and what it is for, so that none serves another purpose or another hub. Not here:
who may replace whom and when (a hub's invites app), the words by which people compare keys (words.py).
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from accord.codes import CodeForm
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.primitives import domain, expand, extract, labelled_hash

MAX_LINK_CHARS: Final = 1_000
RECOVERY_CODE: Final = CodeForm(  # 14 groups of four
    "recovery code", lambda code: labelled_hash("recovery-check", code), size=32, check=3
)
OWN_KEY_MS: Final = 24 * 3600 * 1000  # the old key signs: so long may it, or whoever stands above, cancel
CHAIN_MS: Final = 72 * 3600 * 1000  # others vouch
RECOVERY_MS: Final = 24 * 3600 * 1000  # until a recovery key counts, where the account's own key is older than that
VOUCH_LIFE_MS: Final = 7 * 24 * 3600 * 1000


# ----------------------------------------------------------------------------------------------------------- proofs


def _recovery(hub: bytes, user: bytes) -> bytes:
    return canonical({"hub": b64encode(hub), "user": b64encode(user)})


def make_recovery_proof(recovery: SigningKey, *, hub: bytes, user: bytes) -> bytes:
    """The recovery key's word that it stands for `user` on `hub`: 64 bytes."""
    return recovery.sign("recovery", _recovery(hub, user))


def verify_recovery_proof(proof: bytes, *, hub: bytes, user: bytes, recovery: bytes) -> None:
    """Return, or raise RemoteError("bad_sig")."""
    verify(recovery, "recovery", _recovery(hub, user), proof)


def _replacement(hub: bytes, old: bytes, new: bytes) -> bytes:
    return canonical({"hub": b64encode(hub), "old": b64encode(old), "new": b64encode(new)})


def make_replacement_proof(new: SigningKey, *, hub: bytes, old: bytes) -> bytes:
    """The new key's word that it takes over the claimed account of `old` on `hub`: 64 bytes. No claim of an invite."""
    return new.sign("replacement", _replacement(hub, old, new.public))


def verify_replacement_proof(proof: bytes, *, hub: bytes, old: bytes, new: bytes) -> None:
    """Return, or raise RemoteError("bad_sig")."""
    verify(new, "replacement", _replacement(hub, old, new), proof)


# ---------------------------------------------------------------------------------------------------- recovery code


def recovery_key(code: bytes, hub: bytes) -> SigningKey:
    """The recovery key of a code on one hub; on another hub the same code is another key."""
    return SigningKey(expand(extract(domain("recovery-code"), code), "recovery-key", hub))


# ------------------------------------------------------------------------------------------------------------- link


class VouchLink(NamedTuple):
    """What a person without the old key hands to those who know them: hub and keys, and the new key's proof."""

    origin: str
    old: bytes
    new: bytes
    proof: bytes

    def __str__(self) -> str:
        return f"{self.origin}/vouch#{b64encode(self.old)}.{b64encode(self.new)}.{b64encode(self.proof)}"


def parse_vouch_link(link: str) -> VouchLink:
    """The parts of such a link; the proof is not looked at. RemoteError("bad_request")."""
    if len(link) > MAX_LINK_CHARS:
        raise RemoteError("bad_request", f"such a link has at most {MAX_LINK_CHARS} characters")
    try:
        parts = urlsplit(link.strip())
    except ValueError as error:
        raise RemoteError("bad_request", "the link names no hub") from error
    pieces = parts.fragment.split(".")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path != "/vouch" or len(pieces) != 3:
        raise RemoteError("bad_request", "a request for a new key looks like https://hub/vouch#... : copy it whole")
    old, new, proof = pieces
    return VouchLink(f"{parts.scheme}://{parts.netloc}", b64decode(old, 32), b64decode(new, 32), b64decode(proof, 64))
