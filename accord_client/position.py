"""How far a listener has come: nothing lost and nothing twice over reconnects (protocol.md section 4, "subscribe").

Several subscriptions of one connection may each bring a backlog, so cursors do not always rise. The position that is
safe to resume from stays where it is while any backlog is open; what was shown beyond it is remembered by cursor.
sans-IO: no socket, no clock.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from accord_client.events import Deliver
from accord_client.profile import Position

MAX_RECENT_IDS: Final = 10_000
LATE_MS: Final = 10 * 60 * 1000


class Progress:
    """The moving position of one listener. `start` is where an earlier run ended."""

    def __init__(self, start: Position | None = None) -> None:
        self._start = start
        self.store = start.store if start else ""
        self.cursor = start.cursor if start else None
        self.at = start.at if start else 0
        self.catching_up = False
        self._open: set[int] = set()
        self._beyond: set[int] = set()
        self._farthest = 0
        self._recent: OrderedDict[bytes, None] = OrderedDict()

    def position(self) -> Position | None:
        """From where another run may go on; None while that is not known."""
        return None if self.cursor is None or self.catching_up else Position(self.store, self.cursor, self.at)

    def connected(self) -> None:
        """A new connection: backlogs that were open on the old one come again, from the safe position."""
        self._open.clear()
        self._farthest = self.cursor or 0

    def subscribed(self, ref: int, cursor: int, store: str, *, now: int) -> None:
        """A subscription was made at `now` (ms): with a backlog if there is a position, else this is the first one."""
        if self.cursor is None:
            self.store, self.cursor = store, cursor
            if not self.catching_up:  # what is older than the listener is never missed
                self.at = max(self.at, now)
            self._farthest = cursor
        else:
            self._open.add(ref)

    def live(self, ref: int, cursor: int) -> None:
        """The backlog of subscription `ref` has been shown, up to `cursor`."""
        self._open.discard(ref)
        self._advance(cursor)

    def is_new(self, event: Deliver) -> bool:
        """Whether a message is still to be shown."""
        return event.cursor > (self.cursor or 0) and event.cursor not in self._beyond

    def shown(self, event: Deliver) -> None:
        """A message has been shown."""
        self.at = max(self.at, event.message.created_at)
        self._recent[event.message.id] = None
        if len(self._recent) > MAX_RECENT_IDS:
            self._recent.popitem(last=False)
        if event.cursor > (self.cursor or 0):
            self._beyond.add(event.cursor)
            self._advance(event.cursor)

    def knows(self, ident: bytes) -> bool:
        """Whether the message of that id was shown lately."""
        return ident in self._recent

    def restart(self) -> None:
        """The hub's cursors began anew: the position is given up, what was shown is not."""
        self.cursor = None
        self.catching_up = True
        self._beyond.clear()
        self._open.clear()

    def missed(self, event: Deliver, up_to: int) -> bool:
        """After a restart: whether a fetched message was not shown, and will not come live after cursor `up_to`."""
        return (
            event.cursor <= up_to and event.message.id not in self._recent and event.message.created_at > self.floor()
        )

    def floor(self) -> int:
        """After a restart: the created_at (ms) beyond which messages may have been missed."""
        return max(0, self.at - LATE_MS) if self._recent else self.at

    def _advance(self, cursor: int) -> None:
        self._farthest = max(self._farthest, cursor)
        if not self._open and self._farthest > (self.cursor or 0):
            self.cursor = self._farthest
            self._beyond = {item for item in self._beyond if item > self._farthest}
