"""Certificates: how a user blesses a peer (protocol.md section 2).

Not here: revocation, which is a matter of messages held (a hub's peers app).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final, cast

from accord import fields
from accord.encoding import b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify

SERIAL_BYTES: Final = 16
DEFAULT_LIFE_MS: Final = 24 * 3600 * 1000
MAX_LIFE_MS: Final = 30 * 24 * 3600 * 1000
MAX_LIFE_ANYWHERE_MS: Final = 24 * 3600 * 1000
MAX_CLOCK_AHEAD_MS: Final = 5 * 60 * 1000
MAX_SERVERS: Final = 64
ANYWHERE: Final = b"*"


def _server(value: Any) -> bytes:
    return ANYWHERE if value == "*" else fields.key(value)


_TABLE: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("cert"),
    "userkey": fields.key,
    "clientkey": fields.key,
    "issued_at": fields.time_ms,
    "expiration": fields.time_ms,
    "scope": fields.list_of(fields.one_of("login", "mail", "relay"), 3),
    "servers": fields.list_of(_server, MAX_SERVERS, rising=True),
    "serial": fields.octets(SERIAL_BYTES),
    "signature": fields.octets(64),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A verified certificate; keys and serial are raw bytes, times ms since 1970 UTC."""

    user: bytes
    client: bytes
    issued_at: int
    expiration: int
    scope: tuple[str, ...]
    servers: tuple[bytes, ...]
    serial: bytes


def issue(
    user: SigningKey,
    *,
    client: bytes,
    servers: list[bytes],
    issued_at: int,
    life_ms: int = DEFAULT_LIFE_MS,
    scope: tuple[str, ...] = ("login",),
) -> dict[str, Any]:
    """A certificate as it goes on the wire; `servers` are hub keys, or [ANYWHERE]."""
    value: dict[str, Any] = {
        "v": 1,
        "type": "cert",
        "userkey": b64encode(user.public),
        "clientkey": b64encode(client),
        "issued_at": issued_at,
        "expiration": issued_at + life_ms,
        "scope": sorted(scope),
        "servers": ["*"] if servers == [ANYWHERE] else [b64encode(server) for server in sorted(servers)],
        "serial": b64encode(secrets.token_bytes(SERIAL_BYTES)),
    }
    return {**value, "signature": b64encode(user.sign("cert", canonical(value)))}


def verify_certificate(value: object, *, server: bytes | None, now: int) -> Certificate:
    """Check form, signature, life and audience at time `now` (ms) for the hub with key `server`; None: whichever hub it
    is for.

    RemoteError: bad_request or bad_encoding (form), bad_sig, unauthorized (not for this hub, not yet or no longer
    good).
    """
    checked = fields.read(value, _TABLE, "cert")
    signed = {name: item for name, item in cast(dict[str, Any], value).items() if name != "signature"}
    verify(checked["userkey"], "cert", canonical(signed), checked["signature"])
    if checked["scope"] != sorted(set(checked["scope"])):
        raise RemoteError("bad_request", "cert.scope: not in rising order")
    if checked["userkey"] == checked["clientkey"]:
        raise RemoteError("bad_request", "cert: a user key is not a client key")
    servers = tuple(checked["servers"])
    if ANYWHERE in servers and servers != (ANYWHERE,):
        raise RemoteError("bad_request", "cert.servers: * stands alone")
    life = checked["expiration"] - checked["issued_at"]
    if not 0 < life <= (MAX_LIFE_ANYWHERE_MS if servers == (ANYWHERE,) else MAX_LIFE_MS):
        raise RemoteError("unauthorized", "certificate lives too long or not at all")
    if checked["issued_at"] > now + MAX_CLOCK_AHEAD_MS:
        raise RemoteError("unauthorized", "certificate is from the future: is a clock wrong?")
    if checked["expiration"] <= now:
        raise RemoteError("unauthorized", "certificate has expired")
    if server is not None and servers != (ANYWHERE,) and server not in servers:
        raise RemoteError("unauthorized", "certificate is for another hub")
    return Certificate(
        user=checked["userkey"],
        client=checked["clientkey"],
        issued_at=checked["issued_at"],
        expiration=checked["expiration"],
        scope=tuple(checked["scope"]),
        servers=servers,
        serial=checked["serial"],
    )
