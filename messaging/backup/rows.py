"""All tables of a hub at one moment, and again in an empty database; the roots of its topics, computed from the rows.

Read beside the hub on a connection of its own, within one read transaction: nobody waits, and all is of one moment.
What is written is a new database without what lay in freed pages. The roots are computed from the message table alone
(protocol.md section 5), so they say of a copy whether it holds the same messages, whatever its trees say. Not here: the
file (container.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from accord.merkle import EMPTY, bucket_of, root_of
from accord.topics import Topic as TopicName
from messaging.backup.keys import BackupError
from messaging.models import Message, Store, Topic
from messaging.trees import BURN_MARGIN_MS

ROWS_A_PART: Final = 256
BUSY_SECONDS: Final = 20.0
# Their rows let somebody in: sessions and links of the console, tokens of the API. A copy begins without.
LEFT_OUT: Final = frozenset({"django_session", "console_entrylink", "peers_token"})
SEQUENCES: Final = "sqlite_sequence"

_SCHEMA: Final = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
_TREE: Final = (
    f"SELECT created_at, ident FROM {Message._meta.db_table} WHERE topic_id = ? AND created_at >= ? "  # noqa: S608
    "AND (burn_at IS NULL OR burn_at > ?) ORDER BY created_at"
)


class Entry(NamedTuple):
    """A line of a database's schema: `type` is table, index, trigger or view."""

    type: str
    name: str
    sql: str


class TopicRoot(NamedTuple):
    """A topic's tree as of a moment: root, number of messages, horizon (ms)."""

    root: bytes
    messages: int
    horizon: int


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def one_moment(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, and sees the database of that file as it is now until the end; BackupError."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as database:
            database.execute("PRAGMA query_only=ON")
            database.execute("BEGIN")
            database.execute(f"SELECT cursor FROM {Store._meta.db_table}").fetchone()  # noqa: S608 - from here on
            yield database
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be read: {error}") from error


def schema(database: sqlite3.Connection) -> list[Entry]:
    """What the database has been made of, in that order."""
    return [Entry(*row) for row in database.execute(_SCHEMA) if row[2]]


def tables(entries: list[Entry], database: sqlite3.Connection) -> list[str]:
    """The tables whose rows belong into a copy."""
    found = [entry.name for entry in entries if entry.type == "table"]
    has_sequences = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [SEQUENCES]).fetchone()
    return [*found, *([SEQUENCES] if has_sequences else [])]


def columns(database: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table that hold something of their own."""
    return [row[1] for row in database.execute(f"PRAGMA table_xinfo({_named(table)})") if row[6] == 0]


def count(database: sqlite3.Connection, table: str) -> int:
    """How many rows."""
    found: int = database.execute(f"SELECT count(*) FROM {_named(table)}").fetchone()[0]  # noqa: S608
    return 0 if table in LEFT_OUT else found


def rows(database: sqlite3.Connection, table: str, names: list[str]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a table, some at a time."""
    if table in LEFT_OUT:
        return
    cursor = database.execute(f"SELECT {', '.join(map(_named, names))} FROM {_named(table)}")  # noqa: S608
    while some := cursor.fetchmany(ROWS_A_PART):
        yield some


# Writing


def create_tables(database: sqlite3.Connection, entries: list[Entry]) -> None:
    """Make the tables of an empty database; nothing else yet, for what has no index is filled faster."""
    for entry in entries:
        if entry.type == "table":
            database.execute(entry.sql)


def insert(database: sqlite3.Connection, table: str, names: list[str], some: Iterator[tuple[Any, ...]]) -> None:
    """Add rows."""
    places = ", ".join("?" * len(names))
    listed = ", ".join(map(_named, names))
    database.executemany(f"INSERT INTO {_named(table)} ({listed}) VALUES ({places})", some)  # noqa: S608


def create_rest(database: sqlite3.Connection, entries: list[Entry]) -> None:
    """Make indexes and whatever else there is besides tables."""
    for entry in entries:
        if entry.type != "table":
            database.execute(entry.sql)


def faults(database: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with a database as such, in words."""
    for (line,) in database.execute("PRAGMA quick_check(5)"):
        if line != "ok":
            yield line
    for table, *_ in database.execute("PRAGMA foreign_key_check").fetchmany(5):
        yield f"a row of {table} refers to one that is not there"


# Roots


def roots(database: sqlite3.Connection, at: int) -> dict[str, TopicRoot]:
    """The root of every topic's tree as of a moment (ms) that is not before any burning that was done, by name; topics
    without messages are left out.
    """
    found = {}
    listed = f"SELECT id, kind, ident, horizon FROM {Topic._meta.db_table}"  # noqa: S608
    for topic_id, kind, ident, horizon in database.execute(listed).fetchall():
        root, messages = root_of(_by_leaf(database.execute(_TREE, [topic_id, horizon, at + BURN_MARGIN_MS])))
        if root != EMPTY:
            found[TopicName(kind, bytes(ident)).name] = TopicRoot(root, messages, horizon)
    return found


def _by_leaf(read: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for _, leaf in groupby(read, key=lambda row: bucket_of(row[0], 0)):
        yield from sorted(leaf, key=lambda row: row[1])
