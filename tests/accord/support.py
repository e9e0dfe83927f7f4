"""What the tests of accord share: keys, values of the restricted JSON form, values that no peer should send."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from accord import certs
from accord.encoding import MAX_INTEGER, b64encode
from accord.errors import RemoteError
from accord.keys import SigningKey

NOW = 1_790_000_000_000
HOUR_MS = 3600 * 1000
USER, CLIENT, HUB, OTHER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3, 4))

quick = settings(max_examples=100, deadline=None)  # no deadline: the machine may be busy

keys = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
scalars = st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts
values = scalars
for _ in range(4):
    values = scalars | st.lists(values, min_size=1, max_size=4) | st.dictionaries(keys, values, max_size=4)
objects = st.dictionaries(keys, values, max_size=6)

_odd_keys = st.none() | st.integers() | st.binary(max_size=4) | st.text(max_size=4) | st.tuples(st.integers())
hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.just(10**4000)
    | st.floats()
    | st.text(st.characters(), max_size=8)  # surrogates and U+0000 included
    | st.binary(max_size=8)
    | st.sampled_from(["A" * 43, "A" * 42 + "B", "A" * 86, "*", "=", "feed", "1", "login"])
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_odd_keys, inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.sets(st.integers(), max_size=2)
    ),
    max_leaves=8,
)


def code_of(call: Callable[..., object], *args: Any, **kwargs: Any) -> str | None:
    """The code of the RemoteError that a call raises, None where it returns."""
    try:
        call(*args, **kwargs)
    except RemoteError as error:
        return error.code
    return None


def nested(depth: int, *, of: type = list) -> Any:
    """A value so many arrays or objects deep."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if of is list else {"a": value}
    return value


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a value, itself first."""
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from paths(item, (*path, number))


def put(value: Any, path: tuple[Any, ...], item: Any) -> Any:
    """A copy of a value with one part replaced."""
    if not path:
        return item
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], item)
    return changed


KEY = b64encode(OTHER.public)
CHANNEL, HUB_TOPIC, USER_TOPIC = f"chan:{KEY}", f"hub:{b64encode(HUB.public)}", f"user:{KEY}"
ENC = {"epoch": 1, "win": 0, "kid": KEY}
NONCE, PROOF = b64encode(bytes(16)), b64encode(bytes(64))
SPACE, PREV = f"space:{KEY}", {"prev": [KEY]}
MEMBER = {"user": KEY, "boxkey": KEY, "box": b64encode(bytes(80))}
EPOCH = {"epoch": 1, "window_ms": 60_000, "kid": KEY, "members": [MEMBER], "reason": "create"}
FILE = {"blob": KEY, "key": KEY, "name": "a.png", "size": 0, "media": "image/png"}


def refs(rel: str, count: int = 1) -> list[dict[str, str]]:
    """So many references of a message's header."""
    return [{"rel": rel, "id": KEY}] * count


