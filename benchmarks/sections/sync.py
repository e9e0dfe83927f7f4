"""What it costs two hubs to become equal, beside Negentropy (version 1) on the same sets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import orjson

from accord import sync
from accord.encoding import b64encode
from accord.merkle import EMPTY, Tree, View
from accord.messages import parse_envelope
from benchmarks import negentropy
from benchmarks.measure import Bench, Row
from messaging.irc import parse_log

NOW: Final = 1_790_000_000_000
AT: Final = NOW // 60_000 * 60_000
YEAR_MS: Final = 365 * 24 * 3_600_000
TOPIC: Final = f"chan:{b64encode(bytes(32))}"
LULL_EVERY: Final = 40  # lines of talk between two silences
LULL_MS: Final = 3_600_000  # between two passes over the same logs

METHODS: Final = {
    "unknown root": (
        "Two peers hold so many messages; of the differing ones each holds half alone. *spread*: times at random over "
        "a year; *talk*: bursts of lines, seconds apart, with silences between them, as in logs of public channels; "
        "*log*: the times of the lines of logs of #ubuntu (`--logs`), one pass after the other where they are too few. "
        "*random*: the differing ones lie anywhere; *recent*: they are the last. The figure is every byte of the two "
        "machines' frames (JSON, hashes and ids in base64url) but for the envelopes themselves, what is wanted and all "
        "answers included; the limit is what Negentropy needs in binary to find the same ids (16 ranges a split, "
        "32-byte ids, no frame limit), before it asks for or sends any of them. Trips: until each side holds all; of "
        "Negentropy until the client knows both lists."
    ),
    "known root": (
        "One peer has the root that the other had before so many messages came; both have synced before. The limit is "
        "one kilobyte; trips as above."
    ),
}


class Item(NamedTuple):
    """A message as the two sets hold it; `data` only where it may have to be sent."""

    created_at: int
    id: bytes
    data: bytes = b""


def made(number: int, created_at: int) -> Item:
    """A well-formed envelope with no good signature: no machine looks at that."""
    body = b64encode(orjson.dumps({"text": str(number)}))
    salt = number.to_bytes(16, "big")
    content = hashlib.sha256(b"accord-v1:body\0" + salt + orjson.dumps({"text": str(number)})).digest()
    header = {
        "v": 1,
        "type": "chat.text",
        "from": b64encode(bytes(32)),
        "to": TOPIC,
        "created_at": created_at,
        "body_hash": b64encode(content),
        "body_size": len(orjson.dumps({"text": str(number)})),
    }
    value = {"header": header, "sig": b64encode(bytes(64)), "salt": b64encode(salt), "body": body}
    return Item(created_at, parse_envelope(value).id, orjson.dumps(value))


def times(shape: str, count: int, random: Random) -> list[int]:
    """Rising times over about a year."""
    if shape == "spread":
        return sorted(NOW - 60_000 - random.randrange(YEAR_MS) for _ in range(count))
    lull = YEAR_MS * LULL_EVERY / count - LULL_EVERY * 12_000
    steps = [
        random.expovariate(1 / max(lull, 60_000))
        if random.random() < 1 / LULL_EVERY
        else random.expovariate(1 / 12_000)
        for _ in range(count)
    ]
    at, rising = float(NOW - 60_000), []
    for step in steps:
        at -= step
        rising.append(int(at))
    return rising[::-1]


def logged(folder: Path, count: int) -> list[int]:
    """The rising times of `count` lines of logs, the last pass ending with the last of them."""
    moments = sorted(
        line.created_at
        for path in sorted(folder.glob("*.raw.txt"))
        for line in parse_log(path.name, path.read_bytes(), None)
    )
    span = moments[-1] - moments[0] + LULL_MS
    passes = -(-count // len(moments))
    return [at + number * span for number in range(passes) for at in moments][-count:]


@dataclass
class Peer:
    """A set of messages, as the machine asks for it."""

    tree: Tree
    items: dict[bytes, Item]  # those that can be sent
    known: dict[bytes, int] = field(default_factory=dict)  # index of roots
    arrivals: list[bytes] = field(default_factory=list)

    def topics(self) -> Mapping[str, int]:
        return {TOPIC: 0}

    def wants(self, topic: str) -> int | None:
        return 0

    def roots(self, topics: Mapping[str, int]) -> Mapping[str, tuple[bytes, int]]:
        return {TOPIC: (self.tree.view().root, 0)}

    def view(self, topic: str, horizon: int) -> View:
        return self.tree.view()

    def base(self, topic: str) -> bytes | None:
        return None

    def cursor_of(self, topic: str, root: bytes, horizon: int) -> int | None:
        return 0 if root == EMPTY else self.known.get(root)

    def after(self, topic: str, horizon: int, cursor: int) -> Iterator[bytes]:
        return iter(self.arrivals[cursor:])

    def held(self, topic: str, prefixes: Sequence[bytes]) -> Sequence[bytes]:
        return []

    def unwanted(self, topic: str, prefixes: Sequence[bytes]) -> Collection[bytes]:
        return ()

    def envelopes(self, topic: str, ids: Sequence[bytes], max_bytes: int) -> Sequence[tuple[bytes, bytes]]:
        return [(ident, self.items[ident].data) for ident in ids]

    def include(self, topic: str, ids: Sequence[bytes]) -> None:
        for ident in ids:
            self.tree.add(ident, self.items[ident].created_at)

    def refuse(self, topic: str, refusals: Sequence[tuple[bytes, str]]) -> None:
        raise AssertionError("nothing is refused here")

    def in_vain(self, topic: str, prefixes: Sequence[bytes]) -> None:
        raise AssertionError("nothing is missing here")

    def horizon_seen(self, topic: str, horizon: int) -> None:
        pass


class Costs(NamedTuple):
    """Bytes but for the envelopes, trips until all is held."""

    bytes: int
    trips: float


def play(asker: Peer, answerer: Peer) -> Costs:
    """A session; every frame takes half a trip, storing takes no time."""
    sides: tuple[sync.Asker, sync.Answerer] = sync.Asker(lambda at: asker), sync.Answerer(lambda at: answerer)
    flying: list[list[bytes]] = [[], []]  # to each
    size = steps = last = 0

    def do(side: int, events: Iterable[sync.Event]) -> None:
        nonlocal size, last
        for event in events:
            if isinstance(event, sync.Send):
                flying[1 - side].append(event.data)
                size += len(event.data)
                if event.type == "update":
                    size -= sum(len(orjson.dumps(message)) for message in orjson.loads(event.data)["messages"])
            elif isinstance(event, sync.Store):
                last = steps
                do(side, sides[side].stored(event, [None] * len(event.messages), NOW))
            assert not isinstance(event, sync.Over), event

    do(0, sides[0].start(1, AT, NOW))
    while any(flying):
        arriving, flying = flying, [[], []]
        steps += 1
        for side, frames in enumerate(arriving):
            for data in frames:
                do(side, sides[side].receive(orjson.loads(data), NOW))
    assert asker.tree.view().root == answerer.tree.view().root
    return Costs(size, last / 2)


def run(bench: Bench) -> Iterator[Row]:
    """Known and unknown roots, against what Negentropy needs."""
    for count in (bench.pick(100_000, 5_000), bench.pick(1_000_000, 10_000)):
        shapes = {shape: times(shape, count, Random(count)) for shape in ("spread", "talk")}
        if bench.logs is not None:
            shapes["log"] = logged(bench.logs, count)
        for shape, moments in shapes.items():
            for differences in (10, 100, bench.pick(10_000, 1_000)):
                for where in ("random", "recent"):
                    bench.note(f"sync: {count:,} {shape}, {differences:,} {where}")
                    yield _unknown(count, shape, moments, differences, where)
            yield _known(count, shape, moments)


def _sets(moments: list[int], differing: set[int]) -> tuple[list[Item], list[Item]]:
    """The messages that both hold, and those that one of the two holds."""
    common, single = [], []
    for number, at in enumerate(moments):
        if number in differing:
            single.append(made(number, at))
        else:
            common.append(Item(at, hashlib.sha256(number.to_bytes(8, "big")).digest()))
    return common, single


def _peer(common: list[Item], own: list[Item], single: list[Item]) -> Peer:
    tree = Tree(((item.id, item.created_at) for item in [*common, *own]), topic=TOPIC)
    return Peer(tree, {item.id: item for item in single})


def _unknown(count: int, shape: str, moments: list[int], differences: int, where: str) -> Row:
    random = Random(differences)
    places = range(count - differences, count) if where == "recent" else random.sample(range(count), differences)
    common, single = _sets(moments, set(places))
    random.shuffle(single)
    ours, theirs = single[::2], single[1::2]
    costs = play(_peer(common, ours, single), _peer(common, theirs, single))
    stores = [negentropy.Storage((item.created_at, item.id) for item in [*common, *own]) for own in (ours, theirs)]
    limit = negentropy.reconcile(*stores)
    assert limit.found == negentropy.Found({item.id for item in ours}, {item.id for item in theirs})
    return Row(
        "sync",
        f"unknown root, {count:,} {shape}, {differences:,} {where}",
        f"{costs.bytes:,} bytes, {costs.trips:g} trips",
        f"{limit.bytes:,} bytes, {limit.trips} trips",
        costs.bytes / limit.bytes,
        "<= 1.0" if where == "random" else "<= 1.0 or + 2 KB",
    )


def _known(count: int, shape: str, moments: list[int]) -> Row:
    new = 20
    common, single = _sets(moments, set(range(count - new, count)))
    asker, answerer = _peer(common, [], single), _peer(common, single, single)
    answerer.known = {asker.tree.view().root: 0}
    answerer.arrivals = [item.id for item in single]
    costs = play(asker, answerer)
    return Row(
        "sync",
        f"known root, {count:,} {shape}, {new} new",
        f"{costs.bytes:,} bytes, {costs.trips:g} trips",
        "1,024 bytes, 1 trip",
        costs.bytes / 1024,
        "<= 1.0",
    )
