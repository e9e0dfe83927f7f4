"""Sealed messages that a report opens: who reports hands over the key of a message, which opens that one alone
(protocol.md sections 7 and 8).

The hub keeps the keys with the report and shows the sealed messages to whoever is to judge; what they say is worked out
where they are shown, each time from what the author signed. Not here: whose turn it is (reports.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from accord.bodies import MESSAGE_KEY_BYTES, open_with_message_key
from accord.errors import RemoteError
from accord.message_types import RULES, check_type, read_plaintext
from accord.messages import envelope_json, parse_envelope, verify
from messaging.models import Message
from messaging.selectors import Reader, not_burned

IDENT_BYTES: Final = 32
_ENTRY_BYTES: Final = IDENT_BYTES + MESSAGE_KEY_BYTES


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody has written, as their signature over it shows; `wrong` instead says why it cannot be shown.

    `at` in ms; `files` are the 32-byte ids of the blobs that it names.
    """

    ident: bytes
    at: int
    text: str
    files: tuple[bytes, ...]
    wrong: str = ""


def keys_kept(given: Iterable[Mapping[str, bytes]], *, reported: bytes, reader: Reader) -> bytes:
    """Of the keys in a report those that are for messages which the reported wrote and the reporter may read here, as
    they are stored: ids and keys, joined.
    """
    keys = {entry["id"]: entry["key"] for entry in given}
    rows = reader.rows().filter(ident__in=list(keys), author__key=reported, body__isnull=False)
    held = {bytes(ident) for ident in rows.values_list("ident", flat=True)}
    return b"".join(ident + key for ident, key in keys.items() if ident in held)


def keys_of(joined: bytes) -> dict[bytes, bytes]:
    """The keys of a report by message id."""
    entries = (joined[start : start + _ENTRY_BYTES] for start in range(0, len(joined), _ENTRY_BYTES))
    return {entry[:IDENT_BYTES]: entry[IDENT_BYTES:] for entry in entries}


def told(joined: bytes, *, author: bytes, now: int) -> Iterator[Told]:
    """What the messages say that a report opens; those that have burned or been deleted meanwhile say nothing."""
    for ident, key in keys_of(joined).items():
        row = Message.objects.filter(not_burned(now), ident=ident, author__key=author, body__isnull=False).first()
        if row is None:
            yield Told(ident, 0, "", (), "it has been deleted, or has burned")
            continue
        try:
            yield _opened(row, key)
        except RemoteError:
            yield Told(ident, row.created_at, "", (), "the key does not open it: whoever reports has given another one")


def _opened(row: Message, key: bytes) -> Told:
    raw = [None if part is None else bytes(part) for part in (row.salt, row.body)]
    message = verify(parse_envelope(envelope_json(orjson.loads(bytes(row.header)), bytes(row.sig), *raw)))
    check_type(message)
    plaintext = open_with_message_key(message, key)
    if message.type not in RULES:
        raise RemoteError("unsupported", "nothing is known of such messages")
    body = read_plaintext(message.type, plaintext)
    files = tuple(file["blob"] for file in body.get("files", []))
    return Told(message.id, message.created_at, str(body.get("text") or body.get("emoji") or ""), files)
