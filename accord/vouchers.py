"""What lets a stranger's message in without work (protocol.md section 10): a member's voucher, or a ticket for waiting.

A voucher is signed by a member, and goes to the stranger as a text or in a link; a ticket is a stateless note of the
hub. Whether the signer is a member, and that a ticket counts once, is the hub's business.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final, cast

from accord import fields
from accord.encoding import b64decode, b64encode, canonical, parse_canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.primitives import expand, labelled_hmac, same

SERIAL_BYTES: Final = 16
MAX_VOUCHER_LIFE_MS: Final = 30 * 24 * 3600 * 1000
MAX_VOUCHER_BYTES: Final = 1024  # in canonical form
MAX_CLOCK_AHEAD_MS: Final = 5 * 60 * 1000
WAIT_MS: Final = 10 * 60 * 1000
TICKET_LIFE_MS: Final = 70 * 60 * 1000  # from when it was given

_VOUCHER: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("voucher"),
    "hub": fields.key,
    "user": fields.key,
    "stranger": fields.key,
    "issued_at": fields.time_ms,
    "expires": fields.time_ms,
    "serial": fields.octets(SERIAL_BYTES),
    "sig": fields.octets(64),
}
_TICKET: Final = {
    "server": fields.key,
    "key": fields.key,
    "id": fields.octets(32),
    "given": fields.time_ms,
    "tag": fields.octets(32),
}


@dataclass(frozen=True, slots=True)
class Voucher:
    """A verified voucher: the keys of who vouches and for whom, when (ms) it ends."""

    user: bytes
    stranger: bytes
    expires: int
    serial: bytes


def make_voucher(
    user: SigningKey, *, hub: bytes, stranger: bytes, issued_at: int, life_ms: int = MAX_VOUCHER_LIFE_MS
) -> dict[str, Any]:
    """A voucher of `user` for mail of the key `stranger` at `hub`, as it goes on the wire."""
    value: dict[str, Any] = {
        "v": 1,
        "type": "voucher",
        "hub": b64encode(hub),
        "user": b64encode(user.public),
        "stranger": b64encode(stranger),
        "issued_at": issued_at,
        "expires": issued_at + life_ms,
        "serial": b64encode(secrets.token_bytes(SERIAL_BYTES)),
    }
    return {**value, "sig": b64encode(user.sign("voucher", canonical(value)))}


def verify_voucher(value: object, *, hub: bytes, stranger: bytes, now: int) -> Voucher:
    """Check a voucher that comes with a message by `stranger` to the hub of that key at `now` (ms).

    RemoteError: bad_request or bad_encoding (form), bad_sig, pow_needed (for another hub or stranger, not yet or no
    longer good, good for too long).
    """
    checked = fields.read(value, _VOUCHER, "voucher")
    signed = {name: item for name, item in cast(dict[str, Any], value).items() if name != "sig"}
    if checked["hub"] != hub or checked["stranger"] != stranger:
        raise RemoteError("pow_needed", "the voucher is for another hub or somebody else")
    if not 0 < checked["expires"] - checked["issued_at"] <= MAX_VOUCHER_LIFE_MS:
        raise RemoteError("pow_needed", "the voucher lives too long or not at all")
    if checked["issued_at"] > now + MAX_CLOCK_AHEAD_MS or checked["expires"] <= now:
        raise RemoteError("pow_needed", "the voucher is not good yet, or no longer")
    verify(checked["user"], "voucher", canonical(signed), checked["sig"])
    return Voucher(checked["user"], checked["stranger"], checked["expires"], checked["serial"])


def show_voucher(voucher: dict[str, Any]) -> str:
    """A voucher as the text that people pass on."""
    return b64encode(canonical(voucher))


def voucher_link(origin: str, name: str, voucher: dict[str, Any]) -> str:
    """The address at which a stranger writes to the member `name` with this voucher; no server sees the fragment."""
    return f"{origin}/to/{name}#voucher={show_voucher(voucher)}"


def read_voucher(text: object) -> dict[str, Any]:
    """The voucher of a text, as it goes on the wire: in form, but not verified.

    RemoteError: bad_encoding, bad_request, too_big.
    """
    value = parse_canonical(b64decode(text), max_bytes=MAX_VOUCHER_BYTES)
    fields.read(value, _VOUCHER, "voucher")
    return cast(dict[str, Any], value)


def _ticket_tag(secret: bytes, rest: dict[str, Any]) -> bytes:
    return labelled_hmac(expand(secret, "wait-tag"), canonical(rest))


def make_ticket(secret: bytes, *, server: bytes, key: bytes, ident: bytes, now: int) -> dict[str, Any]:
    """A ticket for the message `ident` of `key`, good from WAIT_MS to TICKET_LIFE_MS after `now` (ms).

    `secret` is 32 bytes that only the hub knows.
    """
    rest = {"server": b64encode(server), "key": b64encode(key), "id": b64encode(ident), "given": now}
    return {**rest, "tag": b64encode(_ticket_tag(secret, rest))}


def check_ticket(secret: bytes, ticket: object, *, server: bytes, key: bytes, ident: bytes, now: int) -> None:
    """Return if the stranger has waited for this message.

    RemoteError: bad_request (form), pow_needed for a ticket that this hub did not give, that is for something else,
    or whose time has not come (retry_ms says when it will) or is over.
    """
    checked = fields.read(ticket, _TICKET, "ticket")
    rest = {name: value for name, value in cast(dict[str, Any], ticket).items() if name != "tag"}
    if not same(_ticket_tag(secret, rest), checked["tag"]):
        raise RemoteError("pow_needed", "this hub did not give that ticket")
    if checked["server"] != server or checked["key"] != key or checked["id"] != ident:
        raise RemoteError("pow_needed", "the ticket is for something else")
    waited = now - checked["given"]
    if waited < WAIT_MS:
        raise RemoteError("pow_needed", "the ticket's time has not come", retry_ms=WAIT_MS - waited)
    if waited >= TICKET_LIFE_MS:
        raise RemoteError("pow_needed", "the ticket's time is over")
