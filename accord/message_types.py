"""What each message type may say and where (protocol.md section 14), for the types whose sections are built.

`check_type` looks at one envelope by itself. Whether its author may say so, and what follows, is for a hub's handlers.
A type that is not in the table is carried unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from accord import fields
from accord.encoding import parse_canonical
from accord.errors import RemoteError
from accord.fields import Check, Field, optional
from accord.messages import MAX_BODY_BYTES, Envelope
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

_TALK: Final = frozenset({"feed", "user", "chan"})
_any_text = fields.text(MAX_BODY_BYTES)
_name = fields.pattern(NAME_PATTERN)
_count = fields.integer(0, COUNT_LIMIT)


@dataclass(frozen=True)
class TypeRule:
    """Where a type may go, the fields of its body, and the references it needs.

    `control`: the body is canonical JSON without unknown fields, and the message cannot burn.
    `relation`: what its 1..`max_refs` refs must say.
    """

    kinds: frozenset[str]
    body: Mapping[str, Field | Check]
    control: bool = False
    relation: str = ""
    max_refs: int = 1
    burns: bool = True


RULES: Final[dict[str, TypeRule]] = {
    "chat.text": TypeRule(
        _TALK,
        {
            "text": _any_text,
            "format": optional(fields.one_of("plain", "markdown")),
            "blobs": optional(fields.list_of(fields.octets(32), 32)),
        },
    ),
    "chat.edit": TypeRule(_TALK, {"text": _any_text}, relation="edit"),
    "chat.delete": TypeRule(_TALK, {"reason": optional(_any_text)}, relation="delete", max_refs=16, burns=False),
    "chat.react": TypeRule(
        _TALK, {"emoji": fields.text(MAX_EMOJI_CHARS, 1), "off": optional(fields.boolean)}, relation="react"
    ),
    "chat.pin": TypeRule(_TALK, {"off": optional(fields.boolean)}, relation="pin"),
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
    rule = RULES.get(envelope.type)
    if rule is None:
        raise RemoteError("unsupported", f"nothing is known of the bodies of {envelope.type}")
    body = envelope.body
    if body is None:
        raise RemoteError("gone", "the body is not here")
    if rule.control:
        value = parse_canonical(body, max_bytes=MAX_BODY_BYTES)
        return fields.read(value, rule.body, envelope.type)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RemoteError("bad_request", "body is not JSON in UTF-8") from error
    if type(value) is not dict:
        raise RemoteError("bad_request", "body: object expected")
    # What people say may carry fields of a later version: they are stored and not looked at.
    return fields.read({name: value[name] for name in rule.body if name in value}, rule.body, envelope.type)


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
    if envelope.encrypted:
        if rule.control:
            raise RemoteError("bad_request", f"{envelope.type} is never encrypted")
    elif envelope.body is not None:
        body = read_body(envelope)
        if envelope.type == "cert.revoke" and len(body) != 1:
            raise RemoteError("bad_request", "cert.revoke names a serial or a clientkey")
        if envelope.type == "set_quota" and len(body) < 2:
            raise RemoteError("bad_request", "set_quota changes something")
