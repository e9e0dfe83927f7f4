"""Ed25519 keys with strict verification, X25519 agreement, fingerprints (protocol.md sections 0 and 0.2).

Verification is a consensus rule: what one hub accepts every hub must accept, so the edge cases are refused before the
library is asked. PyNaCl verifies (twice as fast as `cryptography`, and it releases the interpreter lock);
`cryptography` signs and agrees.
"""

from __future__ import annotations

from typing import Final

import nacl.bindings
import nacl.exceptions
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.primitives import domain

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_SIGN_BIT_CLEARED: Final = 2**255 - 1
_SMALL_ORDER: Final = frozenset(
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)


def _check_point(encoded: bytes) -> None:
    y = int.from_bytes(encoded, "little") & _SIGN_BIT_CLEARED
    if y >= _P or y in _SMALL_ORDER:
        raise RemoteError("bad_sig", "not a point that a key or signature may use")


def verify_raw(key: bytes, data: bytes, signature: bytes) -> None:
    """Strict Ed25519 over unlabelled bytes (section 0.2): return, or raise RemoteError("bad_sig")."""
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise RemoteError("bad_sig", "wrong length")
    if int.from_bytes(signature[32:], "little") >= _L:
        raise RemoteError("bad_sig", "S is not reduced")
    _check_point(key)
    _check_point(signature[:32])
    try:
        nacl.bindings.crypto_sign_open(signature + data, key)
    except nacl.exceptions.BadSignatureError as error:
        raise RemoteError("bad_sig", "signature does not fit") from error


def verify(key: bytes, label: str, data: bytes, signature: bytes) -> None:
    """Check sign(key, label, data) of section 0.1: return, or raise RemoteError("bad_sig")."""
    verify_raw(key, domain(label) + data, signature)


class SigningKey:
    """An Ed25519 key pair. `seed` is the 32-byte private key; keep it out of logs, URLs and frames."""

    __slots__ = ("_private", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError("an Ed25519 seed has 32 bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.seed = seed
        self.public = self._private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key pair."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def sign(self, label: str, data: bytes) -> bytes:
        """sign(key, label, data): 64 bytes over D(label) || data."""
        return self._private.sign(domain(label) + data)

    def __repr__(self) -> str:
        return f"SigningKey({fingerprint(self.public)})"


class OneTimeKey:
    """An X25519 key pair for one agreement."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes | None = None) -> None:
        self._private = X25519PrivateKey.generate() if private is None else X25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def agree(self, other: bytes) -> bytes:
        """The 32-byte shared secret; RemoteError("bad_request") where it would be all zero."""
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(other))
        except ValueError as error:
            raise RemoteError("bad_request", "one-time key gives no secret") from error


def fingerprint(key: bytes) -> str:
    """A public key as people compare it: its base64url text in groups of four."""
    text = b64encode(key)
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))
