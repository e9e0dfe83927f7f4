"""What a hub keeps for clients that want only an encrypted store: enclaves and shards (protocol.md section 9).

An enclave is a durable document whose every version is signed by the key that the version before it has named; a shard
is a piece of ciphertext that burns. What is in them is sealed by whoever brings them and never looked at here. Not
here: who may bring and read them, and how much (a hub's vault app); the user's own enclave (vault.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, cast

from accord import fields
from accord.encoding import b64decode, b64encode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey, verify
from accord.primitives import labelled_hash

PRIVATE: Final = 1
EXCHANGE: Final = 2
MAX_BODY_BYTES: Final = 256 * 1024
MAX_VERSION: Final = 2**53 - 1


def _body(value: Any) -> bytes:
    raw = b64decode(value)
    if len(raw) > MAX_BODY_BYTES:
        raise RemoteError("too_big", f"at most {MAX_BODY_BYTES} bytes")
    return raw


_SIGBLOCK: Final[dict[str, fields.Field | fields.Check]] = {
    "key": fields.key,
    "prev": fields.optional(fields.octets(32)),
    "sig": fields.octets(64),
}
_ENCLAVE: Final = {
    "v": fields.exactly(1),
    "type": fields.integer(PRIVATE, EXCHANGE),
    "id": fields.octets(32),
    "version": fields.integer(1, MAX_VERSION),
    "body": _body,
    "sigblock": lambda value: fields.read(value, _SIGBLOCK, "sigblock"),
}
_SHARD: Final = {
    "id": fields.octets(32),
    "id_attach": fields.octets(32),
    "body": _body,
    "burn_at": fields.time_ms,
}


@dataclass(frozen=True, slots=True)
class Head:
    """What must be known of an enclave's newest version to judge the next: all but its body.

    `key` signs the next version, `hash` is what it must name as `prev`.
    """

    ident: bytes
    type: int
    version: int
    key: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Enclave:
    """A verified version of an enclave: its head, its body, and its canonical form."""

    head: Head
    body: bytes
    canonical: bytes


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard in form: what it is, whose pseudonym it hangs on, and when (ms) it burns."""

    ident: bytes
    attach: bytes
    body: bytes
    burn_at: int


def enclave_id(key: bytes) -> bytes:
    """The id of the enclave whose first version this key signs: nobody else can take it."""
    return labelled_hash("store-id", key)


def _hash(document: bytes) -> bytes:
    return labelled_hash("store-version", document)


def make_enclave(
    signer: SigningKey,
    *,
    body: bytes,
    type: int = PRIVATE,
    before: Head | None = None,
    next_key: bytes | None = None,
) -> dict[str, Any]:
    """The first version of an enclave, or the one after `before`, as it goes on the wire.

    `signer` is the key that `before` names; `next_key` the one that is to sign the version after this (the same, if
    none is given: the first version always names its own).
    """
    sigblock: dict[str, Any] = {"key": b64encode(next_key or signer.public)}
    if before is not None:
        sigblock["prev"] = b64encode(before.hash)
    rest = {
        "v": 1,
        "type": before.type if before else type,
        "id": b64encode(before.ident if before else enclave_id(signer.public)),
        "version": before.version + 1 if before else 1,
        "body": b64encode(body),
    }
    signature = signer.sign("store", canonical({**rest, "sigblock": sigblock}))
    return {**rest, "sigblock": {**sigblock, "sig": b64encode(signature)}}


def verify_enclave(value: object, before: Head | None) -> Enclave:
    """Check a version of an enclave against the newest one that is held (None: none is).

    RemoteError: bad_request, bad_encoding, too_big (form); bad_request for another enclave or type than `before`;
    conflict for a version that is no later, not the next, or says that it follows another; bad_sig when it is not
    signed by the key that was named for it.
    """
    checked = fields.read(value, _ENCLAVE, "enclave")
    block = checked["sigblock"]
    if before is None:
        if checked["version"] != 1 or "prev" in block:
            raise RemoteError("conflict", "no version before this one is here")
        if checked["id"] != enclave_id(block["key"]):
            raise RemoteError("bad_request", "the first version names the key of its id")
        signer = block["key"]
    else:
        if (checked["id"], checked["type"]) != (before.ident, before.type):
            raise RemoteError("bad_request", "that is another enclave")
        if checked["version"] != before.version + 1:
            raise RemoteError("conflict", f"the version held is {before.version}: the next one is {before.version + 1}")
        if block.get("prev") != before.hash:
            raise RemoteError("conflict", "it does not follow the version that is held")
        signer = before.key
    whole = cast(dict[str, Any], value)
    unsigned = {**whole, "sigblock": {name: item for name, item in whole["sigblock"].items() if name != "sig"}}
    verify(signer, "store", canonical(unsigned), block["sig"])
    document = canonical(whole)
    head = Head(checked["id"], checked["type"], checked["version"], block["key"], _hash(document))
    return Enclave(head, checked["body"], document)


def shard_id(body: bytes) -> bytes:
    """The id of a shard: plain SHA-256 of what is in it."""
    return hashlib.sha256(body).digest()


def read_shard(value: object) -> Shard:
    """A shard that is what its id says; when it may burn is the hub's to judge. RemoteError: bad_request, too_big."""
    checked = fields.read(value, _SHARD, "shard")
    if not checked["body"] or checked["id"] != shard_id(checked["body"]):
        raise RemoteError("bad_request", "the id of a shard is the hash of its body")
    return Shard(checked["id"], checked["id_attach"], checked["body"], checked["burn_at"])
