"""The secret keys that a device keeps for what is sealed, in `NAME.keys.sqlite3` (protocol.md section 7).

Box keys, halves of connections that wait for an answer, and the windows' keys of private channels; with them the signed
messages from which connections, spaces and epochs follow, so that a start need not read them all again. Keys are
deleted on time: box keys some weeks after they were published, windows' keys once everything under them has burned.
Not here: what the keys are for (sealed.py), what was said (texts.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final

import orjson

from accord.devices import RENEW_MS
from accord.epochs import window_at, window_key_at
from accord.errors import RemoteError
from accord.hpke import BoxKey
from accord.message_types import MAX_BOXKEY_LIFE_MS
from accord.messages import Message, envelope_json, parse_envelope, verify
from accord_client.database import open_database
from accord_client.profile import ProfileStore

KEEP_BOXKEY_MS: Final = RENEW_MS + MAX_BOXKEY_LIFE_MS  # from its publication: so long after its successor's
BURNING_SLACK_MS: Final = 60_000

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS boxkey (public BLOB PRIMARY KEY, private BLOB, created_at INTEGER);
CREATE TABLE IF NOT EXISTS half (conn_id BLOB PRIMARY KEY, other BLOB, private BLOB);
CREATE TABLE IF NOT EXISTS epoch (
    topic TEXT, ident BLOB, epoch INTEGER, win INTEGER, window_ms INTEGER, key BLOB, PRIMARY KEY (topic, ident)
);
CREATE TABLE IF NOT EXISTS control (ident BLOB PRIMARY KEY, topic TEXT, envelope BLOB);
CREATE INDEX IF NOT EXISTS control_topic ON control (topic);
CREATE TABLE IF NOT EXISTS came (store TEXT, topic TEXT, cursor INTEGER, PRIMARY KEY (store, topic));
CREATE TABLE IF NOT EXISTS counted (topic TEXT PRIMARY KEY, ident BLOB, count INTEGER);
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB);
"""


@dataclass(frozen=True, slots=True)
class EpochKey:
    """The key of the earliest window of an epoch that is still kept; later ones follow from it. `ident` names the
    epoch: its kid, or the id of its message where it came by the vault; of a connection the id of the accept.
    """

    topic: str
    ident: bytes
    epoch: int
    win: int
    window_ms: int
    key: bytes

    def window_key(self, win: int) -> bytes:
        """The key of a window; RemoteError("gone") where it is forgotten."""
        return window_key_at(self.key, self.win, win)


