"""Hubs in memory for the tests of sync: a store with arrival numbers, burning, pruning and an index of roots, and the
driver that carries the frames of two machines.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import orjson

from accord import sync
from accord.encoding import b64encode
from accord.errors import AccordError, RemoteError
from accord.keys import SigningKey
from accord.merkle import EMPTY, HORIZON_MS, Tree, View, horizon_of
from accord.messages import Envelope, create, parse_envelope, verify

NOW = 1_790_000_000_000
MINUTE_MS = 60_000
BURNED_KEPT_MS = 10 * MINUTE_MS
AUTHORS = [SigningKey(bytes([number]) * 32) for number in range(1, 4)]


def topic_name(number: int) -> str:
    return f"chan:{b64encode(hashlib.sha256(str(number).encode()).digest())}"


TOPIC = topic_name(0)


@dataclass(frozen=True, slots=True)
class Written:
    """A signed message, as it goes into a frame."""

    id: bytes
    topic: str
    created_at: int
    burn_at: int | None
    data: bytes


@cache
def write(number: int, created_at: int, topic: str = TOPIC, burn_at: int | None = None) -> Written:
    """The message of a number: the same whenever it is asked for."""
    fields = {} if burn_at is None else {"burn_at": burn_at}
    envelope = create(
        AUTHORS[number % len(AUTHORS)],
        type="chat.text",
        to=topic,
        body=orjson.dumps({"text": str(number)}),
        created_at=created_at,
        salt=number.to_bytes(16, "big"),
        **fields,
    )
    parsed = parse_envelope(envelope)
    return Written(parsed.id, topic, created_at, burn_at, orjson.dumps(envelope))


@dataclass(slots=True)
class Row:
    """A message as held: when it arrived, who brought it, whether it has burned."""

    message: Written
    cursor: int
    bringer: str
    burned_at: int | None = None


class Hub:
    """A store. `clock` is how far its clock is from the others'; `keeps` how many messages it holds on to."""

    def __init__(self, name: str, *, clock: int = 0, keeps: int | None = None) -> None:
        self.name = name
        self.clock = clock
        self.keeps = keeps
        self.cursor = 0
        self.rows: dict[str, dict[bytes, Row]] = defaultdict(dict)
        self.arrivals: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        self.burning: dict[str, set[bytes]] = defaultdict(set)
        self.trees: dict[str, Tree] = {}
        self.horizons: dict[str, int] = defaultdict(int)
        self.index: dict[tuple[str, bytes, int], int] = {}
        self.bases: dict[tuple[str, str], tuple[bytes, int, int]] = {}
        self.refused: dict[str, set[bytes]] = defaultdict(set)  # by peer
        self.vain: dict[str, set[bytes]] = defaultdict(set)
        self.peer_horizons: dict[tuple[str, str], int] = {}
        self.topics: set[str] = set()
        self.rejects: Callable[[Envelope], str | None] = lambda message: None
        self.unverified = 0

    def now(self, time: int) -> int:
        return time + self.clock

    def tree(self, topic: str) -> Tree:
        return self.trees.setdefault(topic, Tree(topic=topic))

    def hold(self, message: Written, bringer: str = "") -> None:
        self.topics.add(message.topic)
        if message.id not in self.rows[message.topic]:
            self.cursor += 1
            self.rows[message.topic][message.id] = Row(message, self.cursor, bringer)
            self.arrivals[message.topic].append((self.cursor, message.id))
            if message.burn_at is not None:
                self.burning[message.topic].add(message.id)
            self.tree(message.topic).add(message.id, message.created_at)

    def take(self, envelope: Envelope, bringer: str, time: int) -> str | None:
        """Store a message that came: verified first; the code of a refusal."""
        now = self.now(time)
        try:
            verify(envelope)
        except RemoteError as error:
            return error.code
        if envelope.created_at > now + 5 * MINUTE_MS:
            return "future"
        if envelope.burn_at is not None and envelope.burn_at <= now:
            return "burned"
        if envelope.created_at < self.horizons[envelope.topic.name]:
            return "gone"
        if code := self.rejects(envelope):
            return code
        value = {"header": envelope.header, "sig": b64encode(envelope.sig)}
        assert envelope.salt is not None
        assert envelope.body is not None
        value |= {"salt": b64encode(envelope.salt), "body": b64encode(envelope.body)}
        name = envelope.topic.name
        self.hold(Written(envelope.id, name, envelope.created_at, envelope.burn_at, orjson.dumps(value)), bringer)
        return None

    def burn(self, time: int) -> None:
        now = self.now(time)
        for topic, burning in self.burning.items():
            for ident in list(burning):
                row = self.rows[topic].get(ident)
                if row is None:
                    burning.remove(ident)
                elif row.message.burn_at is not None and row.message.burn_at <= now:
                    row.burned_at = row.burned_at or now
                    if row.burned_at + BURNED_KEPT_MS < now:
                        del self.rows[topic][ident]
                        self.trees[topic].remove(ident, row.message.created_at)

    def prune(self, topic: str, horizon: int) -> None:
        """Forget what is older; nothing if the horizon is there already."""
        if horizon <= self.horizons[topic]:
            return
        self.horizons[topic] = horizon
        for ident, row in list(self.rows[topic].items()):
            if row.message.created_at < horizon:
                del self.rows[topic][ident]
                self.tree(topic).remove(ident, row.message.created_at)

    def shrink(self) -> None:
        """Keep to the size: whole buckets, oldest first."""
        while self.keeps is not None and sum(map(len, self.rows.values())) > self.keeps:
            topic, oldest = min(
                ((topic, row.message.created_at) for topic, rows in self.rows.items() for row in rows.values()),
                key=lambda item: item[1],
            )
            self.prune(topic, horizon_of(oldest) + HORIZON_MS)

    def ids(self, topic: str, horizon: int = 0) -> set[bytes]:
        """What is held from a horizon on, and has not burned."""
        rows = self.rows[topic].values()
        return {row.message.id for row in rows if row.message.created_at >= horizon and row.burned_at is None}

    def lasting(self, topic: str, horizon: int, time: int) -> set[bytes]:
        """What of it does not burn within the next minutes, when it is in no tree any more."""
        rows = self.rows[topic]
        soon = {
            ident
            for ident in self.burning[topic] & rows.keys()
            if (rows[ident].message.burn_at or 0) < time + 10 * MINUTE_MS
        }
        return self.ids(topic, horizon) - soon

    def note(self, topic: str) -> None:
        """Enter the present root into the index."""
        horizon = self.horizons[topic]
        self.index[topic, self.tree(topic).view(horizon=horizon).root, horizon] = self.cursor


