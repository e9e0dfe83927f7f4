"""The encrypted file of a backup: a readable header, then chunks (docs/backup.md).

Every chunk is sealed by AES-256-GCM under a key of this file alone, and is bound to the header, to its number and to
whether it is the last: what is changed, cut off, swapped, repeated or put behind the end does not open. Not here: what
is inside (parts.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from accord.encoding import b64decode, b64encode, canonical
from accord.errors import AccordError
from accord.keys import KEY_BYTES, OneTimeKey
from accord.primitives import domain, expand, extract, labelled_hash, u64
from messaging.backup.keys import BackupError, ContentKey, Lock, Passphrase, Recipient, SecretKey, Unlock

MAGIC: Final = b"accord-backup "
VERSION: Final = 1
CHUNK_BYTES: Final = 256 * 1024
TAG_BYTES: Final = 16
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
MAX_LINE_BYTES: Final = 1024
# About half a second and 128 MiB for each guess at a passphrase.
SCRYPT_N: Final = 2**17
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1

CUT_OR_CHANGED: Final = "the file has been changed or cut off"
NO_BACKUP: Final = "this is no backup of an Accord hub"
NEWER: Final = "this backup was made by a newer version of Accord Hub: use that version, or a newer one"


class Header(NamedTuple):
    """The first two lines: their bytes and what the second says."""

    raw: bytes
    fields: dict[str, Any]


def _from_passphrase(passphrase: Passphrase, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase.raw)


def _content_key(header: bytes, secret: bytes) -> bytes:
    return expand(extract(labelled_hash("backup", header), secret), "backup-key")


def _lines(fields: dict[str, Any]) -> bytes:
    return MAGIC + str(VERSION).encode() + b"\n" + canonical(fields) + b"\n"


def _aad(header: bytes, number: int, *, is_last: bool) -> bytes:
    return domain("backup-chunk") + labelled_hash("backup", header) + u64(number) + bytes([is_last])


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")  # the key is of this file alone


class Sealer:
    """Writes a container; `finish` makes it whole. `content_key` opens it again."""

    def __init__(self, file: IO[bytes], lock: Lock) -> None:
        if isinstance(lock, Passphrase):
            salt = os.urandom(SALT_BYTES)
            kdf = {"name": "scrypt", "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "salt": b64encode(salt)}
            fields: dict[str, Any] = {"for": "passphrase", "kdf": kdf}
            secret = _from_passphrase(lock, salt)
        else:
            once = OneTimeKey()
            fields = {"for": "key", "key": b64encode(lock.public), "onetimekey": b64encode(once.public)}
            secret = once.agree(lock.public)
        self._file = file
        self._header = _lines(fields)
        self.content_key = ContentKey(_content_key(self._header, secret))
        self._cipher = AESGCM(self.content_key.raw)
        self._waiting = bytearray()
        self._number = 0
        file.write(self._header)

    def write(self, data: bytes) -> None:
        """Add bytes; OSError."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:  # the last one is never empty, unless there is nothing at all
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> None:
        """Write the last chunk; OSError."""
        self._seal(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, *, is_last: bool) -> None:
        number, self._number = self._number, self._number + 1
        self._file.write(self._cipher.encrypt(_nonce(number), plain, _aad(self._header, number, is_last=is_last)))


def read_header(file: IO[bytes]) -> Header:
    """The header at the beginning of a file; BackupError."""
    first = file.readline(MAX_LINE_BYTES)
    version = first.removeprefix(MAGIC).removesuffix(b"\n")
    if not (first.startswith(MAGIC) and first.endswith(b"\n") and version.isdigit()):
        raise BackupError(NO_BACKUP)
    if int(version) > VERSION:
        raise BackupError(NEWER)
    second = file.readline(MAX_LINE_BYTES)
    try:
        fields = orjson.loads(second)
    except ValueError as error:
        raise BackupError(CUT_OR_CHANGED) from error
    if type(fields) is not dict or first + second != _safe_lines(fields):
        raise BackupError(CUT_OR_CHANGED)
    return Header(first + second, fields)


def _safe_lines(fields: dict[str, Any]) -> bytes:
    try:
        return _lines(fields)
    except AccordError:
        return b""


def content_key(header: Header, unlock: Unlock) -> ContentKey:
    """The key of the chunks, from what opens the file; BackupError where that is not for this one."""
    if isinstance(unlock, ContentKey):
        return unlock
    try:
        secret = _opened(header.fields, unlock)
    except (AccordError, KeyError, TypeError) as error:
        raise BackupError(CUT_OR_CHANGED) from error
    return ContentKey(_content_key(header.raw, secret))


def _opened(fields: dict[str, Any], unlock: Passphrase | SecretKey) -> bytes:
    if fields["for"] == "passphrase":
        if not isinstance(unlock, Passphrase):
            raise BackupError("this backup opens with a passphrase, not with a key")
        kdf = fields["kdf"]
        if (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) != ("scrypt", SCRYPT_N, SCRYPT_R, SCRYPT_P):
            raise BackupError(CUT_OR_CHANGED)  # nothing else was ever written: no file may ask for more memory
        return _from_passphrase(unlock, b64decode(kdf["salt"], SALT_BYTES))
    if fields["for"] != "key":
        raise BackupError(CUT_OR_CHANGED)
    if not isinstance(unlock, SecretKey):
        raise BackupError("this backup opens with the secret half of a key, not with a passphrase")
    if unlock.public != b64decode(fields["key"], KEY_BYTES):
        raise BackupError("this backup was made for another key")
    return OneTimeKey(unlock.raw).agree(b64decode(fields["onetimekey"], KEY_BYTES))


def recipient_of(header: Header) -> Recipient | None:
    """For whose key a backup was made; None where a passphrase opens it."""
    return Recipient(b64decode(header.fields["key"], KEY_BYTES)) if header.fields.get("for") == "key" else None


def opened(file: IO[bytes], header: Header, key: ContentKey) -> Iterator[bytes]:
    """The chunks behind the header, each as soon as it is proved; BackupError.

    Whoever uses them before the end must be able to undo it: a file that is cut off shows at the cut.
    """
    cipher = AESGCM(key.raw)
    number = 0
    sealed = file.read(CHUNK_BYTES + TAG_BYTES)
    while True:
        behind = file.read(CHUNK_BYTES + TAG_BYTES)
        try:
            plain = cipher.decrypt(_nonce(number), sealed, _aad(header.raw, number, is_last=not behind))
        except InvalidTag as error:
            first = "the passphrase or key is not the right one, or " if number == 0 else ""
            raise BackupError(first + CUT_OR_CHANGED) from error
        yield plain
        if not behind:
            return
        sealed, number = behind, number + 1