class Keystore:
    """One profile's keys. Use it as a context manager, or close it."""

    def __init__(self, profiles: ProfileStore) -> None:
        self._database = open_database(profiles.home / f"{profiles.name}.keys.sqlite3", _SCHEMA, is_durable=True)

    def __enter__(self) -> Keystore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # ------------------------------------------------------------------------------------------------------- box keys

    def add_boxkey(self, key: BoxKey, created_at: int) -> None:
        self._database.execute("INSERT INTO boxkey VALUES (?, ?, ?)", (key.public, key.private, created_at))

    def remove_boxkey(self, key: BoxKey) -> None:
        self._database.execute("DELETE FROM boxkey WHERE public = ?", (key.public,))

    def boxkeys(self) -> list[tuple[BoxKey, int]]:
        """The box keys of this device that are still kept and when they were published, the newest first."""
        rows = self._database.execute("SELECT private, created_at FROM boxkey ORDER BY created_at DESC").fetchall()
        return [(BoxKey(private), created_at) for private, created_at in rows]

    # ---------------------------------------------------------------------------------------------------- connections

    def add_half(self, conn_id: bytes, other: bytes, key: BoxKey) -> None:
        """Keep one's own half of a connection until it is answered."""
        self._database.execute("INSERT OR REPLACE INTO half VALUES (?, ?, ?)", (conn_id, other, key.private))

    def half(self, conn_id: bytes) -> BoxKey | None:
        row = self._database.execute("SELECT private FROM half WHERE conn_id = ?", (conn_id,)).fetchone()
        return None if row is None else BoxKey(row[0])

    def remove_half(self, conn_id: bytes) -> None:
        self._database.execute("DELETE FROM half WHERE conn_id = ?", (conn_id,))

    # --------------------------------------------------------------------------------------------------------- epochs

    def put_epoch(self, key: EpochKey) -> None:
        """Keep an epoch's key; of one that is known the earlier window stays."""
        self._database.execute(
            "INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET win = excluded.win, "
            "key = excluded.key WHERE excluded.win < win",
            (key.topic, key.ident, key.epoch, key.win, key.window_ms, key.key),
        )

    def epochs(self, topic: str, epoch: int) -> list[EpochKey]:
        """The keys held of that number: several where admins have made it at the same time."""
        rows = self._database.execute(
            "SELECT topic, ident, epoch, win, window_ms, key FROM epoch WHERE topic = ? AND epoch = ?", (topic, epoch)
        )
        return [EpochKey(*row) for row in rows]

    def all_epochs(self) -> list[EpochKey]:
        rows = self._database.execute("SELECT topic, ident, epoch, win, window_ms, key FROM epoch")
        return [EpochKey(*row) for row in rows]

    def forget_windows(self, topic: str, *, now: int, burn_ms: int) -> None:
        """Forget the keys of windows in which everything has burned, in a channel where all burns after `burn_ms`."""
        rows = self._database.execute(
            "SELECT topic, ident, epoch, win, window_ms, key FROM epoch WHERE topic = ?", (topic,)
        )
        for held in [EpochKey(*row) for row in rows]:
            # A message may say the window after its time's, and hubs' clocks differ.
            win = window_at(now - burn_ms - BURNING_SLACK_MS, held.window_ms) - 1
            if win > held.win:
                self._database.execute(
                    "UPDATE epoch SET win = ?, key = ? WHERE topic = ? AND ident = ?",
                    (win, held.window_key(win), topic, held.ident),
                )

    def forget_topic(self, topic: str) -> None:
        """Forget all keys of a channel."""
        self._database.execute("DELETE FROM epoch WHERE topic = ?", (topic,))

    def forget_old(self, now: int) -> None:
        """Delete the box keys to which nobody may have sealed for weeks."""
        self._database.execute("DELETE FROM boxkey WHERE created_at < ?", (now - KEEP_BOXKEY_MS,))

    # ------------------------------------------------------------------------------------------------------- messages

    def add_control(self, message: Message) -> bool:
        """Keep a control message as it was signed; says whether it is new."""
        envelope = orjson.dumps(envelope_json(message.header, message.sig, message.salt, message.body))
        row = (message.id, message.topic.name, envelope)
        return self._database.execute("INSERT OR IGNORE INTO control VALUES (?, ?, ?)", row).rowcount == 1

    def controls(self) -> Iterable[Message]:
        """All that are kept; what is damaged is passed over."""
        for (envelope,) in self._database.execute("SELECT envelope FROM control").fetchall():
            try:
                yield verify(parse_envelope(orjson.loads(envelope)))
            except (RemoteError, orjson.JSONDecodeError):
                continue

    def came(self, store: str, topic: str) -> int:
        """Up to which arrival number of a hub's store a topic was read; 0: not at all."""
        row = self._database.execute("SELECT cursor FROM came WHERE store = ? AND topic = ?", (store, topic)).fetchone()
        return 0 if row is None else int(row[0])

    def set_came(self, store: str, topics: Iterable[str], cursor: int) -> None:
        """These topics were read up to an arrival number."""
        self._database.executemany(
            "INSERT INTO came VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cursor = max(cursor, excluded.cursor)",
            [(store, topic, cursor) for topic in topics],
        )

    def counted(self, topic: str, epoch: bytes, count: int) -> int:
        """How many messages a channel had when its newest epoch was first asked about; `count`: how many it has now."""
        self._database.execute(
            "INSERT INTO counted VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ident = excluded.ident, "
            "count = excluded.count WHERE excluded.ident <> ident",
            (topic, epoch, count),
        )
        row = self._database.execute("SELECT count FROM counted WHERE topic = ?", (topic,)).fetchone()
        return int(row[0])

    def find_secret(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def set_secret(self, name: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO secret VALUES (?, ?)", (name, value))

    def secret(self, name: str) -> bytes:
        """A 32-byte key of that name, made when it is first asked for."""
        self._database.execute("INSERT OR IGNORE INTO secret VALUES (?, ?)", (name, secrets.token_bytes(32)))
        value = self._database.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()[0]
        return bytes(value)
