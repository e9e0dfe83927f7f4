"""A hub in gossip mode between two hubs: it carries what is said on the one to the other while the one is off."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.plain_client import text, unb64
from tests.e2e.world import World
from tests.hubs import start_hub
from tests.links.pair import Hub, until


class Mirror(Hub):
    """A hub in gossip mode."""

    async def start(self) -> None:
        self.process = await asyncio.to_thread(start_hub, self.home, ACCORD_MODE="gossip")
        self.world = World.of(self.home, self.process)


def held(hub: Hub, topic: str) -> int:
    """Messages of a channel on a hub's disk."""
    rows = hub.rows("SELECT count FROM messaging_topic WHERE ident = ?", unb64(topic.partition(":")[2]))
    return int(rows[0][0]) if rows else 0


async def test_a_mirror_carries_a_channel_from_one_hub_to_the_other(tmp_path: Path) -> None:
    first, mirror, second = Hub(tmp_path / "first"), Mirror(tmp_path / "mirror"), Hub(tmp_path / "second")
    started: list[Hub] = []
    try:
        for hub in (first, mirror, second):
            await hub.start()
            started.append(hub)
        ann, bob = await first.world.member(), await second.world.member()
        garden = await first.world.channel()
        async with await first.world.connect(ann) as session:
            await session.store(*(text(ann, garden, f"line {number}") for number in range(5)))
        for hub in (first, second):
            await mirror.run("link", await asyncio.to_thread(hub.world.invite))
        await until(lambda: held(mirror, garden) == 5, "the mirror holds the channel")
        await asyncio.to_thread(first.process.stop)
        await until(lambda: held(second, garden) == 5, "the other hub holds it", seconds=90)
        async with await second.world.connect(bob) as session:
            assert len(await session.fetch(garden)) == 5
    finally:
        for hub in started:
            await asyncio.to_thread(hub.process.stop)
