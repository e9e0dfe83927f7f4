"""What a sync session asks its driver to do, and what it needs of a store (protocol.md section 5)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from accord.merkle import View
from accord.messages import Envelope


@dataclass(frozen=True, slots=True)
class Send:
    """Send a frame: its JSON text, and its type."""

    data: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Store:
    """Verify, admit and store these like published messages, then call `stored`. Their signatures are not looked at;
    they are well-formed, of the topic, and were asked for.
    """

    ref: int
    topic: str
    seq: int
    messages: list[Envelope]


@dataclass(frozen=True, slots=True)
class Equal:
    """Both sides have this root of the topic: the new base."""

    topic: str
    root: bytes
    horizon: int


@dataclass(frozen=True, slots=True)
class Unequal:
    """The topic is left as it is for now; the next try is after `retry_ms`."""

    topic: str
    detail: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is due from either side. An asker is finished; an answerer may be asked further."""


@dataclass(frozen=True, slots=True)
class Over:
    """The session ended by a fault, with an error code."""

    code: str
    detail: str


Event = Send | Store | Equal | Unequal | Settled | Over


@dataclass(slots=True)
class Counts:
    """A session in figures: frames each way, messages that came and went, refusals by either side, bytes of nodes."""

    frames_in: int = 0
    frames_out: int = 0
    got: int = 0
    sent: int = 0
    refused_here: int = 0
    refused_there: int = 0
    node_bytes_in: int = 0
    node_bytes_out: int = 0


class Holdings(Protocol):
    """A store as one session with one peer sees it, as of the session's moment and cut by the cursor of its beginning.

    Any call may raise AccordError, which ends the session (`gone` where a topic's horizon has moved).
    """

    def topics(self) -> Mapping[str, int]:
        """The topics to compare, each with a horizon (ms): the later of the own and the peer's last known one."""

    def wants(self, topic: str) -> int | None:
        """The own horizon for a topic that only the peer listed; None leaves it out."""

    def roots(self, topics: Mapping[str, int]) -> Mapping[str, tuple[bytes, int]]:
        """(root, horizon) of topics as seen from the given horizon, or from the own one where that is later."""

    def view(self, topic: str, horizon: int) -> View:
        """The tree: what was held at the cut, with what was included and without what was refused since."""

    def base(self, topic: str) -> bytes | None:
        """The last root that both sides had."""

    def cursor_of(self, topic: str, root: bytes, horizon: int) -> int | None:
        """The arrival cursor that belongs to a root of the index, or to the base; None for any other."""

    def after(self, topic: str, horizon: int, cursor: int) -> Iterator[bytes]:
        """The ids in the view that arrived after a cursor, but what this peer is known to have brought."""

    def held(self, topic: str, prefixes: Sequence[bytes]) -> Sequence[bytes]:
        """The full ids of those messages (first 16 bytes given) that are held at all, be it outside of the view."""

    def unwanted(self, topic: str, prefixes: Sequence[bytes]) -> Collection[bytes]:
        """Which of these were refused, or asked of this peer in vain within the hour."""

    def envelopes(self, topic: str, ids: Sequence[bytes], max_bytes: int) -> Sequence[tuple[bytes, bytes]]:
        """(id, envelope as JSON) in the order given, as many as fit, at least one; empty bytes for what is gone."""

    def include(self, topic: str, ids: Sequence[bytes]) -> None:
        """These came in this session, or are held at both ends: the view has them from now on."""

    def refuse(self, topic: str, refusals: Sequence[tuple[bytes, str]]) -> None:
        """(id, code) that one side refuses for good: the view leaves them out from now on."""

    def in_vain(self, topic: str, prefixes: Sequence[bytes]) -> None:
        """These were wanted and did not come."""

    def horizon_seen(self, topic: str, horizon: int) -> None:
        """The peer compares from this horizon on."""
