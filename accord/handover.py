"""Handing one's vault to a new device from one that is logged in, by a code or its QR picture (protocol.md section 9).

The old device, once its person has typed the password, seals what the password became under a code of 16 bytes and
leaves it on the hub as a shard that burns within minutes; the new one reads the code, finds and opens it. Not here:
the shard itself (stores.py), codes in letters (vault.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord import fields
from accord.encoding import b64encode, canonical, parse_canonical
from accord.errors import RemoteError
from accord.names import normalize_name
from accord.primitives import domain, expand, extract

MAX_LIFE_MS: Final = 10 * 60 * 1000
MAX_PACKAGE_BYTES: Final = 1024
NONCE_BYTES: Final = 12

_PACKAGE: Final = {"name": fields.text(32, 3), "auth": fields.key, "wrap": fields.key}


@dataclass(frozen=True, slots=True)
class Package:
    """What opens a vault: its name, and the `auth` and `wrap` that the password became."""

    name: str
    auth: bytes
    wrap: bytes


def _prk(code: bytes, hub: bytes) -> bytes:
    return extract(domain("handover"), code + hub)


def attach_id(code: bytes, hub: bytes) -> bytes:
    """Where the shard lies: its `id_attach`, 32 bytes that lead to nothing else."""
    return expand(_prk(code, hub), "handover-id")


def seal_package(package: Package, *, code: bytes, hub: bytes) -> bytes:
    """The body of the shard, for the hub with that key."""
    inside: dict[str, Any] = {
        "name": package.name,
        "auth": b64encode(package.auth),
        "wrap": b64encode(package.wrap),
    }
    nonce = secrets.token_bytes(NONCE_BYTES)
    key = expand(_prk(code, hub), "handover-key")
    return nonce + AESGCM(key).encrypt(nonce, canonical(inside), domain("handover-key"))


def open_package(body: bytes, *, code: bytes, hub: bytes) -> Package:
    """What such a body holds; RemoteError("bad_request") for one of another code or hub, or of another form."""
    key = expand(_prk(code, hub), "handover-key")
    try:
        inside = AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], domain("handover-key"))
    except (InvalidTag, ValueError) as error:
        raise RemoteError("bad_request", "it does not open with that code") from error
    checked = fields.read(parse_canonical(inside, max_bytes=MAX_PACKAGE_BYTES), _PACKAGE, "package")
    if normalize_name(checked["name"]) != checked["name"]:
        raise RemoteError("bad_request", "a name in its one spelling expected")
    return Package(checked["name"], checked["auth"], checked["wrap"])