class HubHoldings:
    """A hub's store as a session sees it."""

    def __init__(self, hub: Hub, peer: str, at: int, readable: Callable[[str], bool]) -> None:
        self.hub, self.peer, self.at = hub, peer, at
        self.readable = readable
        self.cut = hub.cursor
        self.included: set[bytes] = set()
        self.forgetful = False

    def topics(self) -> Mapping[str, int]:
        return {name: self._horizon(name) for name in self.hub.topics if self.readable(name)}

    def wants(self, topic: str) -> int | None:
        return self._horizon(topic) if self.readable(topic) else None

    def _horizon(self, topic: str) -> int:
        return max(self.hub.horizons[topic], self.hub.peer_horizons.get((self.peer, topic), 0))

    def roots(self, topics: Mapping[str, int]) -> Mapping[str, tuple[bytes, int]]:
        views = {name: self.view(name, horizon) for name, horizon in topics.items()}
        return {name: (view.root, view.horizon) for name, view in views.items()}

    def _inside(self, row: Row) -> bool:
        message = row.message
        return (
            (message.burn_at is None or message.burn_at > self.at + 300_000)
            and (row.cursor <= self.cut or message.id in self.included)
            and message.id not in self.hub.refused[self.peer]
        )

    def view(self, topic: str, horizon: int) -> View:
        hub, arrivals = self.hub, self.hub.arrivals[topic]
        after = arrivals[bisect_right(arrivals, (self.cut, b"\xff" * 33)) :]
        doubtful = {ident for _, ident in after} | hub.burning[topic] | hub.refused[self.peer]
        rows = [row for ident in doubtful if (row := hub.rows[topic].get(ident))]
        outside = [(row.message.id, row.message.created_at) for row in rows if not self._inside(row)]
        return hub.tree(topic).view(horizon=max(horizon, hub.horizons[topic]), exclude=outside)

    def base(self, topic: str) -> bytes | None:
        base = self.hub.bases.get((self.peer, topic))
        return base[0] if base else None

    def cursor_of(self, topic: str, root: bytes, horizon: int) -> int | None:
        base = self.hub.bases.get((self.peer, topic))
        if self.forgetful:
            return None
        if base and base[0] == root:
            return base[2]
        return 0 if root == EMPTY else self.hub.index.get((topic, root, horizon))

    def after(self, topic: str, horizon: int, cursor: int) -> Iterator[bytes]:
        arrivals = self.hub.arrivals[topic]
        for _, ident in arrivals[bisect_right(arrivals, (cursor, b"\xff" * 33)) :]:
            row = self.hub.rows[topic].get(ident)
            if row and row.bringer != self.peer and row.message.created_at >= horizon and self._inside(row):
                yield row.message.id

    def held(self, topic: str, prefixes: Sequence[bytes]) -> Sequence[bytes]:
        by_prefix = {ident[:16]: ident for ident in self.hub.rows[topic]}
        return [by_prefix[prefix] for prefix in prefixes if prefix in by_prefix]

    def unwanted(self, topic: str, prefixes: Sequence[bytes]) -> Collection[bytes]:
        refused = {ident[:16] for ident in self.hub.refused[self.peer]}
        return {prefix for prefix in prefixes if prefix in refused or prefix in self.hub.vain[self.peer]}

    def envelopes(self, topic: str, ids: Sequence[bytes], max_bytes: int) -> Sequence[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        for ident in ids:
            row = self.hub.rows[topic].get(ident)
            data = row.message.data if row and row.burned_at is None else b""
            max_bytes -= len(data)
            if max_bytes < 0 and found:
                break
            found.append((ident, data))
        return found

    def include(self, topic: str, ids: Sequence[bytes]) -> None:
        self.included.update(ids)
        self.hub.refused[self.peer].difference_update(ids)

    def refuse(self, topic: str, refusals: Sequence[tuple[bytes, str]]) -> None:
        self.hub.refused[self.peer].update(ident for ident, _ in refusals)

    def in_vain(self, topic: str, prefixes: Sequence[bytes]) -> None:
        self.hub.vain[self.peer].update(prefixes)

    def horizon_seen(self, topic: str, horizon: int) -> None:
        key = self.peer, topic
        self.hub.peer_horizons[key] = max(horizon, self.hub.peer_horizons.get(key, 0))


class Link:
    """A connection between two hubs: the machines of both, and what is on its way between them."""

    def __init__(self, asker: Hub, answerer: Hub, *, readable: Callable[[str], bool] = lambda topic: True) -> None:
        self.hubs = {"asker": asker, "answerer": answerer}
        self.holdings: dict[str, HubHoldings] = {}
        self.forgetful: set[str] = set()  # of the cursors of roots

        def opener(role: str, peer: Hub) -> Callable[[int], sync.Holdings]:
            def open_(at: int) -> sync.Holdings:
                self.holdings[role] = HubHoldings(self.hubs[role], peer.name, at, readable)
                self.holdings[role].forgetful = role in self.forgetful
                return self.holdings[role]

            return open_

        self.asker = sync.Asker(opener("asker", answerer))
        self.answerer = sync.Answerer(opener("answerer", asker))
        self.wire: dict[str, list[bytes]] = {"asker": [], "answerer": []}  # frames to each
        self.waiting: dict[str, list[sync.Store]] = {"asker": [], "answerer": []}
        self.outcome: dict[str, dict[str, sync.Event]] = {"asker": {}, "answerer": {}}
        self.over: dict[str, str] = {}
        self.ref = 0
        self.bytes = {"asker": 0, "answerer": 0}  # sent by each
        self.envelope_bytes = 0
        self.frames: list[tuple[str, str]] = []

    def start(self, time: int) -> None:
        asker = self.hubs["asker"]
        at = (asker.now(time) + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS
        self.ref += 1
        self.over.clear()
        self.do("asker", self.asker.start(self.ref, at, asker.now(time)))

    def machine(self, role: str) -> sync.SyncSession:
        return self.asker if role == "asker" else self.answerer

    def do(self, role: str, events: list[sync.Event]) -> None:
        other = "answerer" if role == "asker" else "asker"
        for event in events:
            match event:
                case sync.Send(data, type_):
                    self.wire[other].append(data)
                    self.frames.append((role, type_))
                    self.bytes[role] += len(data)
                    if type_ == "update":
                        self.envelope_bytes += sum(map(len, map(orjson.dumps, orjson.loads(data)["messages"])))
                case sync.Store():
                    self.waiting[role].append(event)
                case sync.Equal(topic, root, horizon):
                    self.outcome[role][topic] = event
                    hub, peer = self.hubs[role], self.hubs[other]
                    hub.bases[peer.name, topic] = (root, horizon, self.holdings[role].cut)
                case sync.Unequal(topic, _):
                    self.outcome[role][topic] = event
                case sync.Over(code, detail):
                    self.over[role] = f"{code}: {detail}"

    def step(self, random: Random, time: int) -> bool:
        """One thing that can happen next, any of them; false if there is none."""
        able: list[tuple[str, str]] = [(role, "frame") for role in self.wire if self.wire[role]]
        able += [(role, "store") for role in self.waiting if self.waiting[role]]
        if not able:
            return False
        role, what = random.choice(able)
        hub, machine = self.hubs[role], self.machine(role)
        peer = self.hubs["answerer" if role == "asker" else "asker"]
        if what == "frame":
            self.do(role, machine.receive(orjson.loads(self.wire[role].pop(0)), hub.now(time)))
        else:
            store = self.waiting[role].pop(random.randrange(len(self.waiting[role])))
            codes = [hub.take(message, peer.name, time) for message in store.messages]
            self.do(role, machine.stored(store, codes, hub.now(time)))
        return True

    def run(self, time: int, random: Random | None = None, meanwhile: Callable[[], Any] | None = None) -> None:
        """A session from beginning to end."""
        random = random or Random(0)
        self.start(time)
        steps = 0
        while self.step(random, time):
            steps += 1
            assert steps < 100_000, "the session does not end"
            if meanwhile:
                meanwhile()
        assert not self.asker.open
        assert not self.answerer.open

    def equal(self, topic: str) -> bool:
        """Whether both sides hold the session to have ended equal."""
        ends = [self.outcome[role].get(topic) for role in ("asker", "answerer")]
        return isinstance(ends[0], sync.Equal) and ends[0] == ends[1]


__all__ = ["NOW", "TOPIC", "AccordError", "Hub", "Link", "Written", "topic_name", "write"]
