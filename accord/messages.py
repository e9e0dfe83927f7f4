"""Messages: the one signed record of which everything replicated is made (protocol.md section 1).

`parse_envelope` checks form, limits and hashes without any public-key work, `verify` adds the signature and gives a
Message: only that type may be stored. Not here: rights, quotas, time (a hub's services), bodies of single types
(message_types.py), decryption.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NewType

from accord import keys
from accord.encoding import b64decode, b64encode, canonical, is_rising
from accord.errors import RemoteError
from accord.primitives import domain
from accord.topics import Topic, topic_of

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_BODY_BYTES: Final = 256 * 1024
MAX_ATTENTION_KEYS: Final = 32
MAX_ATTENTION_MESSAGES: Final = 32
MAX_REFS: Final = 16
MAX_PREV: Final = 16
MAX_CRIT: Final = 8
MAX_TZ_MINUTES: Final = 840
MAX_BURN_MS: Final = 365 * 24 * 3600 * 1000
TIME_LIMIT_MS: Final = 2**44
SALT_BYTES: Final = 16
ID_BYTES: Final = 32
RELATIONS: Final = frozenset({"edit", "delete", "react", "pin"})
CHAIN_KINDS: Final = frozenset({"round", "space"})

_TYPE = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ENVELOPE_FIELDS = frozenset({"header", "sig", "salt", "body"})
_D_BODY = domain("body")
_D_ID = domain("event-id")
_D_SIGN = domain("event")


@dataclass(slots=True)
class Envelope:
    """A well-formed message whose signature has not been looked at.

    Times are ms since 1970 UTC; `id`, `author`, attention and reference ids are 32 raw bytes; `salt` and `body` are
    None together, when the envelope came without its body. `header` is the value as parsed, `header_bytes` its
    canonical bytes: these are stored and forwarded.
    """

    id: bytes
    type: str
    author: bytes
    topic: Topic
    created_at: int
    burn_at: int | None
    attention_keys: list[bytes]
    attention_messages: list[bytes]
    refs: list[tuple[str, bytes]]
    encrypted: bool
    crit: list[str]
    header: dict[str, Any]
    header_bytes: bytes
    sig: bytes
    salt: bytes | None
    body: bytes | None

    @property
    def size(self) -> int:
        """Bytes that the message takes in a store: header, signature, salt and body."""
        return (
            len(self.header_bytes)
            + len(self.sig)
            + (len(self.salt) if self.salt else 0)
            + (len(self.body) if self.body else 0)
        )


Message = NewType("Message", Envelope)
"""An envelope whose author's signature has been verified."""


def _bad(detail: str) -> RemoteError:
    return RemoteError("bad_request", detail)


@lru_cache(maxsize=16_384)
def _author_key(text: str) -> bytes:
    return b64decode(text, keys.KEY_BYTES)


def _id_list(value: object, most: int, what: str) -> list[bytes]:
    if type(value) is not list or not 1 <= len(value) <= most:
        raise _bad(f"{what}: list of 1..{most} expected")
    return [b64decode(item, 32) for item in value]


def _rising_list(value: object, most: int, what: str) -> list[bytes]:
    items = _id_list(value, most, what)
    if not is_rising(items):
        raise _bad(f"{what}: not in rising order")
    return items


