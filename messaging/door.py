"""The strangers' door: whether people without an account may write here, and what lets in a message of theirs
(protocol.md sections 4 and 10).

What is said here depends on no account, so that nobody learns by it who has one. Not here: what depends on what is held
(batch.py): whether a stranger has been answered, whether a voucher is a member's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from accord import pow, vouchers
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.messages import Envelope
from accord.primitives import expand, lp
from accord.vouchers import Voucher
from peers import options
from peers.keyring import keyring
from peers.models import Account

MAX_STRANGER_BYTES: Final = 4 * 1024
LOAD_MINUTES: Final = 5
CALM_MAIL: Final = 60  # so much of strangers' mail in LOAD_MINUTES leaves the price as it is; twice as much adds a bit
MINUTE_MS: Final = 60_000

STRANGERS: Final = options.choice(
    "strangers",
    "Mail from strangers",
    explains="Whether people without an account here may send mail to members: nobody, whoever has their computer work "
    "for each message (or waits ten minutes, or shows a voucher of a member), or everybody. Three unanswered messages "
    "to a member are the limit either way.",
    affects="Mail that is stored stays. Members write to each other either way.",
    default=lambda: "stamped",
    choices=(
        ("friends", "not taken: members only"),
        ("stamped", "taken, with proof of work, a voucher or waiting"),
        ("open", "taken within limits, without any of that"),
    ),
    formerly={"closed": "friends"},
)
DIFFICULTY: Final = options.number(
    "difficulty",
    "Price of a stranger's mail",
    explains="How much work a stranger's computer does for each message; each step more doubles it. 18 takes a "
    "second or so, 22 about twenty. When much of it comes, the price rises by itself, up to 22.",
    affects="Counts for challenges given out from now on; those that are out are good for ten minutes.",
    default=pow.DEFAULT_DIFFICULTY,
    least=16,
    most=pow.MAX_DIFFICULTY,
    unit="bits",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a stranger has shown for a message: enough (`is_paid`), a voucher, or nothing, which is enough where the
    recipient has answered before.
    """

    is_paid: bool = False
    voucher: Voucher | None = None


class Load:
    """How much mail of strangers has come in the last LOAD_MINUTES, whatever became of it: a price that rose with what
    is kept would tell who has an account.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: dict[int, int] = {}

    def note(self, now: int) -> None:
        """One more has come at `now` (ms)."""
        minute = now // MINUTE_MS
        with self._lock:
            self._minutes[minute] = self._minutes.get(minute, 0) + 1
            for old in [each for each in self._minutes if each <= minute - LOAD_MINUTES]:
                del self._minutes[old]

    def recent(self, now: int) -> int:
        """How many have come."""
        minute = now // MINUTE_MS
        with self._lock:
            return sum(count for each, count in self._minutes.items() if minute - LOAD_MINUTES < each <= minute)


load: Final = Load()


def price(now: int) -> int:
    """How many zero bits a stranger's message costs at `now` (ms)."""
    return min(pow.MAX_DIFFICULTY, DIFFICULTY.value + (load.recent(now) // CALM_MAIL).bit_length())


class SolvedOnce:
    """The challenges that have been used, each for one message, until they expire."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[bytes, tuple[bytes, int]] = {}

    def take(self, nonce: bytes, ident: bytes, *, now: int) -> None:
        """Use a challenge for a message; RemoteError("pow_needed") if it was used for another one."""
        with self._lock:
            if len(self._used) > 10_000:
                self._used = {key: value for key, value in self._used.items() if value[1] > now}
            if self._used.setdefault(nonce, (ident, now + pow.MAX_LIFE_MS))[0] != ident:
                raise RemoteError("pow_needed", "that challenge has been used")


_solved = SolvedOnce()


def challenge_make(key: bytes, *, now: int) -> dict[str, Any]:
    """A challenge for a message of `key`, at the price of now."""
    ring = keyring()
    return pow.make_challenge(
        ring.secret, server=ring.hub.public, key=key, purpose="mail", difficulty=price(now), now=now
    )


def ticket_make(key: bytes, ident: bytes, *, now: int) -> dict[str, Any]:
    """A ticket with which the message `ident` of `key` may come after a while."""
    ring = keyring()
    return vouchers.make_ticket(ring.secret, server=ring.hub.public, key=key, ident=ident, now=now)


def key_of_name(name: str) -> bytes:
    """The user key behind the account of a name in normal form; where there is none, one that nobody has, always the
    same for a name, so that strangers cannot ask who is here.
    """
    decoy = SigningKey(expand(keyring().secret, "name-decoy", lp(name.encode()))).public
    rows = Account.objects.filter(name=name).exclude(kind=Account.Kind.TEMP)
    found = rows.values_list("user__key", flat=True).first()
    return decoy if found is None else bytes(found)


def entry_of(envelope: Envelope, user: bytes | None, proof: Mapping[str, Any] | None, *, now: int) -> Entry:
    """What a stranger shows for a message; `user` is whose certificate the session has, `proof` the message's entry in
    `pow` of `publish`.

    RemoteError: pow_needed where it is not enough, whoever the message is for; bad_request, bad_encoding, bad_sig.
    """
    if STRANGERS.value == "open":
        return Entry(is_paid=True)
    ring, hub = keyring(), keyring().hub.public
    if proof is None:
        if user != envelope.author:  # whoever may have been answered has proved the key
            raise RemoteError("pow_needed", "ask for a challenge with the frame pow, or for a ticket with wait")
        return Entry()
    if "voucher" in proof:
        return Entry(voucher=vouchers.verify_voucher(proof["voucher"], hub=hub, stranger=envelope.author, now=now))
    if "ticket" in proof:  # good for one message id, and an id is stored once
        vouchers.check_ticket(ring.secret, proof["ticket"], server=hub, key=envelope.author, ident=envelope.id, now=now)
        return Entry(is_paid=True)
    nonce = pow.check_solution(
        ring.secret,
        proof.get("challenge"),
        proof.get("counter"),
        server=hub,
        key=envelope.author,
        purpose="mail",
        bind=envelope.id,
        now=now,
    )
    _solved.take(nonce, envelope.id, now=now)
    return Entry(is_paid=True)
