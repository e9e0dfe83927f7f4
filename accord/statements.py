"""Statements: what a hub says under its peer key (protocol.md section 3, "Statements")."""

from __future__ import annotations

from typing import Any, Final

from accord import fields
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify

STORE_ID_BYTES: Final = 16


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
