"""The statement `status`: whom a hub hears no more, for the hubs that it is linked with (protocol.md section 3).

What does not fit one statement comes in several of the same `seq`, its pages. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from accord import fields
from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.fields import Check, Field, optional
from accord.keys import SigningKey
from accord.statements import make_statement, verify_statement

STATUS_LIFE_MS: Final = 24 * 3600 * 1000
MAX_REMOVED_A_PAGE: Final = 4_000
MAX_PAGES: Final = 25
COUNT_LIMIT: Final = 2**53 - 1

_removed: Final = {"key": fields.key, "at": fields.time_ms}
_FIELDS: Final[dict[str, Field | Check]] = {
    "v": fields.exactly(1),
    "type": fields.exactly("status"),
    "hub": fields.key,
    "at": fields.time_ms,
    "sig": fields.octets(64),
    "seq": fields.integer(1, COUNT_LIMIT),
    "removed": optional(
        fields.list_of(lambda value: tuple(fields.read(value, _removed, "removed").values()), MAX_REMOVED_A_PAGE)
    ),
    "next_update": fields.time_ms,
    "page": optional(fields.integer(0, MAX_PAGES - 1)),
    "pages": optional(fields.integer(2, MAX_PAGES)),
}


@dataclass(frozen=True, slots=True)
class Status:
    """A page of what a hub says under one number: times in ms; `removed` are user keys and the times from which on what
    they sign is invalid there.
    """

    hub: bytes
    at: int
    seq: int
    removed: list[tuple[bytes, int]]
    next_update: int
    page: int = 0
    pages: int = 1


def make_status(hub: SigningKey, *, at: int, seq: int, removed: Sequence[tuple[bytes, int]]) -> list[dict[str, Any]]:
    """The signed statements, one a page; at least one. ValueError beyond MAX_PAGES."""
    pages = max(1, -(-len(removed) // MAX_REMOVED_A_PAGE))
    if pages > MAX_PAGES:
        raise ValueError(f"a status has at most {MAX_PAGES} pages")
    made = []
    for page in range(pages):
        some = sorted(removed[page * MAX_REMOVED_A_PAGE : (page + 1) * MAX_REMOVED_A_PAGE])
        said: dict[str, Any] = {"seq": seq, "next_update": at + STATUS_LIFE_MS}
        if some:
            said["removed"] = [{"key": b64encode(key), "at": since} for key, since in some]
        if pages > 1:
            said |= {"page": page, "pages": pages}
        made.append(make_statement(hub, type="status", at=at, **said))
    return made


def read_status(value: object, *, hub: bytes) -> Status:
    """A page that the hub of this key has signed; RemoteError: bad_request (form), wrong_server, bad_sig."""
    checked = fields.read(verify_statement(value, hub=hub, type="status"), _FIELDS, "status")
    removed: list[tuple[bytes, int]] = checked.get("removed", [])
    keys = [key for key, _ in removed]
    page, pages = checked.get("page", 0), checked.get("pages", 1)
    if keys != sorted(set(keys)):
        raise RemoteError("bad_request", "removed: rising and unique keys expected")
    if page >= pages or ("page" in checked) != ("pages" in checked):
        raise RemoteError("bad_request", "page and pages do not fit")
    if not checked["at"] < checked["next_update"] <= checked["at"] + STATUS_LIFE_MS:
        raise RemoteError("bad_request", "a status is renewed within a day")
    return Status(hub, checked["at"], checked["seq"], removed, checked["next_update"], page, pages)
