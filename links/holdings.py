"""What this hub holds, as a session of sync asks for it (protocol.md section 5): the tables behind `accord.sync`.

One object a session, made when it opens; used in database threads, one call at a time. The compared set of a topic is
what had arrived at that moment, plus what the session itself brings, less what either side refuses. Of a private topic
about which the other hub may know nothing, as far as is known here, it is what the session itself brings, alone: it is
taken, and nothing is shown. Not here: which topics (peering.py), the trees (messaging/trees/).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from accord import merkle
from accord.errors import AccordError
from accord.topics import Topic, parse_topic
from links import selectors
from messaging import trees
from messaging.selectors import store_cursor

PREFIX_BYTES: Final = 16
IN_VAIN_MS: Final = 3600 * 1000
SINCE_STEP: Final = 1_000


@dataclass
class Acquaintance:
    """What is remembered of another hub between sessions of sync, for as long as this process lives."""

    horizons: dict[Topic, int] = field(default_factory=dict)
    in_vain: dict[bytes, int] = field(default_factory=dict)  # the first 16 bytes of an id, until when (ms)
    certificate: dict[str, Any] | None = None  # with which this hub logs in there
    has: set[int] = field(default_factory=set)  # arrival numbers of what that hub has brought or has been given

    def tidy(self, *, now: int, cursor: int) -> None:
        """Forget what is over: waits that have ended, and what lies before the roots that both have."""
        self.in_vain = {prefix: until for prefix, until in self.in_vain.items() if until > now}
        self.has = {number for number in self.has if number > cursor}


@dataclass
class _Late:
    """Of one topic: what has come after the cut by other ways than this session, as far as looked."""

    upto: int
    included: set[bytes] = field(default_factory=set)
    idents: set[bytes] = field(default_factory=set)


class Holdings:
    """The tables as `accord.sync.Holdings`. `hub` is None where a program of a person asks."""

    def __init__(
        self,
        *,
        hub: bytes | None,
        known: Acquaintance,
        topics: Mapping[Topic, int],
        carries: Callable[[Topic], bool],
        accepts: Callable[[Topic], bool],
        at: int,
        now: int,
    ) -> None:
        self.cut = store_cursor()
        self.at = at
        self.refused: list[tuple[Topic, bytes]] = []
        self.taken: list[bytes] = []
        self.differing: set[str] = set()  # topics whose trees were looked into
        self._now = now
        self._known = known
        self._topics = topics
        self._carries = carries
        self._accepts = accepts
        self._taken_only: dict[Topic, merkle.Tree] = {}
        self._shared = selectors.shared_roots(hub) if hub is not None else {}
        self._refusals = selectors.refused_idents(hub) if hub is not None else defaultdict(set)
        self._late: dict[Topic, _Late] = {}
        self._rows: dict[Topic, int] = {}

    # Which topics

    def topics(self) -> Mapping[str, int]:
        """The topics to compare, each with the later of this hub's horizon and the other's as far as known."""
        return {topic.name: max(own, self._known.horizons.get(topic, 0)) for topic, own in self._topics.items()}

    def wants(self, topic: str) -> int | None:
        """The horizon for a topic that only the other one has listed; None: it is left out."""
        name = parse_topic(topic)
        if not self._carries(name):
            if not self._accepts(name):
                return None
            self._taken_only.setdefault(name, merkle.Tree(topic=topic))
        return max(0, self._known.horizons.get(name, 0))

    def is_taken_only(self, topic: str) -> bool:
        """Whether nothing of what was here before the session counts in a topic."""
        return parse_topic(topic) in self._taken_only

    def horizon_seen(self, topic: str, horizon: int) -> None:
        """Note the other one's horizon."""
        name = parse_topic(topic)
        self._known.horizons[name] = max(horizon, self._known.horizons.get(name, 0))

    # What is in them

    def roots(self, topics: Mapping[str, int]) -> Mapping[str, tuple[bytes, int]]:
        """Root and horizon of many topics at once."""
        asked = {parse_topic(name): horizon for name, horizon in topics.items()}
        found = trees.roots(
            {topic: horizon for topic, horizon in asked.items() if topic not in self._taken_only},
            now=self._now,
            at=self.at,
            cut=self.cut,
            exclude={topic: self._refusals[topic] for topic in asked if topic in self._refusals},
        )
        return {
            topic.name: (found[topic].root, found[topic].horizon) if topic in found else (merkle.EMPTY, horizon)
            for topic, horizon in asked.items()
        }

    def view(self, topic: str, horizon: int) -> merkle.View:
        """The compared set of a topic as it is now."""
        self.differing.add(topic)
        name = parse_topic(topic)
        if name in self._taken_only:
            return self._taken_only[name].view(horizon=horizon)
        try:
            newest = store_cursor()
            excluded = self._came_late(name, newest) | self._refusals.get(name, set())
            return trees.view(name, now=self._now, at=self.at, horizon=horizon, cut=newest, exclude=excluded)
        except AccordError as error:
            if error.code != "not_found":
                raise
            return merkle.Tree(topic=topic).view(horizon=horizon)

    def _came_late(self, topic: Topic, newest: int) -> set[bytes]:
        row = self._row(topic)
        if row is None:
            return set()
        late = self._late.setdefault(topic, _Late(self.cut))
        for ident in selectors.arrived(row, late.upto, newest):
            if ident in late.included:
                late.included.discard(ident)
            else:
                late.idents.add(ident)
        late.upto = newest
        return late.idents

    def _row(self, topic: Topic) -> int | None:
        if topic not in self._rows:
            self._rows.update(selectors.topic_rows([topic]))
        return self._rows.get(topic)

    def envelopes(self, topic: str, ids: Sequence[bytes], max_bytes: int) -> list[tuple[bytes, bytes]]:
        """(id, envelope as JSON), as many as fit; b"" for what is held no longer."""
        return trees.envelopes(ids, now=self._now, max_bytes=max_bytes)

    def held(self, topic: str, prefixes: Sequence[bytes]) -> Sequence[bytes]:
        """The ids of what is held at all, of those that begin with these 16 bytes."""
        return selectors.held_prefixes(prefixes)

    def unwanted(self, topic: str, prefixes: Sequence[bytes]) -> Collection[bytes]:
        """Which of these are refused, or were asked for in vain not long ago."""
        refused = {ident[:PREFIX_BYTES] for ident in self._refusals.get(parse_topic(topic), ())}
        in_vain = self._known.in_vain
        return {prefix for prefix in prefixes if prefix in refused or in_vain.get(prefix, 0) > self._now}

    # Roots that both had

    def base(self, topic: str) -> bytes | None:
        """The last root that both had."""
        name = parse_topic(topic)
        shared = None if name in self._taken_only else self._shared.get(name)
        return shared.root if shared is not None else None

    def cursor_of(self, topic: str, root: bytes, horizon: int) -> int | None:
        """The arrival number at which the topic had this root; None: never, as far as is known."""
        name = parse_topic(topic)
        if name in self._taken_only:
            return None
        shared = self._shared.get(name)
        if shared is not None and shared.root == root and horizon >= shared.horizon:
            return shared.cursor  # what both had above that horizon, they had above a later one
        return trees.root_find(name, root, horizon)

    def after(self, topic: str, horizon: int, cursor: int) -> Iterator[bytes]:
        """What has arrived after that, without what the other hub has brought or been given."""
        view = trees.view(
            parse_topic(topic),
            now=self._now,
            at=self.at,
            horizon=horizon,
            cut=self.cut,
            exclude=self._refusals.get(parse_topic(topic), set()),
        )
        while found := view.since(cursor, SINCE_STEP):
            for number, ident in found:
                if number not in self._known.has:
                    yield ident
            cursor = found[-1][0]

    # What the session does

    def include(self, topic: str, ids: Sequence[bytes]) -> None:
        """These are held now and belong to the compared set."""
        name = parse_topic(topic)
        if name in self._taken_only:
            for ident, created_at in selectors.created(ids):
                self._taken_only[name].add(ident, created_at)
            return
        late = self._late.setdefault(name, _Late(self.cut))
        refusals = self._refusals.get(name)
        for ident in ids:
            if ident in late.idents:
                late.idents.discard(ident)
            else:
                late.included.add(ident)
            if refusals and ident in refusals:
                refusals.discard(ident)
                self.taken.append(ident)

    def refuse(self, topic: str, refusals: Sequence[tuple[bytes, str]]) -> None:
        """One of the two sides does not take these: they are left out from now on."""
        name = parse_topic(topic)
        for ident, _ in refusals:
            self._refusals.setdefault(name, set()).add(ident)
            self.refused.append((name, ident))

    def in_vain(self, topic: str, prefixes: Sequence[bytes]) -> None:
        """These were asked for and did not come."""
        for prefix in prefixes:
            self._known.in_vain[prefix] = self._now + IN_VAIN_MS
