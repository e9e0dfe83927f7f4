"""Statements: what a hub says under its peer key (protocol.md section 3, "Statements")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from accord import fields
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify

STORE_ID_BYTES: Final = 16
MAX_ALSO: Final = 64  # keys that stand for a hub's admin beside the one that has the account

_ALSO: Final[dict[str, fields.Field | fields.Check]] = {"user": fields.key, "until": fields.optional(fields.time_ms)}


def make_statement(server: SigningKey, *, type: str, at: int, **rest: Any) -> dict[str, Any]:
    """A signed statement of the hub at time `at` (ms)."""
    value = {"v": 1, "type": type, "hub": b64encode(server.public), "at": at, **rest}
    return {**value, "sig": b64encode(server.sign("statement", canonical(value)))}


def verify_statement(value: object, *, hub: bytes | None = None, type: str | None = None) -> dict[str, Any]:
    """The statement, if the hub that it names signed it; `hub` and `type` are what the caller expects. RemoteError."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise RemoteError("bad_request", "statement expected")
    fields.exactly(1)(value.get("v"))
    if type is not None and value["type"] != type:
        raise RemoteError("bad_request", f"a statement of type {type} expected")
    fields.time_ms(value.get("at"))
    key = b64decode(value.get("hub"), 32)
    if hub is not None and key != hub:
        raise RemoteError("wrong_server", "statement of another hub")
    signed = {name: item for name, item in value.items() if name != "sig"}
    verify(key, "statement", canonical(signed), b64decode(value.get("sig"), 64))
    return value


@dataclass(frozen=True, slots=True)
class HubAdmin:
    """Who administers a hub, by its `set_admin`: the key that has the admin's account, and the keys that stand for it
    too. These are earlier ones, for what they signed until a time (ms), and for good (None) the one with which the
    hub's own commands sign.
    """

    user: bytes
    also: tuple[tuple[bytes, int | None], ...] = ()

    def has(self, key: bytes, at: int) -> bool:
        """Whether what a key signed at a time (ms) counts as the admin's."""
        return key == self.user or any(key == other and (until is None or at <= until) for other, until in self.also)


def admin_of(value: dict[str, Any]) -> HubAdmin:
    """What a `set_admin` says, whose signature was looked at before; RemoteError where it has not its form."""
    user, listed = fields.key(value.get("user")), value.get("also")
    if listed is None:
        return HubAdmin(user)
    read = fields.list_of(fields.record(_ALSO, "also"), MAX_ALSO, unique_by="user")(listed)
    if any(item["user"] == user for item in read):
        raise RemoteError("bad_request", "also: other keys than that of the account")
    return HubAdmin(user, tuple((item["user"], item.get("until")) for item in read))


def read_admin(value: object, *, hub: bytes | None = None) -> HubAdmin:
    """The admin by a `set_admin`, if the hub that it names signed it; RemoteError."""
    return admin_of(verify_statement(value, hub=hub, type="set_admin"))


def also_json(also: tuple[tuple[bytes, int | None], ...]) -> list[dict[str, Any]]:
    """Those keys as the statement has them."""
    return [{"user": b64encode(key), **({} if until is None else {"until": until})} for key, until in also]
