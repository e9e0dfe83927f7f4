"""One conversation as a desk holds it (protocol.md section 1). Not here: where its messages come from (desk.py)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from accord.messages import Message
from accord.topics import Topic
from accord_client.events import Deliver
from accord_client.history import Column, IsAdmin, Shown, apply_changes, nobody


class Fresh(NamedTuple):
    """An unread message: its created_at (ms), and whether it is to oneself."""

    at: int
    is_to_me: bool


@dataclass
class Talk:
    """One conversation. `events` are by message id, in clear where they could be opened, `fresh` what of it is unread;
    `waiting` are messages of one's own that the hub has not answered for, `carried` how many per cent of its files the
    hub has, `refused` why it does not take one of them; `more`: there is older that was not fetched; `is_admin`: who
    may pin and delete there.
    """

    name: str
    topic: Topic
    is_admin: IsAdmin = nobody
    events: dict[bytes, Deliver] = field(default_factory=dict)
    waiting: dict[bytes, Message] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    carried: dict[bytes, int] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    is_loaded: bool = False
    fresh: dict[bytes, Fresh] = field(default_factory=dict)
    last_at: int = 0

    @property
    def unread(self) -> int:
        return len(self.fresh)

    @property
    def mentions(self) -> int:
        return sum(fresh.is_to_me for fresh in self.fresh.values())

    @property
    def more(self) -> bool:
        return any(column.more for column in self.columns)

    def shown(self, now: int) -> list[Shown]:
        """The texts as they are now, oldest first, with those that are on their way."""
        events = [*self.events.values(), *(Deliver(0, message) for message in self.waiting.values())]
        return apply_changes(events, now, self.is_admin)

    def forget_burned(self, now: int) -> bool:
        """Drop what has burned; says whether there was any."""
        burned = [
            ident
            for ident, event in self.events.items()
            if event.message.burn_at is not None and event.message.burn_at <= now
        ]
        for ident in burned:
            del self.events[ident]
            self.fresh.pop(ident, None)
        return bool(burned)


def thread_of(items: list[Shown], ident: bytes) -> list[Shown]:
    """The first message of the thread that a message belongs to and all that follows from it, in order; nothing where
    it is not among them.
    """
    held = {item.event.message.id: item for item in items}
    root, seen = ident, {ident}
    while root in held and (before := _answered(held[root])) in held and before not in seen:
        root = before
        seen.add(root)
    inside = {root}
    for item in items:
        if _answered(item) in inside:
            inside.add(item.event.message.id)
    return [item for item in items if item.event.message.id in inside]


def answers(items: list[Shown]) -> Counter[bytes]:
    """How many messages answer each."""
    return Counter(answered for item in items if not item.deleted and (answered := _answered(item)))


def _answered(item: Shown) -> bytes:
    return next(iter(item.event.message.attention_messages), b"")


def in_words(milliseconds: int) -> str:
    """How long a time is, in its greatest unit."""
    for unit, size in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000)):
        if milliseconds >= size:
            count = milliseconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{milliseconds // 1000} seconds"
