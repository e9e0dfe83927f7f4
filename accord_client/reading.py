"""What is unread in the conversations of a desk, and how far a person has read on all their devices (protocol.md
section 9, `reads`).

What arrives after one has read is unread, whatever its time, until it is read here, or on another device up to there.
Not here: the vault (vaulting.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from accord.encoding import b64encode
from accord.messages import Message
from accord_client.events import Deliver
from accord_client.overview import Overview
from accord_client.places import NOWHERE, Places
from accord_client.render import TEXTS
from accord_client.talks import Fresh, Talk

DIRECT: Final = "direct:"
USER: Final = "user:"


class Reading:
    """The read positions of one session."""

    def __init__(self, overview: Overview, places: Places) -> None:
        self._overview = overview
        self._places = places
        self._dirty: set[str] = set()  # what other devices do not know yet
        self.current: str | None = None  # the conversation that is being read

    def arrived(self, talk: Talk, event: Deliver, *, is_old: bool) -> None:
        """A text of a conversation has come; `is_old`: it was there before this program looked."""
        message = event.message
        if talk.name == self.current:
            self._places.read(talk.name, event.cursor)
            self._mark(talk, [message])
        elif self._is_unread(talk, event, is_old=is_old):
            is_to_me = talk.topic.kind == "user" or self._overview.me in message.attention_keys
            talk.fresh[message.id] = Fresh(message.created_at, is_to_me)

    def _is_unread(self, talk: Talk, event: Deliver, *, is_old: bool) -> bool:
        message = event.message
        if message.author == self._overview.me or event.cursor <= self._places.at(talk.name):
            return False
        is_read = is_old and (message.created_at, message.id) <= self._places.marks.get(talk.name, NOWHERE)
        return not is_read and self._overview.sealed.is_for_me(message)

    def read(self, talk: Talk) -> None:
        """All of a conversation has been seen."""
        row = self._overview.directory.rows.get(talk.name)
        seen = [event.cursor for event in talk.events.values()]
        self._places.read(talk.name, max([0, *seen, row.cursor if row and talk.topic.kind == "chan" else 0]))
        self._mark(talk, [event.message for event in talk.events.values()])
        talk.fresh.clear()
        self._overview.changed(None)

    def _mark(self, talk: Talk, messages: Iterable[Message]) -> None:
        texts = [(message.created_at, message.id) for message in messages if message.type in TEXTS]
        if texts and self._places.mark(talk.name, *max(texts)):
            self._dirty.add(talk.name)

    # ---------------------------------------------------------------------------------------------------- other devices

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything that other devices do not know."""
        return bool(self._dirty)

    def told(self) -> Iterator[dict[str, Any]]:
        """How far was read, as a vault has it; other devices know all of it from then on."""
        self._dirty.clear()
        for name, (at, ident) in self._places.marks.items():
            yield {"conversation": _renamed(name, USER, DIRECT), "at": at, "message": b64encode(ident)}

    def take(self, reads: Iterable[tuple[str, int, bytes]]) -> None:
        """How far was read on other devices: (conversation, created_at in ms and id of the last message)."""
        for conversation, at, ident in reads:
            name = _renamed(conversation, DIRECT, USER)
            talk = self._overview.talks.get(name)
            if self._places.mark(name, at, ident) and talk is not None:
                for key in [key for key, fresh in talk.fresh.items() if (fresh.at, key) <= (at, ident)]:
                    del talk.fresh[key]
                self._overview.changed(None)


def _renamed(name: str, old: str, new: str) -> str:
    return f"{new}{name.removeprefix(old)}" if name.startswith(old) else name
