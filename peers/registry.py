"""Where the floors meet: handlers of WebSocket frames and of control messages, registered by the apps that own them.

A handler of a control message (`stores`) runs inside the transaction that stores it and may refuse it with AccordError.
What must happen to live sessions once it is stored (`lives`) runs on the event loop of every server process, for
messages stored by other processes too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from accord.certs import Certificate
from accord.errors import AccordError
from accord.messages import Message

if TYPE_CHECKING:
    from peers.callers import Caller
    from peers.sessions import Session


class LastingRefusal(AccordError):
    """A refusal of a control message that leaves something behind all the same.

    `lasting` is called in the transaction that would have stored the message, after what its handlers did is undone.
    """

    def __init__(self, code: str, detail: str, *, tries: int, lasting: Callable[[], None]) -> None:
        super().__init__(code, detail, tries=tries)
        self.lasting = lasting


class Publisher(Protocol):
    """Who has brought a message: on what ground, the user behind the session, who pays, the hub whose link it was."""

    @property
    def right(self) -> Enum: ...
    @property
    def user(self) -> bytes | None: ...
    @property
    def account_id(self) -> int | None: ...
    @property
    def link(self) -> bytes | None: ...


class Arrival(Protocol):
    """A message that is being stored, its arrival number, who brought it, of a private topic who reads it."""

    @property
    def message(self) -> Message: ...
    @property
    def cursor(self) -> int: ...
    @property
    def publisher(self) -> Publisher: ...
    @property
    def readers(self) -> frozenset[bytes] | None: ...


class Written(NamedTuple):
    """What some users have written that is held here: in how many channels, messages, bytes."""

    channels: int
    messages: int
    bytes: int


FrameHandler = Callable[["Session", dict[str, Any]], Awaitable[None]]
StoreHandler = Callable[[Message, dict[str, Any], int], list[bytes]]
LiveHandler = Callable[[Message], None]
StoredHook = Callable[[Sequence[Arrival], int], None]
BlessingHook = Callable[[bytes, bytes, int], None]
StartHook = Callable[[], Awaitable[None]]
SessionHook = Callable[["Session"], None]
LoginFacts = Callable[[], dict[str, Any]]
LoginCheck = Callable[[Certificate], None]
LoginReason = Callable[[bytes, int], dict[str, Any]]
Pulse = Callable[[], None]
Publish = Callable[["Caller", dict[str, Any]], None]

frame_handlers: dict[str, FrameHandler] = {}
store_handlers: dict[str, list[StoreHandler]] = {}
live_handlers: dict[str, list[LiveHandler]] = {}
# Called with all that a commit stores and the time in ms, last in its transaction: they note what is to be done later.
stored_hooks: list[StoredHook] = []
# (user, hub, now in ms): a user has blessed another hub that had no living certificate of theirs; in the transaction.
blessing_hooks: list[BlessingHook] = []
replaced_hooks: list[Callable[[bytes, bytes, int], None]] = []  # (old, new, now in ms), in the transaction
served_hooks: list[Callable[[], None]] = []  # on the loop: other hubs are to be shown other certificates than before
unserved_hooks: list[Callable[[Session, bytes], None]] = []  # on the loop: a relay's session reads an inbox no more
linked_hubs: list[Callable[[], list[bytes]]] = []  # keys of hubs that the operator has linked; in a database thread
before_login: list[StartHook] = []
session_opened: list[SessionHook] = []  # on the loop, before its first frame is read
session_closed: list[SessionHook] = []
login_facts: list[LoginFacts] = []  # fields of login_result that the floors above know
login_checks: list[LoginCheck] = []  # AccordError refuses a valid certificate; in a thread that may use the database
# (user key, now in ms): `reason` and `until` of section 3 for a user who has no live account, or nothing; the first
# that says something is heard. In a thread that may use the database.
login_reasons: list[LoginReason] = []
written: list[Callable[[Sequence[bytes]], Written]] = []  # what users, by key, have written: the app of messages
# Facts about accounts, by row id, that whoever has the account of that row id may see: fields of a member's row.
member_facts: list[Callable[[Sequence[int], int | None], dict[int, dict[str, Any]]]] = []
burns: list[
    Callable[[int], object]
] = []  # (now in ms): drop what has burned by then, as a backup that begins now wants
publish: list[Publish] = []  # how a view brings one signed message, in its thread: the app that stores messages
pulses: list[Pulse] = []  # called about twice a second in every server process, in a thread that may use the database


def frame(type_: str) -> Callable[[FrameHandler], FrameHandler]:
    """Register the handler of a frame type: an async function of (session, frame)."""

    def register(handler: FrameHandler) -> FrameHandler:
        if type_ in frame_handlers:
            raise RuntimeError(f"two handlers for the frame {type_}")
        frame_handlers[type_] = handler
        return handler

    return register


def stores(type_: str) -> Callable[[StoreHandler], StoreHandler]:
    """Register what a control message does, in its transaction: a function of (message, checked body, now in ms).

    It gives the user keys that the message concerns besides its author; AccordError refuses the message. Several apps
    may have a part in one type: theirs come after the parts of the floors below.
    """

    def register(handler: StoreHandler) -> StoreHandler:
        store_handlers.setdefault(type_, []).append(handler)
        return handler

    return register


def lives(type_: str) -> Callable[[LiveHandler], LiveHandler]:
    """Register what a stored control message means for the sessions of this process."""

    def register(handler: LiveHandler) -> LiveHandler:
        live_handlers.setdefault(type_, []).append(handler)
        return handler

    return register
