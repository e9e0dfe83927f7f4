"""Epochs and windows of a private channel: whose keys open what, which messages come too late (protocol.md section 7).

An epoch is a secret sealed to the devices of those who are members then; its windows' keys follow one from another and
are forgotten as their messages burn. Not here: who may make an epoch (spaces.py), the bodies of messages (bodies.py),
which box keys live (devices.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from accord.encoding import b64encode, canonical
from accord.errors import RemoteError
from accord.hpke import BoxKey, open_box, seal
from accord.message_types import MAX_EPOCH_MEMBERS, MAX_EPOCH_PARTS, MAX_WINDOW_MS, MIN_WINDOW_MS, read_body
from accord.messages import Envelope
from accord.primitives import domain, expand, same, u64

SECRET_BYTES: Final = 32
DAY_MS: Final = MAX_WINDOW_MS
LATE_MS: Final = 2 * 60 * 1000  # so long after the next epoch a message of the one before may be dated
ROTATE_AFTER_MS: Final = 7 * 24 * 3600 * 1000
ROTATE_AFTER_MESSAGES: Final = 5_000
MAX_WINDOWS_AHEAD: Final = 2**20  # two years of the shortest windows; who says a later one only makes readers work

_SAME_IN_ALL_PARTS: Final = ("epoch", "kid", "window_ms", "prev_epoch_hash", "reason", "parts")


class Recipient(NamedTuple):
    """A device to seal to: its user, its box key."""

    user: bytes
    boxkey: bytes


# ------------------------------------------------------------------------------------------------------ secrets, keys


def new_secret() -> bytes:
    """A fresh epoch secret, to be forgotten as soon as its first window's key is made."""
    return secrets.token_bytes(SECRET_BYTES)


def epoch_kid(secret: bytes) -> bytes:
    """What names an epoch's secret without telling it."""
    return expand(secret, "epoch-kid")


def message_kid(window_key: bytes) -> bytes:
    """What names a window's key in `enc.kid`."""
    return expand(window_key, "kid")


def first_window_key(secret: bytes, w0: int) -> bytes:
    """The key of an epoch's first window."""
    return expand(secret, "window", u64(w0))


def next_window_key(key: bytes, win: int) -> bytes:
    """The key of window `win` + 1 from that of `win`; there is no way back."""
    return expand(key, "window", u64(win + 1))


def window_key_at(key: bytes, win: int, wanted: int) -> bytes:
    """The key of the window `wanted` from that of an earlier one.

    RemoteError: gone (it is forgotten), bad_request (more than MAX_WINDOWS_AHEAD later).
    """
    if wanted < win:
        raise RemoteError("gone", "the key of that window is forgotten")
    if wanted - win > MAX_WINDOWS_AHEAD:
        raise RemoteError("bad_request", "that window is too far from the earliest one whose key is here")
    for number in range(win, wanted):
        key = next_window_key(key, number)
    return key


def window_at(time_ms: int, window_ms: int) -> int:
    """The number of the window in which a time (ms) lies."""
    return time_ms // window_ms


def window_ms_of(burn_ms: int | None) -> int:
    """How long the windows of a channel are: its burn time, a day at most, a minute at least."""
    return DAY_MS if burn_ms is None else max(MIN_WINDOW_MS, min(MAX_WINDOW_MS, burn_ms))


# -------------------------------------------------------------------------------------------------------------- boxes


def _info(label_and: bytes, chan: str, author: bytes, to: Recipient, **numbers: int) -> bytes:
    names = {"from": b64encode(author), "to_user": b64encode(to.user), "boxkey": b64encode(to.boxkey)}
    return label_and + canonical({"chan": chan, **names, **numbers})


def _epoch_info(chan: str, author: bytes, to: Recipient, epoch: int) -> bytes:
    return _info(domain("epoch"), chan, author, to, epoch=epoch)


def _history_info(chan: str, author: bytes, to: Recipient, epoch: int, win: int) -> bytes:
    return _info(domain("history"), chan, author, to, epoch=epoch, win=win)


def _member(to: Recipient, box: bytes) -> dict[str, str]:
    return {"user": b64encode(to.user), "boxkey": b64encode(to.boxkey), "box": b64encode(box)}


def make_epoch(
    secret: bytes,
    recipients: Sequence[Recipient],
    *,
    chan: str,
    author: bytes,
    epoch: int,
    window_ms: int,
    reason: str,
    prev: bytes | None = None,
) -> list[bytes]:
    """The bodies of the `space.epoch` messages that hand `secret` to the recipients: one, or all its parts in order.

    `prev` is the id of the epoch before, of its first part; None for the first of a channel. A device comes once.
    """
    common: dict[str, Any] = {"epoch": epoch, "window_ms": window_ms, "kid": b64encode(epoch_kid(secret))}
    common["reason"] = reason
    if prev is not None:
        common["prev_epoch_hash"] = b64encode(prev)
    members = [_member(to, seal(to.boxkey, _epoch_info(chan, author, to, epoch), secret)) for to in recipients]
    pieces = [members[start : start + MAX_EPOCH_MEMBERS] for start in range(0, len(members), MAX_EPOCH_MEMBERS)]
    if len(pieces) == 1:
        return [canonical({**common, "members": members})]
    if not 1 <= len(pieces) <= MAX_EPOCH_PARTS:
        raise ValueError(f"an epoch is for 1..{MAX_EPOCH_MEMBERS * MAX_EPOCH_PARTS} devices")
    return [
        canonical({**common, "members": piece, "part": number, "parts": len(pieces)})
        for number, piece in enumerate(pieces, 1)
    ]


