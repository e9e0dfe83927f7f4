"""Whether a message may be taken from whoever brings it: everything that can be said without the database (protocol.md
sections 1 and 4).

Cheap checks first; the signature is the last and dearest. Not here: what depends on what is held (batch.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from accord import messages
from accord.errors import AccordError
from accord.message_types import RULES, check_type
from accord.messages import MAX_BODY_BYTES, Envelope, Message
from accord.spaces import DEEDS
from accord.topics import Topic
from messaging.door import MAX_STRANGER_BYTES, STRANGERS, Entry, entry_of, load
from peers import options, registry
from peers.keyring import keyring

MAX_CLOCK_AHEAD_MS: Final = 5 * 60 * 1000
CONTROL_WINDOW_MS: Final = 10 * 60 * 1000
BUILT_KINDS: Final = frozenset({"feed", "user", "chan", "hub", "space"})

MESSAGE_KIB: Final = options.number(
    "message_kib",
    "Largest message",
    explains="How large the body of one message may be; a larger one is refused (too_big).",
    affects="Messages that are stored stay, however large they are.",
    default=MAX_BODY_BYTES // 1024,
    least=1,
    most=MAX_BODY_BYTES // 1024,
    unit="KiB",
)


class Right(Enum):
    """On what ground a message is brought."""

    STRANGER = "stranger"  # a guest, with what lets strangers' mail in
    CLAIM = "claim"  # a temporary account
    OWN = "own"  # a member, under the own key
    ADMIN = "admin"
    IMPORT = "import"  # the operator's import, under the importer's keys
    RELAY = "relay"  # another hub, with what others have signed


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who brings messages: the right, the user key behind the session, the account that pays for what no account here
    has signed, the peer key of the hub where it is one.
    """

    right: Right
    user: bytes | None = None
    account_id: int | None = None
    link: bytes | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A message that may be stored, if what is held allows it."""

    message: Message
    publisher: Publisher
    entry: Entry | None = None  # of a stranger's mail


def _check_time(envelope: Envelope, now: int) -> None:
    if envelope.created_at > now + MAX_CLOCK_AHEAD_MS:
        raise AccordError("future", "created_at is ahead of this hub's clock")
    if envelope.burn_at is not None and envelope.burn_at <= now:
        raise AccordError("burned", "burn_at has passed")


def _check_size(publisher: Publisher, envelope: Envelope) -> None:
    limit = MESSAGE_KIB.value
    if envelope.body is not None and len(envelope.body) > limit * 1024 and publisher.right is not Right.IMPORT:
        raise AccordError("too_big", f"this hub takes bodies of at most {limit} KiB")


def _check_right(publisher: Publisher, envelope: Envelope) -> None:
    right, kind = publisher.right, envelope.topic.kind
    if right is Right.STRANGER:
        if STRANGERS.value == "friends":
            raise AccordError("denied", "this hub takes no mail from strangers")
        if not envelope.type.startswith("mail.") or kind != "user":
            raise AccordError("denied", "a guest may only send mail to a user")
        if envelope.size > MAX_STRANGER_BYTES:
            raise AccordError("too_big", f"a stranger's message has at most {MAX_STRANGER_BYTES} bytes")
        if (
            envelope.body is None or envelope.refs
        ):  # judged here, where nobody has looked whether the addressee is known
            raise AccordError("bad_request", "a stranger's message has a body and refers to nothing")
        return
    if right is Right.CLAIM and envelope.type != "replace_account":
        raise AccordError("denied", "a temporary account may only claim its account")
    if right is Right.RELAY:
        _check_relayed(publisher, envelope)
        return
    if envelope.type == "import.text" and right not in (Right.IMPORT, Right.ADMIN):
        raise AccordError("denied", "only the operator imports")
    if right is not Right.IMPORT and envelope.author != publisher.user:
        raise AccordError("denied", "signed by another user")


def _check_relayed(publisher: Publisher, envelope: Envelope) -> None:
    """A relay brings what anyone has signed, but to `hub:` only what its own user has, and other hubs' channels."""
    if envelope.topic.kind != "hub" or is_foreign_channel(envelope):
        return
    if envelope.author != publisher.user:
        raise AccordError("denied", "a relay brings to the hub only what its own user has signed")


def is_foreign_channel(envelope: Envelope) -> bool:
    """Whether it says that another hub has opened a channel."""
    return envelope.type == "chan.open" and envelope.topic != Topic("hub", keyring().hub.public)


def _check_topic(publisher: Publisher, envelope: Envelope, now: int) -> None:
    kind = envelope.topic.kind
    if kind not in BUILT_KINDS:
        raise AccordError("unsupported", f"this hub keeps no {kind} topics")
    if kind == "hub" and not (publisher.right is Right.RELAY and is_foreign_channel(envelope)):
        if envelope.topic.ident != keyring().hub.public:
            raise AccordError("wrong_server", "that is another hub's topic")
        if envelope.type not in registry.store_handlers or "hub" not in RULES[envelope.type].kinds:
            raise AccordError("unsupported", f"this hub does not know {envelope.type}")
        if abs(envelope.created_at - now) > CONTROL_WINDOW_MS:
            raise AccordError("gone", "a control message is good for ten minutes")
    if kind == "space" and envelope.type not in DEEDS:
        raise AccordError("unsupported", f"a {envelope.type} is nothing that a space is told")
    if kind in ("hub", "space") and envelope.crit:
        raise AccordError("unsupported", "a control message with fields that must be understood and are not")


def admit(envelope: Envelope, publisher: Publisher, *, now: int, proof: Mapping[str, Any] | None = None) -> Admitted:
    """Check a parsed envelope and its signature; AccordError with the code of the first thing that is wrong."""
    _check_time(envelope, now)
    _check_size(publisher, envelope)
    _check_right(publisher, envelope)
    _check_topic(publisher, envelope, now)
    check_type(envelope)
    if publisher.right is not Right.STRANGER:
        return Admitted(messages.verify(envelope), publisher)
    entry = entry_of(envelope, publisher.user, proof, now=now)
    message = messages.verify(envelope)
    load.note(now)
    return Admitted(message, publisher, entry)
