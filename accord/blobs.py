"""Blobs: files that are sealed before they leave the client (protocol.md section 11).

A blob is known by the SHA-256 of its sealed bytes; whoever has its key and its true size can open it. It is sealed in
chunks of 1 MiB, so that a part of it can be opened, and no chunk can stand for another one. Not here: where blobs lie
(the app `blobs`), how messages name them (message_types.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord.errors import RemoteError
from accord.primitives import domain, u64

KEY_BYTES: Final = 32
CHUNK_BYTES: Final = 1024 * 1024  # of sealed bytes; only the last chunk may have fewer
TAG_BYTES: Final = 16
PLAIN_BYTES: Final = CHUNK_BYTES - TAG_BYTES  # what a whole chunk holds
LEAST_BYTES: Final = 1024  # no smaller blob is made
MAX_FILE_BYTES: Final = 256 * 1024 * 1024  # before it is sealed

_D_BLOB: Final = domain("blob")


def padded_size(size: int) -> int:
    """How many bytes are sealed for a file of `size`: at most an eighth more, so that sizes tell little of files."""
    if size <= LEAST_BYTES:
        return LEAST_BYTES
    exponent = size.bit_length() - 1
    mask = (1 << exponent - exponent.bit_length()) - 1
    return (size + mask) & ~mask


def chunk_count(size: int) -> int:
    """How many chunks a file of `size` bytes is sealed in."""
    return -(-padded_size(size) // PLAIN_BYTES)


def sealed_size(size: int) -> int:
    """How many bytes the blob of a file of `size` bytes has."""
    return padded_size(size) + TAG_BYTES * chunk_count(size)


def blob_id(blob: bytes) -> bytes:
    """What a blob is called by."""
    return hashlib.sha256(blob).digest()


def _check(key: bytes, size: int) -> None:
    if len(key) != KEY_BYTES:
        raise RemoteError("bad_request", f"the key of a blob has {KEY_BYTES} bytes")
    if not 0 <= size <= MAX_FILE_BYTES:
        raise RemoteError("too_big", f"a file has at most {MAX_FILE_BYTES} bytes")


def _around(number: int, size: int) -> tuple[bytes, bytes]:
    """Nonce and aad of a chunk: its number and the true size are in them, so none fits anywhere else."""
    return bytes(4) + u64(number), _D_BLOB + u64(number) + u64(size)


def seal(key: bytes, file: bytes) -> bytes:
    """The blob of a file. A key is random, of 32 bytes, and for one file only."""
    _check(key, len(file))
    size = len(file)
    padded = file + bytes(padded_size(size) - size)
    cipher = AESGCM(key)
    chunks = []
    for number in range(chunk_count(size)):
        nonce, aad = _around(number, size)
        chunks.append(cipher.encrypt(nonce, padded[number * PLAIN_BYTES : (number + 1) * PLAIN_BYTES], aad))
    return b"".join(chunks)


def open_chunk(key: bytes, size: int, number: int, chunk: bytes) -> bytes:
    """What chunk `number` holds of a file of `size` bytes, without padding; RemoteError where it does not open."""
    _check(key, size)
    if not 0 <= number < chunk_count(size):
        raise RemoteError("bad_request", "the blob has no such chunk")
    nonce, aad = _around(number, size)
    try:
        plain = AESGCM(key).decrypt(nonce, chunk, aad)
    except InvalidTag as error:
        raise RemoteError("bad_request", "a chunk of the blob does not open") from error
    if len(plain) != min(PLAIN_BYTES, padded_size(size) - number * PLAIN_BYTES):
        raise RemoteError("bad_request", "a chunk of the blob has another length than it must have")
    return plain[: max(0, size - number * PLAIN_BYTES)]


def open_blob(key: bytes, size: int, blob: bytes) -> bytes:
    """The file of `size` bytes that a blob holds; RemoteError where it is not that."""
    _check(key, size)
    if len(blob) != sealed_size(size):
        raise RemoteError("bad_request", "the blob has another length than such a file's")
    return b"".join(open_chunk(key, size, number, chunk) for number, chunk in enumerate(_chunks(blob)))


def _chunks(blob: bytes) -> Iterator[bytes]:
    for start in range(0, len(blob), CHUNK_BYTES):
        yield blob[start : start + CHUNK_BYTES]
