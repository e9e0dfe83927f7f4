"""What is in place beside what would be: people, messages, roots, when. Both databases are read at one moment each.

Names of messages are their ids, so a message counts as lost if no message with its id is there. Not here: how it is
shown (console/restores.py).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from accord.encoding import b64encode
from accord.topics import Topic as TopicName
from messaging.backup import rows as tables_of
from messaging.models import Message, Store, Topic
from messaging.trees import as_of
from peers.models import Account, User

NAMES_LISTED: Final = 200
TOPICS_LISTED: Final = 30
BUSY_SECONDS: Final = 20.0
NAME_CHARS: Final = 8  # of the key of a topic that has no name

_MESSAGE: Final = Message._meta.db_table
_TOPIC: Final = Topic._meta.db_table
_PEOPLE: Final = (
    f"SELECT u.key, a.name FROM {{0}}.{Account._meta.db_table} a "  # noqa: S608
    f"JOIN {{0}}.{User._meta.db_table} u ON u.id = a.user_id WHERE a.kind = 'real'"
)
_TOPICS: Final = f"SELECT id, kind, ident, name, count FROM {{0}}.{_TOPIC}"  # noqa: S608
_MISSING: Final = (
    f"SELECT m.topic_id, count(*) FROM {{0}}.{_MESSAGE} m "  # noqa: S608
    f"WHERE NOT EXISTS (SELECT 1 FROM {{1}}.{_MESSAGE} o WHERE o.ident = m.ident) GROUP BY m.topic_id"
)
_UNDELETED: Final = (
    f"SELECT count(*) FROM main.{_MESSAGE} m JOIN there.{_MESSAGE} o ON o.ident = m.ident "  # noqa: S608
    "WHERE m.body IS NULL AND o.body IS NOT NULL"
)
_HELD: Final = f"SELECT count(*), max(created_at) FROM {{0}}.{_MESSAGE}"  # noqa: S608


def compared(here: Path, there: Path, *, now: int) -> dict[str, Any]:
    """Compare the hub's database with a staged one, both of this version: plain values for JSON. sqlite3.Error.

    people    {here, there: numbers, gone, back: names (at most NAMES_LISTED), gone_number, back_number}
    messages  {here, there, lost, back, undeleted: numbers, newest_here, newest_there: ms or null}
    topics    {same, other: numbers of topics by root, rows: [[name, here, there, lost, back, is_same]]}
    cursor    the arrival number up to which this hub was looked at; at: when (ms)
    """
    with closing(
        sqlite3.connect(f"file:{here}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    ) as database:
        database.execute("ATTACH DATABASE ? AS there", [f"file:{there}?mode=ro"])
        database.execute("PRAGMA query_only=ON")
        database.execute("BEGIN")
        (cursor,) = database.execute(f"SELECT cursor FROM {Store._meta.db_table}").fetchone()  # noqa: S608
        found = {"at": now, "cursor": cursor, "people": _people(database)}
        names = {key: name for key, name, *_ in (*_both(database, _PEOPLE, "there"), *_both(database, _PEOPLE, "main"))}
        found["messages"], missing = _messages(database)
        with closing(sqlite3.connect(f"file:{there}?mode=ro", uri=True)) as other:
            roots = [tables_of.roots(each, as_of(now)) for each in (database, other)]
        found["topics"] = _topics(database, names, missing, roots)
    return found


def _both(database: sqlite3.Connection, query: str, schema: str) -> list[tuple[Any, ...]]:
    return database.execute(query.format(schema)).fetchall()


def _people(database: sqlite3.Connection) -> dict[str, Any]:
    here, there = (dict(_both(database, _PEOPLE, schema)) for schema in ("main", "there"))
    gone = sorted(here[key] for key in here.keys() - there.keys())
    back = sorted(there[key] for key in there.keys() - here.keys())
    return {
        "here": len(here),
        "there": len(there),
        "gone": gone[:NAMES_LISTED],
        "gone_number": len(gone),
        "back": back[:NAMES_LISTED],
        "back_number": len(back),
    }


def _messages(database: sqlite3.Connection) -> tuple[dict[str, Any], tuple[dict[int, int], dict[int, int]]]:
    lost = dict(database.execute(_MISSING.format("main", "there")).fetchall())
    back = dict(database.execute(_MISSING.format("there", "main")).fetchall())
    (here, newest_here), (there, newest_there) = (_both(database, _HELD, schema)[0] for schema in ("main", "there"))
    numbers = {
        "here": here,
        "there": there,
        "lost": sum(lost.values()),
        "back": sum(back.values()),
        "undeleted": database.execute(_UNDELETED).fetchone()[0],
        "newest_here": newest_here,
        "newest_there": newest_there,
    }
    return numbers, (lost, back)


def _topics(
    database: sqlite3.Connection,
    names: dict[bytes, str],
    missing: tuple[dict[int, int], dict[int, int]],
    roots: list[dict[str, tables_of.TopicRoot]],
) -> dict[str, Any]:
    """Each topic that holds something on either side; those that differ most come first."""
    rows: dict[str, list[Any]] = {}
    for side, schema in enumerate(("main", "there")):
        for pk, kind, ident, name, held in _both(database, _TOPICS, schema):
            key = TopicName(kind, bytes(ident)).name
            row = rows.setdefault(key, [_name(kind, bytes(ident), name, names), 0, 0, 0, 0])
            row[1 + side] = held
            row[3 + side] = missing[side].get(pk, 0)
    shown = [
        [*row, roots[0].get(key) == roots[1].get(key) and row[3] == row[4] == 0]
        for key, row in rows.items()
        if row[1] or row[2]
    ]
    shown.sort(key=lambda row: (row[5], -row[3] - row[4], -row[1], row[0]))
    same = sum(row[5] for row in shown)
    return {"same": same, "other": len(shown) - same, "rows": shown[:TOPICS_LISTED]}


def _name(kind: str, ident: bytes, name: str, names: dict[bytes, str]) -> str:
    """What people call a topic."""
    short = f"{b64encode(ident)[:NAME_CHARS]}…"
    if kind == "chan":
        return f"#{name}" if name else f"channel {short}"
    if kind == "hub":
        return "what is said to the hub itself"
    words = {"feed": "feed of", "user": "inbox of"}
    return f"{words.get(kind, kind)} {names.get(ident, short)}"
