"""The answerer: the peer that was logged in to (protocol.md section 5)."""

from __future__ import annotations

from typing import Any

from accord.errors import AccordError, RemoteError
from accord.merkle import EMPTY, digest_bucket
from accord.sync.events import Event
from accord.sync.frames import Row
from accord.sync.limits import AT_STEP_MS, MAX_CLOCK_DIFFERENCE_MS, MAX_CURRENTS, MAX_LISTED_TOPICS
from accord.sync.session import SyncSession
from accord.sync.topic import Phase, TopicSync


class Answerer(SyncSession):
    """The side that is asked."""

    asker = False

    def _before(self, type_: str, ref: int, frame: dict[str, Any], now: int) -> list[Event]:
        """A `current` with a greater ref ends the session before and opens one."""
        if type_ != "current" or ref <= self.ref:
            return []
        try:
            at = frame.get("at")
            if type(at) is not int or at % AT_STEP_MS or abs(at - now) > MAX_CLOCK_DIFFERENCE_MS:
                raise RemoteError("bad_request", "current: `at` is no whole minute, or too far from the clock here")
            self._begin(ref, at, now)
        except AccordError as error:
            self.ref, self._context = ref, None
            return self._failed(error)
        return []

    def _current(self, frame: dict[str, Any]) -> None:
        if "digests" in frame:
            self._compare_digests(frame)
            return
        rows = self._collect(frame)
        if rows is None:
            return
        self._currents += 1
        if self._currents > MAX_CURRENTS:
            raise RemoteError("rate", f"current: more than {MAX_CURRENTS} times")
        self._answer({row.topic: row for row in rows})

    def _compare_digests(self, frame: dict[str, Any]) -> None:
        if self._currents or self._parts or self._scope is not None or frame["at"] != self._at:
            raise RemoteError("bad_request", "current: digests come once and first")
        rows = self._own_rows(self._now.holdings.topics())
        pairs = zip(self._digests(rows), frame["digests"], strict=True)
        self._scope = frozenset(bucket for bucket, (own, theirs) in enumerate(pairs) if own != theirs)
        self._now.send("differ", buckets=sorted(self._scope))
        for row in rows:
            if digest_bucket(row.topic) not in self._scope:
                self._equal(row)
        self._due = "current" if self._scope else ""

    def _answer(self, told: dict[str, Row]) -> None:
        """`latest` for what is equal, `since` for roots of the past, one `current` for what differs."""
        latest: list[str] = []
        differing: list[Row] = []
        ready: list[tuple[Row, Row]] = []
        for own in self._own_rows(self._compared(told)):
            theirs = told.get(own.topic)
            if theirs is None:
                if own.root != EMPTY:
                    differing.append(own)
                continue
            self._now.holdings.horizon_seen(own.topic, theirs.horizon)
            if (topic := self._topics.get(own.topic)) is not None and topic.phase is not Phase.LISTED:
                raise RemoteError("bad_request", "current: of a topic that is under way")
            if own.horizon != theirs.horizon:
                differing.append(own)
            elif own.root == theirs.root:
                latest.append(own.topic)
                self._equal(own)
            else:
                ready.append((own, theirs))
        latest.sort()
        for start in range(0, len(latest), MAX_LISTED_TOPICS):
            self._now.send("latest", topics=latest[start : start + MAX_LISTED_TOPICS])
        self._tell(differing + [own for own, theirs in ready if not self._since_known(own, theirs)])

    def _compared(self, told: dict[str, Row]) -> dict[str, int]:
        """The topics to look at, each with the later horizon: what the asker told of, at first also what it did not."""
        holdings = self._now.holdings
        readable = dict(holdings.topics())
        asked: dict[str, int] = {}
        for name, row in told.items():
            own = readable.pop(name, None)
            if own is None:
                own = holdings.wants(name)
            if own is not None:
                asked[name] = max(own, row.horizon)
        if self._currents == 1:
            for name, own in readable.items():
                if self._scope is None or digest_bucket(name) in self._scope:
                    asked[name] = own
        return asked

    def _since_known(self, own: Row, theirs: Row) -> bool:
        """Begin with `since` where the asker's root, or the base of both, is known here."""
        holdings, start = self._now.holdings, theirs.root
        cursor = holdings.cursor_of(own.topic, start, own.horizon)
        owed = cursor is None
        if cursor is None and theirs.base is not None and theirs.base == holdings.base(own.topic):
            start = theirs.base
            cursor = holdings.cursor_of(own.topic, start, own.horizon)
        if cursor is None:
            return False
        topic = self._activate(TopicSync(self._now, own.topic, own.root, own.horizon))
        topic.send_since(start, cursor, owed=owed)
        return True

    def _since(self, frame: dict[str, Any]) -> None:
        topic = self._topic(frame)
        start = self._now.holdings.base(topic.name) if topic.since_due else topic.root
        if frame["from"] != start:
            raise RemoteError("bad_request", "since: from a root that is not known here")
        topic.accept_since(more=frame["more"])
