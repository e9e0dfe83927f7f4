"""What the topics of one session share: the budget, the figures, the events that wait to be done."""

from __future__ import annotations

from typing import Any

from accord.errors import RemoteError
from accord.sync.events import Counts, Event, Holdings, Send
from accord.sync.frames import frame_bytes
from accord.sync.limits import FREE_NODE_BYTES, FREE_REFUSALS, NODE_BYTES_A_MESSAGE


class Context:
    """One session, as its topics see it."""

    def __init__(self, holdings: Holdings, ref: int, *, asker: bool) -> None:
        self.holdings = holdings
        self.ref = ref
        self.asker = asker
        self.counts = Counts()
        self.events: list[Event] = []
        self.untaken = 0  # updates of all topics
        self.sharing = 1  # topics under way, between which the budget is divided
        self._moved = 0

    def send(self, type_: str, **rest: Any) -> None:
        """Put a frame among the events."""
        self.counts.frames_out += 1
        self.events.append(Send(frame_bytes(type_, self.ref, **rest), type_))

    def moved(self, number: int) -> None:
        """So many messages came or were taken: both sides may go on comparing."""
        self._moved += number

    @property
    def allowed(self) -> int:
        """The bytes of nodes that either side may send in the session."""
        return FREE_NODE_BYTES + NODE_BYTES_A_MESSAGE * self._moved

    @property
    def room(self) -> int:
        """What is left of them here. Never more than the peer allows: it learns of each move first."""
        return self.allowed - self.counts.node_bytes_out

    def charge(self, size: int) -> None:
        """The peer sent nodes of so many bytes; RemoteError("rate") beyond the budget."""
        self.counts.node_bytes_in += size
        if self.counts.node_bytes_in > self.allowed:
            raise RemoteError("rate", "more nodes than the messages that came of it allow")

    def refused(self, number: int) -> None:
        """So many of the peer's messages were refused; RemoteError("rate") if it sends mainly such."""
        self.counts.refused_here += number
        if self.counts.refused_here > FREE_REFUSALS + self._moved:
            raise RemoteError("rate", "too many messages that have to be refused")
