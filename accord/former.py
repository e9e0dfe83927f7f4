"""What is proved of an account's former keys: who has signed for each change (protocol.md section 8, `former`).

A row of `topics` tells which keys an account had and what was signed for each change. Whoever reads it believes the hub
that the account has the newest key now; whether the person wanted that is for the signatures to say, and these need
nobody's word. Not here: whether those who vouched had a right to it, which only the hub's invite tree knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from accord import fields
from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.message_types import check_type, read_body
from accord.messages import Message, parse_envelope, verify
from accord.replacing import verify_recovery_proof, verify_replacement_proof
from accord.statements import read_admin
from accord.topics import Topic

MAX_SIGNED: Final = 32  # messages a change
MAX_FORMER: Final = 100
KEY, RECOVERY, CHAIN, HUB, UNPROVED = "key", "recovery", "chain", "hub", "unproved"


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key that an account had, and what is proved of the change to the one after it.

    `way`: "key" (the old key itself has signed), "recovery" (a recovery key that the old key had named), "chain"
    (others have vouched), "hub" (of the hub's admin: the hub itself has signed who that is) or "unproved" (the hub just
    says so). `by`: who signed for the new key; none where unproved. `signed_at` (ms): when the old key signed, or named
    the recovery key, or the last one vouched, or the hub signed; 0 where unproved. `at` (ms) is the hub's word.
    """

    key: bytes
    at: int
    way: str = UNPROVED
    by: tuple[bytes, ...] = ()
    signed_at: int = 0


def read_former(values: object, *, hub: bytes, user: bytes) -> tuple[FormerKey, ...]:
    """The former keys of a user's account on a hub, the newest first; RemoteError where the list has not its form.

    What a change brings as evidence and is not genuine, or of another change, proves nothing.
    """
    if values is None:
        return ()
    found, new = [], user
    for value in fields.list_of(_entry, MAX_FORMER)(values):
        old, at = b64decode(value.get("key"), 32), fields.time_ms(value.get("at"))
        try:
            found.append(FormerKey(old, at, *verify_change(value, hub=hub, old=old, new=new)))
        except RemoteError:
            found.append(FormerKey(old, at))
        new = old
    return tuple(found)


def _entry(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RemoteError("bad_request", "a former key is an object")
    return value


def verify_change(value: dict[str, Any], *, hub: bytes, old: bytes, new: bytes) -> tuple[str, tuple[bytes, ...], int]:
    """(way, who signed, when) of one change from `old` to `new`; RemoteError unless what was signed proves it."""
    way, signed = value.get("way"), value.get("signed")
    if way == HUB:
        return _appointed(value.get("statement"), hub=hub, old=old, new=new)
    if type(signed) is not list or not 1 <= len(signed) <= MAX_SIGNED:
        raise RemoteError("bad_request", "nothing that was signed comes with it, or too much")
    messages = [_read(envelope, Topic("hub", hub)) for envelope in signed]
    by = tuple(message.author for message in messages)
    if way == CHAIN:
        if len(set(by)) != len(by) or old in by or new in by:
            raise RemoteError("bad_request", "others vouch, each once")
        for message in messages:
            _check_agreed(message, "vouch_replace", hub=hub, old=old, new=new)
        return CHAIN, by, max(message.created_at for message in messages)
    if way == RECOVERY and len(messages) == 2:
        _check_named(messages[0], hub=hub, old=old, recovery=by[1])
    elif way != KEY or by != (old,):
        raise RemoteError("bad_request", "that is no way to a new key, or not what was signed for it")
    _check_agreed(messages[-1], "replace_account", hub=hub, old=old, new=new)
    return way, by[-1:], messages[0].created_at


def _appointed(statement: object, *, hub: bytes, old: bytes, new: bytes) -> tuple[str, tuple[bytes, ...], int]:
    admin = read_admin(statement, hub=hub)
    others = {key for key, _ in admin.also}
    if old not in others or new not in {admin.user, *others} or not isinstance(statement, dict):
        raise RemoteError("bad_request", "the hub has signed that somebody else is its admin")
    return HUB, (hub,), statement["at"]


def _read(envelope: object, topic: Topic) -> Message:
    message = verify(parse_envelope(envelope))
    check_type(message)
    if message.topic != topic or message.crit:
        raise RemoteError("bad_request", "that was signed for another hub, or says more than is understood")
    return message


def _check_agreed(message: Message, type_: str, *, hub: bytes, old: bytes, new: bytes) -> None:
    """Return if a message puts the new key in place of the old one, and the new key has agreed."""
    if message.type != type_:
        raise RemoteError("bad_request", f"a {type_} is expected")
    body = read_body(message)
    if body.get("pubkey", message.author) != old or body["new_pubkey"] != new:
        raise RemoteError("bad_request", "that was signed for other keys")
    verify_replacement_proof(body["proof"], hub=hub, old=old, new=new)


def _check_named(message: Message, *, hub: bytes, old: bytes, recovery: bytes) -> None:
    """Return if the old key has named this recovery key, and that has agreed."""
    if message.type != "set_recovery" or message.author != old:
        raise RemoteError("bad_request", "the old key's set_recovery is expected")
    body = read_body(message)
    if body["recovery"] != recovery:
        raise RemoteError("bad_request", "the old key had named another recovery key")
    verify_recovery_proof(body["proof"], hub=hub, user=old, recovery=recovery)
