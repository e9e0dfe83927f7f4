"""Labelled hashing and key derivation of suite 1 (protocol.md section 0.1).

Everything hashed, signed or expanded begins with a label, so that no value of one purpose can stand for one of another.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

HASH_BYTES = 32


def domain(label: str) -> bytes:
    """D(label): the prefix that separates one use from every other."""
    return b"accord-v1:" + label.encode("ascii") + b"\0"


def u64(number: int) -> bytes:
    """8 bytes, big endian."""
    return number.to_bytes(8, "big")


def lp(data: bytes) -> bytes:
    """Length-prefixed bytes."""
    return u64(len(data)) + data


def labelled_hash(label: str, data: bytes) -> bytes:
    """SHA256(D(label) || data), 32 bytes."""
    return hashlib.sha256(domain(label) + data).digest()


def labelled_hmac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes; the key is derived under a label, so the input carries none."""
    return hmac.digest(key, data, "sha256")


def extract(salt: bytes, ikm: bytes) -> bytes:
    """HKDF-Extract of RFC 5869 with SHA-256: a 32-byte pseudorandom key."""
    return hmac.digest(salt, ikm, "sha256")


def expand(prk: bytes, label: str, context: bytes = b"", length: int = 32) -> bytes:
    """HKDF-Expand of RFC 5869 with info D(label) || context."""
    return HKDFExpand(algorithm=SHA256(), length=length, info=domain(label) + context).derive(prk)


def same(a: bytes, b: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a, b)
