"""What each message type may say and where (protocol.md section 14), for the types whose sections are built.

`check_type` looks at one envelope by itself. Whether its author may say so, and what follows, is for a hub's handlers.
A type that is not in the table is carried unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from accord import fields
from accord.encoding import parse_canonical
from accord.errors import RemoteError
from accord.fields import Check, Field, optional
from accord.messages import MAX_BODY_BYTES, MAX_BURN_MS, Envelope
from accord.names import NAME_PATTERN
from accord.topics import NONCE_BYTES

MAX_CHANNEL_NAME_CHARS: Final = 80
MAX_ABOUT_CHARS: Final = 1_000
MAX_EMOJI_CHARS: Final = 32
MAX_CLAIM_CODE_CHARS: Final = 64
MAX_LED_CHANNELS: Final = 16
TEMPORARY_LIFE_MS: Final = 72 * 3600 * 1000
MAX_REPORT_CHARS: Final = 1_000
MAX_REPORTED_MESSAGES: Final = 16
REPORT_REASONS: Final = ("spam", "abuse", "imitation", "illegal", "other")
COUNT_LIMIT: Final = 2**53 - 1
MAX_BOXKEY_LIFE_MS: Final = 14 * 24 * 3600 * 1000
MAX_EPOCH_MEMBERS: Final = 900  # devices a message; more are in parts
MAX_EPOCH_PARTS: Final = 16
MIN_WINDOW_MS: Final = 60 * 1000
MAX_WINDOW_MS: Final = 24 * 3600 * 1000
MIN_CHANNEL_BURN_MS: Final = 60 * 1000
MAX_INVITE_USES: Final = 1_000
MAX_FILES: Final = 16
MAX_FILE_NAME_CHARS: Final = 255
MAX_MEDIA_CHARS: Final = 127
MAX_PICTURE_SIDE: Final = 100_000  # pixels
MAX_THUMB_BYTES: Final = 8 * 1024
EPOCH_REASONS: Final = ("create", "join", "leave", "removed", "device", "age", "count", "conflict")
_BOX_BYTES: Final = 80  # 32 bytes sealed by HPKE
_MESSAGE_KEY_BYTES: Final = 44

_TALK: Final = frozenset({"feed", "user", "chan"})
_CHAN: Final = frozenset({"chan"})
_SPACE: Final = frozenset({"space"})
_any_text = fields.text(MAX_BODY_BYTES)
_name = fields.pattern(NAME_PATTERN)
_count = fields.integer(0, COUNT_LIMIT)
_place_name = fields.text(MAX_CHANNEL_NAME_CHARS, 1)
_about = optional(fields.text(MAX_ABOUT_CHARS))
_conn_id = fields.octets(16)
_pixels = fields.integer(1, MAX_PICTURE_SIDE)
_epoch = fields.integer(1, COUNT_LIMIT)

_file = fields.known(
    {
        "blob": fields.octets(32),
        "key": fields.octets(32),
        "name": fields.text(MAX_FILE_NAME_CHARS, 1),
        "size": _count,
        "media": fields.text(MAX_MEDIA_CHARS, 1),
        "width": optional(_pixels),
        "height": optional(_pixels),
        "thumb": optional(fields.some_octets(MAX_THUMB_BYTES)),
    },
    "file",
)
_opened = fields.record({"id": fields.octets(32), "key": fields.octets(_MESSAGE_KEY_BYTES)}, "opened")
_members = fields.list_of(
    fields.record({"user": fields.key, "boxkey": fields.key, "box": fields.octets(_BOX_BYTES)}, "member"),
    MAX_EPOCH_MEMBERS,
    unique_by="boxkey",
)


@dataclass(frozen=True)
class TypeRule:
    """Where a type may go, the fields of its body, and the references it needs.

    `control`: the body is canonical JSON without unknown fields, and the message cannot burn.
    `relation`: what its 1..`max_refs` refs must say. `seals`: whether the body may be encrypted, in a channel.
    """

    kinds: frozenset[str]
    body: Mapping[str, Field | Check]
    control: bool = False
    relation: str = ""
    max_refs: int = 1
    burns: bool = True
    seals: bool = False


RULES: Final[dict[str, TypeRule]] = {
    "chat.text": TypeRule(
        _TALK,
        {
            "text": _any_text,
            "format": optional(fields.one_of("plain", "markdown")),
            "blobs": optional(fields.list_of(fields.octets(32), 32)),
            "files": optional(fields.list_of(_file, MAX_FILES)),
        },
        seals=True,
    ),
    "chat.edit": TypeRule(_TALK, {"text": _any_text}, relation="edit", seals=True),
    "chat.delete": TypeRule(_TALK, {"reason": optional(_any_text)}, relation="delete", max_refs=16, burns=False),
    "chat.react": TypeRule(
        _TALK,
        {"emoji": fields.text(MAX_EMOJI_CHARS, 1), "off": optional(fields.boolean)},
        relation="react",
        seals=True,
    ),
    "chat.pin": TypeRule(_TALK, {"off": optional(fields.boolean)}, relation="pin", seals=True),
    "mail.text": TypeRule(frozenset({"user"}), {"subject": optional(_any_text), "text": _any_text}),
    "profile": TypeRule(
        frozenset({"feed"}),
        {
            "display_name": fields.text(MAX_CHANNEL_NAME_CHARS, 1),
            "about": optional(fields.text(MAX_ABOUT_CHARS)),
            "status": optional(fields.text(MAX_ABOUT_CHARS)),
            "avatar": optional(fields.octets(32)),
        },
    ),
    "identity.note": TypeRule(
        frozenset({"feed"}),
        {
            "other_user": fields.key,
            "notes": _any_text,
            "addresses": optional(
                fields.list_of(fields.text(300, 1), 16)
            ),  # no empty list: left out when none is known
            "last_update": fields.time_ms,
        },
    ),
    "cert.revoke": TypeRule(
        frozenset({"feed"}),
        {"serial": optional(fields.octets(16)), "clientkey": optional(fields.key)},
        control=True,
    ),
    "device.keys": TypeRule(
        frozenset({"feed"}),
        {"boxkey": fields.key, "not_after": fields.time_ms, "clientkey": optional(fields.key)},
        control=True,
    ),
    "connection.request": TypeRule(frozenset({"user"}), {"conn_pub": fields.key, "conn_id": _conn_id}, control=True),
    "connection.accept": TypeRule(frozenset({"user"}), {"conn_pub": fields.key, "conn_id": _conn_id}, control=True),
    "connection.decline": TypeRule(frozenset({"user"}), {"conn_id": _conn_id}, control=True),
    "space.create": TypeRule(
        _SPACE, {"nonce": fields.octets(NONCE_BYTES), "name": _place_name, "about": _about}, control=True
    ),
    "space.profile": TypeRule(_SPACE, {"name": _place_name, "about": _about}, control=True),
    "space.member": TypeRule(
        _SPACE, {"user": fields.key, "role": fields.one_of("admin", "member", "none")}, control=True
    ),
    "space.channel": TypeRule(
        _SPACE,
        {
            "channel": fields.octets(32),
            "nonce": optional(fields.octets(NONCE_BYTES)),
            "name": _place_name,
            "about": _about,
            "voice": optional(fields.boolean),
            "burn_ms": optional(fields.integer(MIN_CHANNEL_BURN_MS, MAX_BURN_MS)),
            "private": optional(fields.boolean),
            "closed": optional(fields.boolean),
        },
        control=True,
    ),
    "space.invite": TypeRule(
        _SPACE,
        {
            "pubkey": fields.key,
            "expires": fields.time_ms,
            "uses": fields.integer(0, MAX_INVITE_USES),
            "role": fields.exactly("member"),
        },
        control=True,
    ),
    "space.join": TypeRule(_SPACE, {"pubkey": fields.key, "proof": fields.octets(64)}, control=True),
    "space.leave": TypeRule(_SPACE, {}, control=True),
    "space.epoch": TypeRule(
        _CHAN,
        {
            "epoch": _epoch,
            "prev_epoch_hash": optional(fields.octets(32)),
            "window_ms": fields.integer(MIN_WINDOW_MS, MAX_WINDOW_MS),
            "kid": fields.octets(32),
            "members": _members,
            "part": optional(fields.integer(1, MAX_EPOCH_PARTS)),
            "parts": optional(fields.integer(2, MAX_EPOCH_PARTS)),
            "reason": fields.one_of(*EPOCH_REASONS),
        },
        control=True,
    ),
    "space.history": TypeRule(_CHAN, {"epoch": _epoch, "win": _count, "members": _members}, control=True),
    "add_user": TypeRule(
        frozenset({"hub"}),
        {
            "pubkey": fields.key,
            "account_name": _name,
            "kind": fields.one_of("temp", "real"),
            "invites": optional(_count),
            "messages": optional(_count),
            "bytes": optional(_count),
            "expires": optional(fields.time_ms),
            "channels": optional(fields.list_of(fields.octets(32), MAX_LED_CHANNELS, unique=True)),
            "code_hash": optional(fields.octets(32)),
        },
        control=True,
    ),
    "replace_account": TypeRule(
        frozenset({"hub"}),
        {
            "new_pubkey": fields.key,
            "account_name": optional(_name),
            "proof": fields.octets(64),
            "code": optional(fields.text(MAX_CLAIM_CODE_CHARS)),
            "pubkey": optional(fields.key),
        },
        control=True,
    ),
    "set_recovery": TypeRule(frozenset({"hub"}), {"recovery": fields.key, "proof": fields.octets(64)}, control=True),
    "vouch_replace": TypeRule(
        frozenset({"hub"}),
        {"pubkey": fields.key, "new_pubkey": fields.key, "proof": fields.octets(64)},
        control=True,
    ),
    "cancel_replace": TypeRule(frozenset({"hub"}), {"pubkey": fields.key}, control=True),
    "remove_user": TypeRule(
        frozenset({"hub"}),
        {"pubkey": fields.key, "mode": fields.one_of("subtree", "reparent"), "at": fields.time_ms},
        control=True,
    ),
    "restore_user": TypeRule(frozenset({"hub"}), {"pubkey": fields.key}, control=True),
    "set_quota": TypeRule(
        frozenset({"hub"}),
        {"pubkey": fields.key, "invites": optional(_count), "messages": optional(_count), "bytes": optional(_count)},
        control=True,
    ),
    "chan.open": TypeRule(
        frozenset({"hub"}),
        {
            "nonce": fields.octets(NONCE_BYTES),
            "name": fields.text(MAX_CHANNEL_NAME_CHARS, 1),
            "about": optional(fields.text(MAX_ABOUT_CHARS)),
        },
        control=True,
    ),
    "contact.mark": TypeRule(
        frozenset({"hub"}),
        {"pubkey": fields.key, "state": fields.one_of("blocked", "muted", "none")},
        control=True,
    ),
    "report": TypeRule(
        frozenset({"hub"}),
        {
            "pubkey": fields.key,
            "reason": fields.one_of(*REPORT_REASONS),
            "text": optional(fields.text(MAX_REPORT_CHARS, 1)),
            "messages": optional(fields.list_of(fields.octets(32), MAX_REPORTED_MESSAGES)),
            "opened": optional(fields.list_of(_opened, MAX_REPORTED_MESSAGES, unique_by="id")),
        },
        control=True,
    ),
    "report.close": TypeRule(
        frozenset({"hub"}),
        {
            "report": fields.octets(32),
            "verdict": fields.one_of("dismissed", "warned", "removed"),
            "text": optional(fields.text(MAX_REPORT_CHARS, 1)),
        },
        control=True,
    ),
    "import.text": TypeRule(
        frozenset({"chan"}), {"text": _any_text, "author": fields.text(200, 1), "source": fields.text(300, 1)}
    ),
}


def _check_refs(envelope: Envelope, rule: TypeRule) -> None:
    if not rule.relation:
        return
    if not 1 <= len(envelope.refs) <= rule.max_refs or any(rel != rule.relation for rel, _ in envelope.refs):
        raise RemoteError("bad_request", f"{envelope.type} names what it is about in refs, rel {rule.relation}")


def read_body(envelope: Envelope) -> dict[str, Any]:
    """The checked body of a clear message of a known type: bytes for base64url, absent fields left out; RemoteError."""
    if envelope.type not in RULES:
        raise RemoteError("unsupported", f"nothing is known of the bodies of {envelope.type}")
    if envelope.body is None:
        raise RemoteError("gone", "the body is not here")
    return read_plaintext(envelope.type, envelope.body)


def read_plaintext(type_: str, body: bytes) -> dict[str, Any]:
    """The same of a body by itself: of an encrypted message, opened. RemoteError."""
    rule = RULES[type_]
    if rule.control:
        value = parse_canonical(body, max_bytes=MAX_BODY_BYTES)
        return fields.read(value, rule.body, type_)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RemoteError("bad_request", "body is not JSON in UTF-8") from error
    if type(value) is not dict:
        raise RemoteError("bad_request", "body: object expected")
    # What people say may carry fields of a later version: they are stored and not looked at.
    return fields.read({name: value[name] for name in rule.body if name in value}, rule.body, type_)


def _check_device_keys(envelope: Envelope, body: dict[str, Any]) -> None:
    if body["not_after"] > envelope.created_at + MAX_BOXKEY_LIFE_MS:
        raise RemoteError("bad_request", "a box key lives at most 14 days")


def _check_epoch(_envelope: Envelope, body: dict[str, Any]) -> None:
    if (body["epoch"] == 1) == ("prev_epoch_hash" in body):
        raise RemoteError("bad_request", "every epoch but the first names the one before")
    if ("part" in body) != ("parts" in body) or body.get("part", 0) > body.get("parts", 0):
        raise RemoteError("bad_request", "part: 1..parts expected, or neither")


def _check_revoke(_envelope: Envelope, body: dict[str, Any]) -> None:
    if len(body) != 1:
        raise RemoteError("bad_request", "cert.revoke names a serial or a clientkey")


def _check_quota(_envelope: Envelope, body: dict[str, Any]) -> None:
    if len(body) < 2:
        raise RemoteError("bad_request", "set_quota changes something")


def _check_report(_envelope: Envelope, body: dict[str, Any]) -> None:
    if not {opened["id"] for opened in body.get("opened", [])} <= set(body.get("messages", [])):
        raise RemoteError("bad_request", "a report opens only messages that it names")


# What is asked beyond the fields, of clear bodies that are here.
_WHOLE: Final[dict[str, Callable[[Envelope, dict[str, Any]], None]]] = {
    "device.keys": _check_device_keys,
    "space.epoch": _check_epoch,
    "cert.revoke": _check_revoke,
    "set_quota": _check_quota,
    "report": _check_report,
}


def _check_place_in_chain(envelope: Envelope) -> None:
    """Of a space's messages the first alone stands on nothing."""
    if envelope.topic.kind == "space" and (envelope.type == "space.create") == ("prev" in envelope.header):
        raise RemoteError("bad_request", "every message of a space but its creation names those before it in prev")


def check_type(envelope: Envelope) -> None:
    """Check topic, references and clear body against the type's rule; RemoteError("bad_request" or "bad_encoding")."""
    rule = RULES.get(envelope.type)
    if rule is None:
        return
    if envelope.topic.kind not in rule.kinds:
        raise RemoteError("bad_request", f"{envelope.type} does not go to a {envelope.topic.kind} topic")
    if envelope.burn_at is not None and (rule.control or not rule.burns):
        raise RemoteError("bad_request", f"{envelope.type} cannot burn")
    _check_refs(envelope, rule)
    _check_place_in_chain(envelope)
    if envelope.encrypted:
        if not rule.seals or envelope.topic.kind != "chan":
            raise RemoteError("bad_request", f"{envelope.type} to a {envelope.topic.kind} topic is never encrypted")
    elif envelope.body is not None:
        body = read_body(envelope)
        if envelope.type in _WHOLE:
            _WHOLE[envelope.type](envelope, body)