def _integer(value: object, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        raise _bad(f"{what}: integer of {low}..{high} expected")
    return value


def _read_refs(value: object) -> list[tuple[str, bytes]]:
    if type(value) is not list or not 1 <= len(value) <= MAX_REFS:
        raise _bad(f"refs: list of 1..{MAX_REFS} expected")
    refs = []
    for item in value:
        rel = item.get("rel") if type(item) is dict else None
        if type(rel) is not str or rel not in RELATIONS:  # a list or object cannot even be looked up
            raise _bad("refs: {rel, id} with a known rel expected")
        refs.append((rel, b64decode(item.get("id"), ID_BYTES)))
    return refs


def _read_enc(value: object) -> bool:
    if type(value) is not dict:
        raise _bad("enc: object expected")
    _integer(value.get("epoch"), 1, 2**53 - 1, "enc.epoch")
    _integer(value.get("win"), 0, 2**53 - 1, "enc.win")
    b64decode(value.get("kid"), 32)
    return True


def _read_crit(value: object) -> list[str]:
    if type(value) is not list or not 1 <= len(value) <= MAX_CRIT:
        raise _bad(f"crit: list of 1..{MAX_CRIT} expected")
    for item in value:
        if type(item) is not str or not _FIELD.fullmatch(item):
            raise _bad("crit: field names expected")
    if any(a >= b for a, b in pairwise(value)):
        raise _bad("crit: not in rising order")
    return value


def _read_rare_fields(header: dict[str, Any], topic: Topic, created_at: int) -> dict[str, Any]:
    """The optional fields of a header, checked; most headers have none or one of them."""
    found: dict[str, Any] = {}
    if "tz" in header:
        _integer(header["tz"], -MAX_TZ_MINUTES, MAX_TZ_MINUTES, "tz")
    if "attention_keys" in header:
        found["attention_keys"] = _rising_list(header["attention_keys"], MAX_ATTENTION_KEYS, "attention_keys")
    if "attention_messages" in header:
        answered = _id_list(header["attention_messages"], MAX_ATTENTION_MESSAGES, "attention_messages")
        if len(set(answered)) != len(answered):
            raise _bad("attention_messages: a message comes twice")
        found["attention_messages"] = answered
    if "refs" in header:
        found["refs"] = _read_refs(header["refs"])
    if "prev" in header:
        if topic.kind not in CHAIN_KINDS:
            raise _bad("prev: only in chains")
        _rising_list(header["prev"], MAX_PREV, "prev")
    if "burn_at" in header:
        if topic.kind in CHAIN_KINDS:
            raise _bad("burn_at: not in chains")
        found["burn_at"] = _integer(header["burn_at"], created_at + 1, created_at + MAX_BURN_MS, "burn_at")
    if "enc" in header:
        found["encrypted"] = _read_enc(header["enc"])
    if "crit" in header:
        found["crit"] = _read_crit(header["crit"])
    return found


def _read_body(envelope: dict[str, Any], header: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
    size = _integer(header.get("body_size"), 0, 2**53 - 1, "body_size")
    if size > MAX_BODY_BYTES:
        raise RemoteError("too_big", f"body of more than {MAX_BODY_BYTES} bytes")
    body_hash = b64decode(header.get("body_hash"), 32)
    if "body" not in envelope and "salt" not in envelope:
        return None, None
    if type(envelope.get("body")) is str and len(envelope["body"]) > (MAX_BODY_BYTES * 4 + 2) // 3:
        raise RemoteError("too_big", f"body of more than {MAX_BODY_BYTES} bytes")
    salt = b64decode(envelope.get("salt"), SALT_BYTES)
    body = b64decode(envelope.get("body"))
    if len(body) != size:
        raise _bad("body_size does not fit the body")
    if hashlib.sha256(_D_BODY + salt + body).digest() != body_hash:
        raise _bad("body_hash does not fit salt and body")
    return salt, body


def parse_envelope(value: object) -> Envelope:
    """Check the form of an envelope as parsed from JSON.

    RemoteError: bad_encoding (header not of the restricted JSON form), unsupported (v), too_big, bad_request (a field's
    rule).
    """
    if type(value) is not dict or not _ENVELOPE_FIELDS.issuperset(value):
        raise _bad("envelope: {header, sig, salt, body} expected")
    header = value.get("header")
    if type(header) is not dict:
        raise _bad("header: object expected")
    header_bytes = canonical(header)
    if len(header_bytes) > MAX_HEADER_BYTES:
        raise RemoteError("too_big", f"header of more than {MAX_HEADER_BYTES} bytes")
    if type(header.get("v")) is not int or header["v"] != 1:
        raise RemoteError("unsupported", "v: only version 1 is known here")
    type_ = header.get("type")
    if type(type_) is not str or not _TYPE.fullmatch(type_):
        raise _bad("type: [a-z][a-z0-9._-]{0,63} expected")
    sender = header.get("from")
    if type(sender) is not str:
        raise _bad("from: key expected")
    author = _author_key(sender)
    topic = topic_of(header.get("to"), author)
    created_at = _integer(header.get("created_at"), 0, TIME_LIMIT_MS - 1, "created_at")
    rare = _read_rare_fields(header, topic, created_at)
    salt, body = _read_body(value, header)
    return Envelope(
        id=hashlib.sha256(_D_ID + header_bytes).digest(),
        type=type_,
        author=author,
        topic=topic,
        created_at=created_at,
        burn_at=rare.get("burn_at"),
        attention_keys=rare.get("attention_keys", []),
        attention_messages=rare.get("attention_messages", []),
        refs=rare.get("refs", []),
        encrypted="encrypted" in rare,
        crit=rare.get("crit", []),
        header=header,
        header_bytes=header_bytes,
        sig=b64decode(value.get("sig"), keys.SIGNATURE_BYTES),
        salt=salt,
        body=body,
    )


def envelope_id(value: object) -> bytes | None:
    """The id that even a refused envelope has, as parsed from JSON; None where its header has no canonical form."""
    header = value.get("header") if type(value) is dict else None
    try:
        return hashlib.sha256(_D_ID + canonical(header)).digest() if type(header) is dict else None
    except RemoteError:
        return None


def verify(envelope: Envelope) -> Message:
    """Check the author's signature: the envelope as a Message, or RemoteError("bad_sig")."""
    keys.verify_raw(envelope.author, _D_SIGN + envelope.header_bytes, envelope.sig)
    return Message(envelope)


def message_uuid(ident: bytes) -> uuid.UUID:
    """The API's UUIDv8 of a message id: its first 16 bytes with version and variant set."""
    raw = bytearray(ident[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(raw))


def envelope_json(header: dict[str, Any], sig: bytes, salt: bytes | None, body: bytes | None) -> dict[str, Any]:
    """An envelope as it goes into JSON; without salt and body when they are gone."""
    value: dict[str, Any] = {"header": header, "sig": b64encode(sig)}
    if salt is not None and body is not None:
        value["salt"] = b64encode(salt)
        value["body"] = b64encode(body)
    return value


def create(
    author: keys.SigningKey,
    *,
    type: str,
    to: str,
    body: bytes,
    created_at: int,
    salt: bytes | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A signed envelope, ready for JSON.

    `fields` are further header fields as they go on the wire (keys and ids in base64url).
    A list given in the wrong order or a value out of range raises RemoteError exactly as it would at a hub.
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    header = {
        "v": 1,
        "type": type,
        "from": b64encode(author.public),
        "to": to,
        "created_at": created_at,
        "body_hash": b64encode(hashlib.sha256(_D_BODY + salt + body).digest()),
        "body_size": len(body),
        **fields,
    }
    sig = author.sign("event", canonical(header))
    envelope = envelope_json(header, sig, salt, body)
    parse_envelope(envelope)
    return envelope
