"""Proof of work for strangers (protocol.md section 10): a stateless challenge, its solution, its check.

Accepting a solution only once is the hub's business, as is the price.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, Final, cast

from accord import fields
from accord.encoding import b64encode, canonical
from accord.errors import RemoteError
from accord.primitives import domain, expand, labelled_hash, labelled_hmac, same, u64

DEFAULT_DIFFICULTY: Final = 18
MAX_DIFFICULTY: Final = 22
MAX_LIFE_MS: Final = 10 * 60 * 1000
NONCE_BYTES: Final = 16
PROGRESS_STEP: Final = 65_536

_TABLE: Final = {
    "server": fields.key,
    "key": fields.key,
    "purpose": fields.one_of("mail"),
    "difficulty": fields.integer(0, 256),
    "expires": fields.time_ms,
    "nonce": fields.octets(NONCE_BYTES),
    "tag": fields.octets(32),
}
_D_POW = domain("pow")


def _tag_key(secret: bytes) -> bytes:
    return expand(secret, "pow-tag")


def make_challenge(
    secret: bytes, *, server: bytes, key: bytes, purpose: str, difficulty: int, now: int, nonce: bytes | None = None
) -> dict[str, Any]:
    """A challenge for messages of `key`, good for MAX_LIFE_MS from `now` (ms).

    `secret` is 32 bytes that only the hub knows.
    """
    rest = {
        "server": b64encode(server),
        "key": b64encode(key),
        "purpose": purpose,
        "difficulty": difficulty,
        "expires": now + MAX_LIFE_MS,
        "nonce": b64encode(secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce),
    }
    return {**rest, "tag": b64encode(labelled_hmac(_tag_key(secret), canonical(rest)))}


def challenge_hash(challenge: dict[str, Any], bind: bytes) -> bytes:
    """`ch` of section 10; `bind` is the 32-byte id of the message."""
    return labelled_hash("pow-challenge", canonical(challenge) + bind)


def work(ch: bytes, counter: int) -> bytes:
    """The 32-byte hash whose leading zero bits are counted."""
    return hashlib.sha256(_D_POW + ch + u64(counter)).digest()


def check_work(ch: bytes, counter: int, difficulty: int) -> None:
    """Return if the hash has `difficulty` leading zero bits; else RemoteError("pow_needed")."""
    if int.from_bytes(work(ch, counter), "big") >> (256 - difficulty):
        raise RemoteError("pow_needed", "the counter is no solution")


def solve(challenge: dict[str, Any], bind: bytes, progress: Callable[[int], None] | None = None) -> int:
    """The smallest counter that solves the challenge; `progress` gets the number tried, every PROGRESS_STEP.

    RemoteError("bad_request") for a challenge of another form or a price above MAX_DIFFICULTY: a hub must not be able
    to keep its clients busy for ever.
    """
    difficulty = fields.read(challenge, _TABLE, "challenge")["difficulty"]
    if difficulty > MAX_DIFFICULTY:
        raise RemoteError("bad_request", f"challenge.difficulty: at most {MAX_DIFFICULTY} expected")
    ch = challenge_hash(challenge, bind)
    prefix = hashlib.sha256(_D_POW + ch)
    limit = 1 << (256 - difficulty)
    counter = 0
    while True:
        attempt = prefix.copy()
        attempt.update(u64(counter))
        if int.from_bytes(attempt.digest(), "big") < limit:
            return counter
        counter += 1
        if progress and counter % PROGRESS_STEP == 0:
            progress(counter)


def check_solution(
    secret: bytes, challenge: object, counter: object, *, server: bytes, key: bytes, purpose: str, bind: bytes, now: int
) -> bytes:
    """Check a stranger's work for the message `bind` by `key`.

    Gives the challenge's nonce, for the hub to take it once.
    RemoteError("pow_needed") for a challenge of another hub, key or purpose, a forged or expired one, or too little
    work; RemoteError("bad_request") for one of another form.
    """
    checked = fields.read(challenge, _TABLE, "challenge")
    given = cast(dict[str, Any], challenge)
    rest = {name: value for name, value in given.items() if name != "tag"}
    if not same(labelled_hmac(_tag_key(secret), canonical(rest)), checked["tag"]):
        raise RemoteError("pow_needed", "this hub did not give that challenge")
    if checked["server"] != server or checked["key"] != key or checked["purpose"] != purpose:
        raise RemoteError("pow_needed", "the challenge is for something else")
    if checked["expires"] <= now:
        raise RemoteError("pow_needed", "the challenge has expired")
    number = fields.integer(0, 2**53 - 1)(counter)
    check_work(challenge_hash(given, bind), number, checked["difficulty"])
    return bytes(checked["nonce"])
