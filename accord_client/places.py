"""How far a person has read in each conversation, beside the profile: `NAME.places.sqlite3`.

Arrival numbers of the hub's store, as in protocol.md section 4; a store that was set up anew begins anew. Beside them
the last message that was read, by its time and id, which other devices of the person understand too (section 9).
Conversations are named by their topic, one with a person by `user:K`. Not here: what was said.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from accord_client.database import open_database
from accord_client.profile import ProfileStore

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS place (store TEXT, talk TEXT, cursor INTEGER, PRIMARY KEY (store, talk));
CREATE TABLE IF NOT EXISTS mark (talk TEXT PRIMARY KEY, at INTEGER, ident BLOB);
"""
NOWHERE: Final = (0, b"")
_BEGUN: Final = ""


class Places:
    """Read positions in one hub's `store`. Where none is kept for a conversation, what was there when this profile
    first looked is read.
    """

    def __init__(self, profiles: ProfileStore, store: str, *, newest: int) -> None:
        self._database = open_database(profiles.home / f"{profiles.name}.places.sqlite3", _SCHEMA, is_durable=False)
        self._store = store
        self._kept: dict[str, int] = dict(
            self._database.execute("SELECT talk, cursor FROM place WHERE store = ?", (store,)).fetchall()
        )
        marks = self._database.execute("SELECT talk, at, ident FROM mark").fetchall()
        self.marks: dict[str, tuple[int, bytes]] = {talk: (at, bytes(ident)) for talk, at, ident in marks}
        if _BEGUN not in self._kept:
            self.read(_BEGUN, newest)

    def __enter__(self) -> Places:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def at(self, talk: str) -> int:
        """The arrival number up to which a conversation was read."""
        return self._kept.get(talk, self._kept.get(_BEGUN, 0))

    def read(self, talk: str, cursor: int) -> None:
        """A conversation was read up to `cursor`; it never goes back."""
        if cursor <= self._kept.get(talk, -1):
            return
        self._kept[talk] = cursor
        self._database.execute(
            "INSERT INTO place VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cursor = max(cursor, excluded.cursor)",
            (self._store, talk, cursor),
        )

    def mark(self, talk: str, at: int, ident: bytes) -> bool:
        """The last message that was read, here or elsewhere: its created_at (ms) and id. Says whether it is a later one
        than was known.
        """
        if (at, ident) <= self.marks.get(talk, NOWHERE):
            return False
        self.marks[talk] = at, ident
        self._database.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?)", (talk, at, ident))
        return True

    def begun(self) -> list[str]:
        """The conversations with people that were opened here."""
        return [talk for talk in self._kept if talk.startswith("user:")]
