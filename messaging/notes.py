"""What people say about others, in their own feeds: `identity.note` (protocol.md section 14).

A note is signed by who wrote it, and stands where everybody may read it. Of each author the one with the latest
`last_update` counts. Not here: who believes whom, which is for readers to judge; where the addresses lead
(discovery/notes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db.models import QuerySet

from accord.encoding import b64decode
from accord.messages import Message as SignedMessage
from messaging.listing import api_item
from messaging.models import Mention, Message
from messaging.selectors import Reader
from messaging.stored import item_bytes
from messaging.topic_rows import account_names, homes_of, hub_names
from peers import registry

MAX_NOTES: Final = 100  # about one person
MAX_LOOKED_AT: Final = 2_000  # the newest, of all that is held

# A condition on a constant, not on a parameter: only so does SQLite see that the index on notes alone is enough.
_IS_NOTE: Final = f"{Message._meta.db_table}.type = 'identity.note'"


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its author's key and account name (None: no account here), the message as an item of the API."""

    author: bytes
    name: str | None
    item: bytes


@dataclass(frozen=True, slots=True)
class Noted:
    """Somebody of whom others know: the account name here, else the hub that serves them, as far as either is known."""

    key: bytes
    name: str | None
    hub: bytes | None
    hub_name: str | None
    notes: list[Note]


@registry.stores("identity.note")
def note_concerns(message: SignedMessage, body: dict[str, Any], now: int) -> list[bytes]:
    """Whoever follows a key hears of what is said about it."""
    other: bytes = body["other_user"]
    return [other]


def notes_about(key: bytes, reader: Reader) -> list[Note]:
    """What others say of a key, each author's newest, the latest first."""
    named = Mention.objects.filter(user__key=key).values("message_id")
    return _newest(_notes(reader).filter(cursor__in=named)).get(key, [])


def noted(reader: Reader, *, limit: int, after: bytes = b"") -> list[Noted]:
    """Of whom there are notes, by key."""
    found = _newest(_notes(reader))
    keys = sorted(key for key in found if key > after)[:limit]
    names = account_names(keys)
    homes = homes_of([key for key in keys if key not in names], now=reader.now)
    called = hub_names(list(homes.values()))
    return [Noted(key, names.get(key), homes.get(key), called.get(homes.get(key, b"")), found[key]) for key in keys]


def _notes(reader: Reader) -> QuerySet[Message]:
    return reader.rows().filter(body__isnull=False, salt__isnull=False).extra(where=[_IS_NOTE])  # noqa: S610 - a constant


def _newest(rows: QuerySet[Message]) -> dict[bytes, list[Note]]:
    """By the key that they are about: each author's newest note, the latest first, at most MAX_NOTES."""
    columns = ("cursor", "ident", "created_at", "author__key", "header", "sig", "salt", "body")
    best: dict[tuple[bytes, bytes], tuple[tuple[int, int, bytes], bytes]] = {}
    for cursor, ident, created_at, author, *blobs in rows.order_by("-cursor")[:MAX_LOOKED_AT].values_list(*columns):
        said = _read(blobs[-1])
        if said is not None:
            other, last_update = said
            place = (last_update, created_at, bytes(ident))
            held = best.get((other, bytes(author)))
            if held is None or held[0] < place:
                best[other, bytes(author)] = (place, api_item(bytes(ident), item_bytes(cursor, *blobs)))
    names = account_names(list({author for _, author in best}))
    found: dict[bytes, list[Note]] = {}
    for (other, author), (_, item) in sorted(best.items(), key=lambda entry: entry[1][0], reverse=True):
        notes = found.setdefault(other, [])
        if len(notes) < MAX_NOTES:
            notes.append(Note(author, names.get(author), item))
    return found


def _read(body: bytes) -> tuple[bytes, int] | None:
    """Whom it is about and when it was last true; None where the body is sealed."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return b64decode(value["other_user"], 32), value["last_update"]
