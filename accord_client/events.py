"""What happens in a session, as values (protocol.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accord.messages import Message


@dataclass(frozen=True, slots=True)
class Deliver:
    """A verified message and its arrival number at the hub."""

    cursor: int
    message: Message


@dataclass(frozen=True, slots=True)
class Live:
    """The backlog of subscription `ref` has come, up to `cursor`."""

    ref: int
    cursor: int


@dataclass(frozen=True, slots=True)
class TopicAdded:
    """A topic that the session may read from now on; `row` as in the answer to `topics`."""

    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TopicGone:
    """A topic that the session may no longer read."""

    topic: str


@dataclass(frozen=True, slots=True)
class Signal:
    """Something of the moment: typing, presence. `sender` and `to` as the hub says them, unsigned."""

    sender: str
    to: str
    body: Any
    at: int


@dataclass(frozen=True, slots=True)
class Bye:
    """The hub announces that it ends the session. `reason` and `until` (ms), "" and 0 where it does not say."""

    code: str
    reason: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event of a connection; `code` is the WebSocket close code."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The hub's arrival numbers began anew (it was restored): what was missed is fetched, as far as it can be told."""


Event = Deliver | Live | TopicAdded | TopicGone | Signal | Bye | Closed | Restarted


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to `fetch`: newest first, with `after` oldest first. `next` leads on while `more`."""

    messages: list[Deliver]
    next: str | None
    more: bool
