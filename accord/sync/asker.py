"""The asker: the peer that logged in starts a session and compares (protocol.md section 5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from accord.errors import RemoteError
from accord.merkle import EMPTY, digest_bucket
from accord.sync.events import Event, Holdings, Unequal
from accord.sync.frames import Row, joined
from accord.sync.limits import DIGESTS_ABOVE_TOPICS, LARGEST_ENTRY_BYTES, MAX_CURRENTS, MAX_OPEN_TOPICS
from accord.sync.session import SyncSession
from accord.sync.topic import Phase, TopicSync


class Asker(SyncSession):
    """The side that starts."""

    asker = True

    def __init__(self, open: Callable[[int], Holdings]) -> None:
        super().__init__(open)
        self._queue: deque[TopicSync] = deque()  # to be compared when others are done
        self._own: list[Row] = []  # what the digests were made of

    def start(self, ref: int, at: int, now: int) -> list[Event]:
        """Ask the peer for a comparison as of `at` (ms, a whole minute); `ref` is greater than any before."""
        if ref <= self.ref:
            raise ValueError("a greater ref expected")
        self._begin(ref, at, now)
        self._queue.clear()
        return self._run(self._tell_first)

    def _tell_first(self) -> None:
        rows = self._own_rows(self._now.holdings.topics())
        if len(rows) <= DIGESTS_ABOVE_TOPICS:
            self._ask(rows)
            return
        self._own = rows
        self._now.send("current", at=self._at, digests=joined(self._digests(rows)))
        self._due = "differ"

    def _ask(self, rows: list[Row]) -> None:
        self._tell(rows)
        self._parts = 0
        self._due = "current"
        self._currents += 1

    def _differ(self, frame: dict[str, Any]) -> None:
        if self._due != "differ":
            raise RemoteError("bad_request", "differ: no digests were sent")
        rows, self._own = self._own, []
        differing = set(frame["buckets"])
        self._due = ""
        for row in rows:
            if digest_bucket(row.topic) not in differing:
                self._equal(row)
        if differing:
            self._ask([row for row in rows if digest_bucket(row.topic) in differing])

    def _latest(self, frame: dict[str, Any]) -> None:
        for name in frame["topics"]:
            topic = self._topics.get(name)
            if topic is None or topic.phase is not Phase.LISTED:
                raise RemoteError("bad_request", "latest: of a topic that was not told of")
            topic.phase = Phase.CLOSED
            self._equal(self._listed[name])

    def _current(self, frame: dict[str, Any]) -> None:
        if self._due != "current" or "digests" in frame:
            raise RemoteError("bad_request", "current: not expected")
        rows = self._collect(frame)
        if rows is None:
            return
        again = dict(filter(None, map(self._consider, rows)))
        for topic in self._topics.values():
            if topic.phase is Phase.LISTED:  # neither equal nor differing: the peer does not share it
                topic.phase = Phase.CLOSED
        if again:
            self._ask(self._own_rows(again))

    def _consider(self, row: Row) -> tuple[str, int] | None:
        """Begin with a topic that the peer told of; or give the horizon from which to tell of it (again)."""
        holdings, topic = self._now.holdings, self._topics.get(row.topic)
        holdings.horizon_seen(row.topic, row.horizon)
        if topic is None:
            own = holdings.wants(row.topic)
            if own is None:
                return None
            topic = TopicSync(self._now, row.topic, EMPTY, own)
        elif topic.phase is not Phase.LISTED:
            raise RemoteError("bad_request", "current: of a topic that is under way")
        if row.horizon != topic.horizon:
            if self._currents < MAX_CURRENTS:
                return row.topic, max(row.horizon, topic.horizon)
            topic.phase = Phase.CLOSED
            self._now.events.append(Unequal(row.topic, "the horizons do not meet"))
            return None
        cursor = holdings.cursor_of(row.topic, row.root, row.horizon)
        if cursor is None:
            topic.phase = Phase.QUEUED
            self._queue.append(topic)
        else:
            self._activate(topic).send_since(row.root, cursor)
        return None

    def _since(self, frame: dict[str, Any]) -> None:
        topic, start = self._topic(frame), frame["from"]
        holdings = self._now.holdings
        if start != topic.root and start != holdings.base(topic.name):
            raise RemoteError("bad_request", "since: from a root that is not known here")
        topic.accept_since(more=frame["more"])
        if start != topic.root:
            topic.send_since(start, holdings.cursor_of(topic.name, start, topic.horizon))

    def _go_on(self) -> None:
        comparing = sum(topic.phase is Phase.OPEN for topic in self._active.values())
        while self._queue and self._now.room >= LARGEST_ENTRY_BYTES and comparing < MAX_OPEN_TOPICS:
            self._activate(self._queue.popleft()).begin_pass()
            comparing += 1
        if not comparing:  # nothing is under way that could add to the budget
            while self._queue:
                self._now.events.append(Unequal(self._queue.popleft().name, "the budget of the session is used up"))
        super()._go_on()
