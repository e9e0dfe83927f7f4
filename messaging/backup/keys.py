"""To whom a backup is sealed, and who opens it: a passphrase, or a key pair of which the hub knows the public half.

A key is written with a word in front that says which half it is, and with a check, so that a slip in copying is found
before anything is sealed to a key that nobody has.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.keys import KEY_BYTES, OneTimeKey
from accord.primitives import labelled_hash

LEAST_PASSPHRASE_CHARS: Final = 12
MAX_SECRET_FILE_BYTES: Final = 4096
CHECK_BYTES: Final = 4
PUBLIC: Final = "accord-backup-public-"
SECRET: Final = "accord-backup-secret-"  # noqa: S105 - the word in front of one


class BackupError(Exception):
    """A backup cannot be made or read; the text is for the operator."""


@dataclass(frozen=True)
class Passphrase:
    """Words that the operator remembers or keeps elsewhere."""

    text: str

    @property
    def raw(self) -> bytes:
        """As it goes into the key: one form of Unicode, so that another keyboard gives the same."""
        return unicodedata.normalize("NFC", self.text).encode()

    def __repr__(self) -> str:
        return "Passphrase()"


@dataclass(frozen=True)
class Recipient:
    """The public half of a key pair."""

    public: bytes


@dataclass(frozen=True)
class SecretKey:
    """The half that opens what was sealed to the other."""

    raw: bytes

    @property
    def public(self) -> bytes:
        """The other half."""
        return OneTimeKey(self.raw).public

    def __repr__(self) -> str:
        return "SecretKey()"


@dataclass(frozen=True)
class ContentKey:
    """The key of one backup's chunks, which the hub keeps of its newest one for the drill."""

    raw: bytes

    def __repr__(self) -> str:
        return "ContentKey()"


Lock = Passphrase | Recipient
Unlock = Passphrase | SecretKey | ContentKey


def _check(word: str, key: bytes) -> bytes:
    return labelled_hash("backup-key-check", word.encode() + key)[:CHECK_BYTES]


def _written(word: str, key: bytes) -> str:
    return word + b64encode(key + _check(word, key))


def _read(word: str, text: str) -> bytes:
    if not text.startswith(word):
        raise BackupError(f"a key that begins with {word} is expected")
    try:
        raw = b64decode(text.removeprefix(word), KEY_BYTES + CHECK_BYTES)
    except RemoteError as error:
        raise BackupError("the backup key is not whole") from error
    key, check = raw[:KEY_BYTES], raw[KEY_BYTES:]
    if check != _check(word, key):
        raise BackupError("the backup key has been miswritten somewhere: its check does not fit")
    return key


def pair_create() -> tuple[str, str]:
    """A new key pair as text: public half, secret half."""
    secret = SecretKey(os.urandom(KEY_BYTES))
    return _written(PUBLIC, secret.public), _written(SECRET, secret.raw)


def read_public(text: str) -> Recipient:
    """A public half as `backup_key` printed it; BackupError."""
    return Recipient(_read(PUBLIC, text.strip()))


def read_secret(text: str) -> SecretKey:
    """A secret half; BackupError."""
    return SecretKey(_read(SECRET, text.strip()))


def checked_passphrase(text: str) -> Passphrase:
    """A passphrase that may seal something; BackupError for one that can be guessed too easily."""
    if len(text) < LEAST_PASSPHRASE_CHARS:
        raise BackupError(f"a passphrase has at least {LEAST_PASSPHRASE_CHARS} characters")
    return Passphrase(text)


def secret_file(path: Path) -> str:
    """The first line of a file that only its owner may read; BackupError."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise BackupError(f"{path} can be read by others: chmod 600 it")
            raw = file.read(MAX_SECRET_FILE_BYTES + 1)
    except OSError as error:
        raise BackupError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BackupError(f"{path} is not text") from error
    line = text.partition("\n")[0].removesuffix("\r")
    if not line or len(raw) > MAX_SECRET_FILE_BYTES:
        raise BackupError(f"{path}: one line with the passphrase or key is expected")
    return line
