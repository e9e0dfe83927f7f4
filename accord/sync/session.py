"""The machine of a sync session: what both sides share (protocol.md section 5).

Bytes stay outside: `receive` takes a frame as parsed from JSON and gives events. One object serves one connection in
one role (accord.sync.asker, accord.sync.answerer), session after session. Not here: the connection, the store
(`Holdings`), verification and admission of what `Store` hands out, which peer is asked when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from accord.errors import AccordError, RemoteError
from accord.merkle import DIGEST_BUCKETS, digest_bucket, topics_digest
from accord.sync.context import Context
from accord.sync.events import Counts, Equal, Event, Holdings, Over, Send, Settled, Store
from accord.sync.frames import FRAMES, Row, frame_bytes, frame_ref, read_frame, row_json
from accord.sync.limits import MAX_CURRENT_PARTS, MAX_LISTED_TOPICS, SILENCE_MS
from accord.sync.topic import Phase, TopicSync


class SyncSession:
    """One side of the sync sessions of one connection; its calls must not overlap.

    `open` makes the Holdings of a session from its `at` (ms).
    """

    asker: ClassVar[bool]

    def __init__(self, open: Callable[[int], Holdings]) -> None:
        self.ref = -1
        self.counts = Counts()  # of the open session, or of the last one
        self._open_holdings = open
        self._context: Context | None = None
        self._at = 0
        self._topics: dict[str, TopicSync] = {}
        self._active: dict[str, TopicSync] = {}  # those under way, and those that a frame has just touched
        self._listed: dict[str, Row] = {}  # what this side told last, by topic
        self._rows: list[Row] = []  # parts of a `current` that is not complete
        self._parts = 0
        self._currents = 0  # of the asker
        self._scope: frozenset[int] | None = None  # digest buckets that are looked into
        self._due = ""  # the frame that the peer owes: current, differ
        self._settled = True
        self._heard = 0
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "current": self._current,
            "differ": self._differ,
            "latest": self._latest,
            "since": self._since,
            "nodes": lambda frame: self._topic(frame).receive_nodes(frame.get("entries", []), frame.get("want", b"")),
            "update": lambda frame: self._topic(frame).receive_update(
                frame["seq"], frame["messages"], more=frame["more"]
            ),
            "took": lambda frame: self._topic(frame).receive_took(frame["seq"], frame.get("refused", [])),
            "done": lambda frame: self._topic(frame).receive_done(frame["root"], frame["horizon"]),
        }

    # ------------------------------------------------------------------------------------------------------ the driver

    @property
    def open(self) -> bool:
        """Whether something is due from either side."""
        return not self._settled

    @property
    def wanted(self) -> int:
        """How many messages were asked for and are not here."""
        return sum(len(topic.wanted) for topic in self._active.values())

    def receive(self, frame: dict[str, Any], now: int) -> list[Event]:
        """Take a frame of FRAMES, or an error; what a peer sends never raises. `now` in ms."""
        type_, ref = frame.get("type"), frame_ref(frame)
        if type(type_) is not str or ref is None:
            return []
        if failed := self._before(type_, ref, frame, now):
            return failed
        if ref != self.ref or self._context is None:
            return []
        if type_ == "error":
            return self._peer_failed(frame)
        if type_ not in FRAMES:
            return []
        self._heard = now
        self.counts.frames_in += 1
        return self._run(lambda: self._handlers[type_](read_frame(frame)))

    def stored(self, store: Store, codes: list[str | None], now: int) -> list[Event]:
        """What became of a Store: for each message a code if it was refused, None if it is held now."""
        if self._context is None or store.ref != self.ref:
            return []
        self._heard = now
        topic = self._active[store.topic]
        return self._run(lambda: topic.take(store.seq, codes))

    def idle(self, now: int) -> list[Event]:
        """Give up on a peer that owes something and has been silent for too long."""
        owes = self._due or any(topic.due for topic in self._active.values())
        if self._context is None or not owes or now - self._heard < SILENCE_MS:
            return []
        return self._failed(RemoteError("busy", "the peer does not answer"))

    # ----------------------------------------------------------------------------------------------------- life of one

    def _before(self, type_: str, ref: int, frame: dict[str, Any], now: int) -> list[Event]:
        """What a frame means before it belongs to the open session; events if it cannot be taken."""
        return []

    def _begin(self, ref: int, at: int, now: int) -> None:
        self.ref, self._at, self._heard = ref, at, now
        self._topics, self._active, self._listed, self._rows = {}, {}, {}, []
        self._parts = self._currents = 0
        self._scope = None
        self._due = ""
        self._settled = False
        self._context = Context(self._open_holdings(at), ref, asker=self.asker)
        self.counts = self._context.counts

    @property
    def _now(self) -> Context:
        assert self._context is not None  # noqa: S101 - every way here has looked
        return self._context

    def _run(self, step: Callable[[], None]) -> list[Event]:
        context = self._now
        try:
            step()
            self._go_on()
        except AccordError as error:
            return self._failed(error)
        events, context.events = context.events, []
        return events

    def _failed(self, error: AccordError) -> list[Event]:
        """What was decided before the fault is still to be done; then the peer is told, and it is over."""
        events: list[Event] = list(self._context.events) if self._context else []
        self._context, self._settled, self._due = None, True, ""
        data = frame_bytes("error", self.ref, code=error.code, detail=error.detail)
        return [*events, Send(data, "error"), Over(error.code, error.detail)]

    def _peer_failed(self, frame: dict[str, Any]) -> list[Event]:
        self._context, self._settled, self._due = None, True, ""
        code, detail = frame.get("code"), frame.get("detail")
        code = code if type(code) is str else "internal"
        return [Over(code[:32], f"the peer: {detail}"[:200] if type(detail) is str else "the peer gave no reason")]

    def _go_on(self) -> None:
        """Whatever can be done now: updates in turn, `done`, the end."""
        self._now.sharing = len(self._active)
        sending = deque(topic for topic in self._active.values() if topic.can_send)
        while sending:
            topic = sending.popleft()
            topic.send_update()
            if topic.can_send:
                sending.append(topic)
        for topic in list(self._active.values()):
            topic.advance()
            if topic.phase is Phase.CLOSED:
                del self._active[topic.name]
        if self._due or any(topic.phase is Phase.OPEN for topic in self._active.values()):
            self._settled = False
        elif not self._settled:
            self._settled = True
            self._now.events.append(Settled())

    # ------------------------------------------------------------------------------------------------ telling of roots

    def _tell(self, rows: Iterable[Row]) -> None:
        """A `current`, in as many frames as it takes."""
        rows = sorted(rows, key=lambda row: row.topic)
        for row in rows:
            self._listed[row.topic] = row
            self._topics[row.topic] = TopicSync(self._now, row.topic, row.root, row.horizon)
        for start in range(0, len(rows) or 1, MAX_LISTED_TOPICS):
            part = [row_json(row) for row in rows[start : start + MAX_LISTED_TOPICS]]
            more = start + MAX_LISTED_TOPICS < len(rows)
            self._now.send("current", at=self._at, topics=part, more=more)

    def _collect(self, frame: dict[str, Any]) -> list[Row] | None:
        """Take a part of a `current`; the whole when it is the last one."""
        if frame["at"] != self._at:
            raise RemoteError("bad_request", "current: another `at`")
        self._parts += 1
        if self._parts > MAX_CURRENT_PARTS:
            raise RemoteError("rate", f"current: more than {MAX_CURRENT_PARTS} parts")
        rows = frame.get("topics", [])
        if self._rows and rows and rows[0].topic <= self._rows[-1].topic:
            raise RemoteError("bad_request", "current: not in rising order")
        self._rows.extend(rows)
        if frame.get("more", False):
            self._due = "current"
            return None
        self._due = ""
        whole, self._rows = self._rows, []
        return whole

    def _own_rows(self, topics: Mapping[str, int]) -> list[Row]:
        holdings = self._now.holdings
        rows = []
        for name, (root, horizon) in holdings.roots(topics).items():
            base = holdings.base(name)
            rows.append(Row(name, root, horizon, base if base != root else None))
        return rows

    def _digests(self, rows: Iterable[Row]) -> list[bytes]:
        buckets: list[list[tuple[str, bytes, int]]] = [[] for _ in range(DIGEST_BUCKETS)]
        for row in sorted(rows, key=lambda row: row.topic):
            buckets[digest_bucket(row.topic)].append((row.topic, row.root, row.horizon))
        return [topics_digest(bucket) for bucket in buckets]

    def _equal(self, row: Row) -> None:
        self._now.events.append(Equal(row.topic, row.root, row.horizon))

    # ---------------------------------------------------------------------------------------------------------- frames

    def _current(self, frame: dict[str, Any]) -> None:
        raise NotImplementedError

    def _since(self, frame: dict[str, Any]) -> None:
        raise NotImplementedError

    def _differ(self, frame: dict[str, Any]) -> None:
        raise RemoteError("bad_request", "differ: not expected")

    def _latest(self, frame: dict[str, Any]) -> None:
        raise RemoteError("bad_request", "latest: not expected")

    def _topic(self, frame: dict[str, Any]) -> TopicSync:
        topic = self._topics.get(frame["topic"])
        if topic is None:
            raise RemoteError("bad_request", "a topic that was not told of")
        return self._activate(topic)

    def _activate(self, topic: TopicSync) -> TopicSync:
        self._topics[topic.name] = self._active[topic.name] = topic
        return topic


def poke() -> bytes:
    """The frame by which a hub asks the peer that logged in to start a session; it has no ref."""
    return b'{"type":"poke"}'
