"""Keys derived from console.key in the hub's home: what Django signs with, and what hides secrets of second factors.

They outlive the process, so a console that is open survives a restart of the hub. Not here: the hub's own keys
(peers/keyring.py).
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from peers.keyring import HomeError, private_seed

NONCE_BYTES: Final = 12


@lru_cache(maxsize=8)
def _derived(purpose: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, b"accord-console:" + purpose).derive(private_seed("console.key"))


def django_key() -> str:
    """Django's SECRET_KEY."""
    return _derived(b"django", 64).hex()


def hide(secret: bytes) -> bytes:
    """Encrypt a secret for the database."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_derived(b"factor", 32)).encrypt(nonce, secret, None)


def reveal(hidden: bytes) -> bytes:
    """Decrypt it; HomeError if console.key is not the one under which it was hidden."""
    try:
        return AESGCM(_derived(b"factor", 32)).decrypt(hidden[:NONCE_BYTES], hidden[NONCE_BYTES:], None)
    except InvalidTag as error:
        raise HomeError("console.key is not the one that this database was made with") from error