# Type, topic, body and further header fields of messages that check_type accepts.
TYPE_CASES: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("chat.text", "feed", {"text": ""}, {}),
    ("chat.text", USER_TOPIC, {"text": "x", "format": "markdown", "blobs": [KEY]}, {}),
    ("chat.text", CHANNEL, {"text": "x"}, {"burn_at": NOW + 1}),
    ("chat.text", CHANNEL, {"text": "x", "of_tomorrow": 1}, {}),
    ("chat.text", CHANNEL, b'{ "text": "x", "list": [], "none": null, "float": 1.5 }', {}),
    ("chat.text", CHANNEL, b"\xff", {"enc": ENC}),
    ("chat.text", CHANNEL, {"text": "", "files": [{**FILE, "of_tomorrow": 1}] * 16}, {}),
    (
        "chat.text",
        CHANNEL,
        {"text": "", "files": [{**FILE, "width": 1, "height": 100_000, "thumb": b64encode(bytes(8192))}]},
        {},
    ),
    ("chat.edit", CHANNEL, {"text": "x"}, {"refs": refs("edit")}),
    ("chat.delete", CHANNEL, {}, {"refs": refs("delete")}),
    ("chat.delete", CHANNEL, {"reason": "x"}, {"refs": refs("delete", 16)}),
    ("chat.react", CHANNEL, {"emoji": "x"}, {"refs": refs("react")}),
    ("chat.react", CHANNEL, {"emoji": "x" * 32, "off": True}, {"refs": refs("react")}),
    ("chat.pin", CHANNEL, {"off": False}, {"refs": refs("pin")}),
    ("mail.text", USER_TOPIC, {"text": "x", "subject": "y"}, {}),
    ("profile", "feed", {"display_name": "G", "about": "", "status": "", "avatar": KEY}, {}),
    ("identity.note", "feed", {"other_user": KEY, "notes": "", "addresses": ["wss://hub"], "last_update": 1}, {}),
    ("identity.note", "feed", {"other_user": KEY, "notes": "", "last_update": 1}, {}),
    ("cert.revoke", "feed", {"serial": NONCE}, {}),
    ("cert.revoke", "feed", {"clientkey": KEY}, {}),
    ("device.keys", "feed", {"boxkey": KEY, "not_after": NOW + 14 * 24 * HOUR_MS}, {}),
    ("device.keys", "feed", {"boxkey": KEY, "not_after": 0, "clientkey": KEY}, {}),
    ("connection.request", USER_TOPIC, {"conn_pub": KEY, "conn_id": NONCE}, {}),
    ("connection.accept", USER_TOPIC, {"conn_pub": KEY, "conn_id": NONCE}, {}),
    ("connection.decline", USER_TOPIC, {"conn_id": NONCE}, {}),
    ("space.create", SPACE, {"nonce": NONCE, "name": "n" * 80, "about": ""}, {}),
    ("space.profile", SPACE, {"name": "n" * 80, "about": "a" * 1_000}, PREV),
    ("space.profile", SPACE, {"name": "n"}, PREV),
    ("space.member", SPACE, {"user": KEY, "role": "none"}, {"prev": [KEY]}),
    ("space.channel", SPACE, {"channel": KEY, "name": "n"}, PREV),
    (
        "space.channel",
        SPACE,
        {
            "channel": KEY,
            "nonce": NONCE,
            "name": "n",
            "about": "a",
            "voice": True,
            "burn_ms": 60_000,
            "private": False,
            "closed": True,
        },
        PREV,
    ),
    ("space.invite", SPACE, {"pubkey": KEY, "expires": 0, "uses": 0, "role": "member"}, PREV),
    ("space.join", SPACE, {"pubkey": KEY, "proof": PROOF}, PREV),
    ("space.leave", SPACE, {}, PREV),
    ("space.epoch", CHANNEL, EPOCH, {}),
    ("space.epoch", CHANNEL, {**EPOCH, "epoch": 2, "prev_epoch_hash": KEY, "part": 2, "parts": 16}, {}),
    ("space.history", CHANNEL, {"epoch": 1, "win": 0, "members": [MEMBER]}, {}),
    ("add_user", HUB_TOPIC, {"pubkey": KEY, "account_name": "abc", "kind": "temp"}, {}),
    (
        "add_user",
        HUB_TOPIC,
        {
            "pubkey": KEY,
            "account_name": "a" * 32,
            "kind": "real",
            "invites": 0,
            "messages": 1,
            "bytes": 2**53 - 1,
            "expires": NOW,
        },
        {},
    ),
    ("replace_account", HUB_TOPIC, {"new_pubkey": KEY, "proof": PROOF}, {}),
    ("replace_account", HUB_TOPIC, {"new_pubkey": KEY, "proof": PROOF, "account_name": "abc", "code": "1"}, {}),
    ("remove_user", HUB_TOPIC, {"pubkey": KEY, "mode": "subtree", "at": NOW}, {}),
    ("remove_user", HUB_TOPIC, {"pubkey": KEY, "mode": "reparent", "at": 0}, {}),
    ("restore_user", HUB_TOPIC, {"pubkey": KEY}, {}),
    ("set_recovery", HUB_TOPIC, {"recovery": KEY, "proof": PROOF}, {}),
    ("vouch_replace", HUB_TOPIC, {"pubkey": KEY, "new_pubkey": KEY, "proof": PROOF}, {}),
    ("cancel_replace", HUB_TOPIC, {"pubkey": KEY}, {}),
    ("set_quota", HUB_TOPIC, {"pubkey": KEY, "invites": 0}, {}),
    ("set_quota", HUB_TOPIC, {"pubkey": KEY, "messages": 2**53 - 1, "bytes": 5}, {}),
    ("chan.open", HUB_TOPIC, {"nonce": NONCE, "name": "n" * 80, "about": "x"}, {}),
    ("contact.mark", HUB_TOPIC, {"pubkey": KEY, "state": "muted"}, {}),
    ("report", HUB_TOPIC, {"pubkey": KEY, "reason": "spam"}, {}),
    ("report", HUB_TOPIC, {"pubkey": KEY, "reason": "other", "text": "x" * 1_000, "messages": [KEY] * 16}, {}),
    (
        "report",
        HUB_TOPIC,
        {"pubkey": KEY, "reason": "spam", "messages": [KEY], "opened": [{"id": KEY, "key": b64encode(bytes(44))}]},
        {},
    ),
    ("report.close", HUB_TOPIC, {"report": KEY, "verdict": "warned", "text": "x"}, {}),
    ("import.text", CHANNEL, {"text": "", "author": "nick", "source": "irc"}, {}),
]


def certificate(
    *,
    client: SigningKey = CLIENT,
    server: bytes = HUB.public,
    issued_at: int = NOW,
    life_ms: int = HOUR_MS,
    scope: tuple[str, ...] = ("login",),
) -> dict[str, Any]:
    """USER's certificate as on the wire."""
    return certs.issue(USER, client=client.public, servers=[server], issued_at=issued_at, life_ms=life_ms, scope=scope)
