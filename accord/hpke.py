"""Sealing to a public key: HPKE of RFC 9180, base mode, single shot (protocol.md section 0).

X25519, HKDF-SHA256, AES-256-GCM; a box is `enc || ciphertext`, without aad: what it is for stands in `info`, under a
label of its own. Not here: who a box key belongs to (devices.py), what is sealed (epochs.py).
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from accord.errors import RemoteError
from accord.keys import OneTimeKey

ENC_BYTES: Final = 32
TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = ENC_BYTES + TAG_BYTES

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class BoxKey(OneTimeKey):
    """An X25519 key pair that is kept: to open boxes, or for a connection. `private` is 32 secret bytes."""

    __slots__ = ("private",)

    def __init__(self, private: bytes | None = None) -> None:
        super().__init__(private)
        self.private = self._private.private_bytes_raw()

    @classmethod
    def generate(cls) -> BoxKey:
        """A new key pair."""
        return cls()


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """A box for whoever has the private half of `public`: OVERHEAD_BYTES longer than the plaintext.

    RemoteError("bad_request") where the key gives no secret: it is a remote who has published it.
    """
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)
    except ValueError as error:
        raise RemoteError("bad_request", "nothing can be sealed to that box key") from error


def open_box(private: bytes, info: bytes, box: bytes) -> bytes:
    """The plaintext of a box; RemoteError("bad_request") where it does not open."""
    try:
        return _SUITE.decrypt(box, X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError) as error:
        raise RemoteError("bad_request", "the box does not open") from error
