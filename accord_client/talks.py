"""One conversation as a desk holds it (protocol.md section 1). Not here: where its messages come from (desk.py)."""

from __future__ import annotations

from dataclasses import dataclass, field

from accord.messages import Message
from accord.topics import Topic
from accord_client.events import Deliver
from accord_client.history import Column, Shown, apply_changes


@dataclass
class Talk:
    """One conversation. `events` are by message id, in clear where they could be opened; `waiting` are messages of
    one's own that the hub has not answered for, `refused` why it does not take one of them; `more`: there is older that
    was not fetched.
    """

    name: str
    topic: Topic
    events: dict[bytes, Deliver] = field(default_factory=dict)
    waiting: dict[bytes, Message] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    is_loaded: bool = False
    unread: int = 0
    mentions: int = 0
    last_at: int = 0

    @property
    def more(self) -> bool:
        return any(column.more for column in self.columns)

    def shown(self, now: int) -> list[Shown]:
        """The texts as they are now, oldest first, with those that are on their way."""
        events = [*self.events.values(), *(Deliver(0, message) for message in self.waiting.values())]
        return apply_changes(events, now)

    def forget_burned(self, now: int) -> bool:
        """Drop what has burned; says whether there was any."""
        burned = [
            ident
            for ident, event in self.events.items()
            if event.message.burn_at is not None and event.message.burn_at <= now
        ]
        for ident in burned:
            del self.events[ident]
        return bool(burned)


def in_words(milliseconds: int) -> str:
    """How long a time is, in its greatest unit."""
    for unit, size in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000)):
        if milliseconds >= size:
            count = milliseconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{milliseconds // 1000} seconds"
