"""Twenty hubs in memory, on links that come and go: all end equal."""

from __future__ import annotations

from random import Random

import pytest

from tests.accord.sync_world import MINUTE_MS, NOW, Hub, Link, topic_name, write

HUBS = 20
SMALL = {3: 80, 9: 120, 15: 160}  # hub: how many messages it keeps
TOPICS = [topic_name(number) for number in range(2)]
TICK_MS = 5_000
STORM_TICKS = 100
CALM_TICKS = 100
HOUR_MS = 3_600_000


class World:
    """Hubs on a ring with some chords; what happens is drawn from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.time = NOW
        self.number = seed * 100_000
        self.hubs = [
            Hub(f"hub{number}", clock=random.randrange(-2 * MINUTE_MS, 2 * MINUTE_MS)) for number in range(HUBS)
        ]
        for number, keeps in SMALL.items():
            self.hubs[number].keeps = keeps
        pairs = {(number, (number + 1) % HUBS) for number in range(HUBS)}
        pairs |= {(number - 1, number + 1) for number in SMALL}  # what is old has a way around the small ones
        pairs |= {(low, low + random.randrange(2, 9)) for low in random.sample(range(HUBS - 9), 5)}
        self.pairs = sorted(pairs)
        self.links: dict[tuple[int, int], Link] = {}
        self.parted: set[int] = set()
        self.cut_off = 0

    def write(self) -> None:
        hub = self.random.choice(self.hubs)
        self.number += 1
        topic = self.random.choice(TOPICS)
        created_at = hub.now(self.time) - self.random.choice([0, 7, 20, 30, 60, 200]) * HOUR_MS
        burn_at = hub.now(self.time) + self.random.randrange(HOUR_MS) if self.random.random() < 0.2 else None
        if created_at < hub.horizons[topic]:
            return
        message = write(self.number, created_at, topic, burn_at)
        hub.hold(message)
        for pair, link in self.links.items():  # what is live reaches a neighbour, or is lost on the way
            for here, there in (pair, pair[::-1]):
                if self.hubs[here] is hub and self.random.random() < 0.7 and pair in self.links:
                    self.live(link, self.hubs[there], hub, message)

    def live(self, link: Link, to: Hub, sender: Hub, message) -> None:
        if message.created_at >= to.horizons[message.topic] and message.burn_at is None:
            to.hold(message, sender.name)

    def weather(self) -> None:
        """Links that break in the middle of anything, hubs that are parted from the others for a while."""
        random = self.random
        if random.random() < 0.03:
            self.parted = set(random.sample(range(HUBS), random.randrange(HUBS // 2)))
        for pair in list(self.links):
            if random.random() < 0.05 or (pair[0] in self.parted) != (pair[1] in self.parted):
                del self.links[pair]  # with all that was on its way

    def tick(self, *, storm: bool) -> None:
        random = self.random
        self.time += TICK_MS
        if storm:
            self.weather()
            for _ in range(3):
                self.write()
        for hub in self.hubs:
            hub.burn(self.time)
            hub.shrink()
            if random.random() < 0.1:
                for topic in TOPICS:
                    hub.note(topic)
        for pair in self.pairs:
            self.follow(pair, storm=storm)

    def follow(self, pair: tuple[int, int], *, storm: bool) -> None:
        """Let a link do some of what it has to do."""
        random = self.random
        link = self.links.get(pair)
        if link is None:
            if (pair[0] in self.parted) != (pair[1] in self.parted) or random.random() < 0.5:
                return
            link = self.links[pair] = Link(self.hubs[pair[0]], self.hubs[pair[1]])
        if link.over:
            self.cut_off += 1
            del self.links[pair]
            return
        if not link.asker.open and random.random() < 0.3:
            link.start(self.time)
        for _ in range(random.randrange(1, 15) if storm else 40):
            if not link.step(random, self.time):
                break
        for machine, role in ((link.asker, "asker"), (link.answerer, "answerer")):
            link.do(role, machine.idle(link.hubs[role].now(self.time)))

    def differing(self) -> list[tuple[str, str]]:
        """Hubs that do not hold all that anyone holds above their horizon."""
        found = []
        for topic in TOPICS:
            for hub in self.hubs:
                horizon = hub.horizons[topic]
                whole = set[bytes]().union(*(other.lasting(topic, horizon, self.time) for other in self.hubs))
                if hub.lasting(topic, horizon, self.time) != whole:
                    found.append((hub.name, topic))
        return found


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_hubs_end_equal(seed):
    world = World(seed)
    for _ in range(STORM_TICKS):
        world.tick(storm=True)
    stormy = len(world.differing())
    world.parted = set()
    ticks = 0
    while world.differing() and ticks < CALM_TICKS:
        world.tick(storm=False)
        ticks += 1
    assert stormy
    assert world.differing() == []
    assert world.cut_off == 0
    assert all(hub.keeps is None or sum(map(len, hub.rows.values())) <= hub.keeps for hub in world.hubs)