def make_history(
    window_key: bytes, recipients: Sequence[Recipient], *, chan: str, author: bytes, epoch: int, win: int
) -> bytes:
    """The body of a `space.history` that hands the key of one window, and of all after it, to newcomers."""
    members = [
        _member(to, seal(to.boxkey, _history_info(chan, author, to, epoch, win), window_key)) for to in recipients
    ]
    return canonical({"epoch": epoch, "win": win, "members": members})


def _box_for(body: dict[str, Any], to: Recipient) -> bytes:
    for member in body["members"]:
        if (member["user"], member["boxkey"]) == to:
            box: bytes = member["box"]
            return box
    raise RemoteError("not_found", "nothing in it is for this device")


def open_epoch(message: Envelope, boxkey: BoxKey, user: bytes) -> bytes:
    """The secret in a `space.epoch`, or in that part of it which is for this device of `user`.

    RemoteError: not_found (nothing for this device), bad_request (the box does not open, or holds another secret than
    the message names).
    """
    body, to = read_body(message), Recipient(user, boxkey.public)
    info = _epoch_info(message.topic.name, message.author, to, body["epoch"])
    secret = open_box(boxkey.private, info, _box_for(body, to))
    if len(secret) != SECRET_BYTES or not same(epoch_kid(secret), body["kid"]):
        raise RemoteError("bad_request", "the box holds another secret than the epoch names")
    return secret


def open_history(message: Envelope, boxkey: BoxKey, user: bytes) -> bytes:
    """The window's key in a `space.history` for this device of `user`; RemoteError as open_epoch has them."""
    body, to = read_body(message), Recipient(user, boxkey.public)
    info = _history_info(message.topic.name, message.author, to, body["epoch"], body["win"])
    key = open_box(boxkey.private, info, _box_for(body, to))
    if len(key) != SECRET_BYTES:
        raise RemoteError("bad_request", "the box holds no window's key")
    return key


# ------------------------------------------------------------------------------------------------- the line of epochs


@dataclass(frozen=True, slots=True)
class Epoch:
    """A whole epoch: `ident`, `created_at` (ms) and so its first window are those of its first part."""

    number: int
    ident: bytes
    author: bytes
    created_at: int
    window_ms: int
    kid: bytes
    prev: bytes | None
    reason: str
    recipients: frozenset[Recipient]

    @property
    def w0(self) -> int:
        """The number of its first window."""
        return window_at(self.created_at, self.window_ms)

    @property
    def age(self) -> tuple[int, bytes]:
        """What decides between two of the same number: the smaller wins."""
        return self.created_at, self.ident


def whole_epochs(messages: Iterable[Envelope]) -> list[Epoch]:
    """The epochs of which all parts are among these `space.epoch` messages of one channel, in no order.

    Parts belong together that have the same author, and say the same but for their members; of two with the same
    number the smaller (created_at, id) counts.
    """
    found: dict[tuple[Any, ...], dict[int, tuple[Envelope, dict[str, Any]]]] = {}
    for message in messages:
        body = read_body(message)
        shared = (body.get(name) for name in _SAME_IN_ALL_PARTS)
        parts = found.setdefault((message.author, *shared), {})
        part = body.get("part", 1)
        held = parts.get(part)
        if held is None or (message.created_at, message.id) < (held[0].created_at, held[0].id):
            parts[part] = message, body
    return [_joined(parts) for (*_, count), parts in found.items() if len(parts) == (count or 1)]


def _joined(parts: dict[int, tuple[Envelope, dict[str, Any]]]) -> Epoch:
    first, body = parts[1]
    members = [member for _, part in parts.values() for member in part["members"]]
    return Epoch(
        number=body["epoch"],
        ident=first.id,
        author=first.author,
        created_at=first.created_at,
        window_ms=body["window_ms"],
        kid=body["kid"],
        prev=body.get("prev_epoch_hash"),
        reason=body["reason"],
        recipients=frozenset(Recipient(member["user"], member["boxkey"]) for member in members),
    )


def winner(candidates: Iterable[Epoch], admins: Collection[bytes] | None = None) -> Epoch | None:
    """Of epochs with the same number the one that counts on every hub: one by those who are `admins` of the space now
    before others (whoever was put out could date one back), then the smallest (created_at, id).
    """

    def place(epoch: Epoch) -> tuple[bool, tuple[int, bytes]]:
        return admins is not None and epoch.author not in admins, epoch.age

    return min(candidates, key=place, default=None)


def epoch_line(epochs: Iterable[Epoch], admins: Collection[bytes] | None = None) -> list[Epoch]:
    """Number 1, 2, 3 and so on of a channel, each on the winner before it; what stands on a loser is left out."""
    by_place: dict[tuple[int, bytes | None], list[Epoch]] = {}
    for epoch in epochs:
        by_place.setdefault((epoch.number, epoch.prev), []).append(epoch)
    line: list[Epoch] = []
    while (best := winner(by_place.get((len(line) + 1, line[-1].ident if line else None), []), admins)) is not None:
        line.append(best)
    return line


def is_late(line: Sequence[Epoch], epoch: int, created_at: int) -> bool:
    """Whether a message of `created_at` (ms) under the number `epoch` is invalid for the epoch that came after it."""
    return 1 <= epoch < len(line) and created_at > line[epoch].created_at + LATE_MS
