"""What was said, as far as this device has read it, to be searched: `NAME.texts.sqlite3` beside the profile.

Each text is sealed with a key of the keystore and bound to its message; when a message came and when it burns stand
beside it. What burns or is deleted is overwritten. Not here: where texts come from (sealed.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord.encoding import b64decode, b64encode
from accord.messages import Message
from accord_client.database import open_database
from accord_client.profile import ProfileStore
from accord_client.render import TEXTS, body_of, text_of

NONCE_BYTES: Final = 12
FOREVER: Final = 2**53

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS text (ident BLOB PRIMARY KEY, created_at INTEGER, burn_at INTEGER, sealed BLOB);
CREATE INDEX IF NOT EXISTS text_time ON text (created_at);
CREATE INDEX IF NOT EXISTS text_burn ON text (burn_at);
CREATE TABLE IF NOT EXISTS gone (ident BLOB PRIMARY KEY);
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A text that was found. `talk` names the topic in which it lies."""

    ident: bytes
    talk: str
    author: bytes
    created_at: int
    text: str


class Texts:
    """One profile's texts, sealed with `key` (32 bytes)."""

    def __init__(self, profiles: ProfileStore, key: bytes) -> None:
        self._database = open_database(profiles.home / f"{profiles.name}.texts.sqlite3", _SCHEMA, is_durable=False)
        self._cipher = AESGCM(key)

    def __enter__(self) -> Texts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    @contextmanager
    def many(self) -> Iterator[Callable[[], None]]:
        """While many texts are taken: they are written together, each time that what it gives is called."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._go_on
        finally:
            self._database.execute("COMMIT")

    def _go_on(self) -> None:
        self._database.execute("COMMIT")
        self._database.execute("BEGIN IMMEDIATE")

    def take(self, message: Message) -> None:
        """Keep what a message says, in clear here; an edit changes it, a delete takes it away."""
        if message.type == "chat.delete":
            for _, ident in message.refs:
                self._delete(ident, by=message)
        elif message.type == "chat.edit" and message.refs:
            self._edit(message)
        elif message.type in TEXTS and body_of(message) is not None:
            value = {"text": text_of(message, body_of(message)), "at": message.created_at, "id": ""}
            self._put(message.id, {**value, "talk": message.topic.name, "from": b64encode(message.author)}, message)

    def _put(self, ident: bytes, value: dict[str, Any], message: Message) -> None:
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, orjson.dumps(value), ident)
        row = (ident, message.created_at, message.burn_at or FOREVER, sealed, ident)
        self._database.execute(
            "INSERT OR IGNORE INTO text SELECT ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM gone WHERE ident = ?)", row
        )

    def _open(self, ident: bytes, sealed: bytes) -> dict[str, Any] | None:
        try:
            value = orjson.loads(self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], ident))
        except (InvalidTag, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    def _held(self, ident: bytes) -> dict[str, Any] | None:
        row = self._database.execute("SELECT sealed FROM text WHERE ident = ?", (ident,)).fetchone()
        return None if row is None else self._open(ident, row[0])

    def _edit(self, edit: Message) -> None:
        ident, body = edit.refs[0][1], body_of(edit)
        held = self._held(ident)
        if held is None or body is None or (held["from"], held["talk"]) != (b64encode(edit.author), edit.topic.name):
            return
        if (edit.created_at, b64encode(edit.id)) < (held["at"], held["id"]):
            return
        nonce = os.urandom(NONCE_BYTES)
        value = {**held, "text": str(body["text"]), "at": edit.created_at, "id": b64encode(edit.id)}
        sealed = nonce + self._cipher.encrypt(nonce, orjson.dumps(value), ident)
        self._database.execute("UPDATE text SET sealed = ? WHERE ident = ?", (sealed, ident))

    def _delete(self, ident: bytes, *, by: Message) -> None:
        """The hub has judged the right: what it delivers as deleted is."""
        held = self._held(ident)
        if held is not None and held["talk"] != by.topic.name:
            return
        self._database.execute("INSERT OR IGNORE INTO gone VALUES (?)", (ident,))
        self._database.execute("DELETE FROM text WHERE ident = ?", (ident,))

    def burn(self, now: int) -> None:
        """Overwrite what has burned."""
        self._database.execute("DELETE FROM text WHERE burn_at <= ?", (now,))

    def search(self, words: str, *, now: int) -> Iterator[Found]:
        """The texts that hold all the words, whatever their case, the newest first."""
        self.burn(now)
        wanted = words.casefold().split()
        for ident, created_at, sealed in self._database.execute(
            "SELECT ident, created_at, sealed FROM text ORDER BY created_at DESC, ident DESC"
        ).fetchall():
            value = self._open(ident, sealed)
            if value is None:
                continue
            folded = value["text"].casefold()
            if all(word in folded for word in wanted):
                yield Found(ident, value["talk"], b64decode(value["from"], 32), created_at, value["text"])
