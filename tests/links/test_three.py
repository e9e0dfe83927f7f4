"""Three hubs, each linked with the others over bad lines: cut, delayed, garbled, apart for a while; equal once they are
good.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.e2e.plain_client import Key, text, unb64
from tests.hubs import migrated_home
from tests.links.outside import root_from_outside
from tests.links.pair import Hub, until
from tests.links.proxy import Faults, Proxy

ROUNDS = 4
WRITTEN = 40  # by each of the three in a round


def counts(hub: Hub, topic: str) -> list[int]:
    ident = unb64(topic.partition(":")[2])
    return [int(count) for (count,) in hub.rows("SELECT count FROM messaging_topic WHERE ident = ?", ident)]


async def link(near: Hub, far: Hub, proxy: Proxy) -> None:
    proxy.target = far.process.port
    invite = await asyncio.to_thread(far.world.invite)
    origin = f"{urlsplit(invite).scheme}://{urlsplit(invite).netloc}"
    await near.run("link", invite.replace(origin, proxy.url), "--all")


def spoil(proxy: Proxy, random: Random) -> None:
    """Another kind of bad line, from the next connection on."""
    proxy.faults = random.choice(
        [
            Faults(cut_after=random.randrange(4, 40)),
            Faults(garble=random.randrange(6, 30)),
            Faults(delay_seconds=0.02),
            Faults(cut_after=0),  # nobody gets through
        ]
    )
    proxy.cut()


@pytest.mark.timeout(180)
async def test_three_hubs_over_bad_lines(tmp_path: Path) -> None:
    random = Random(7)
    hubs = [Hub(tmp_path / name) for name in ("club", "school", "press")]
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(migrated_home)
        for hub in hubs:
            await hub.start()
            stack.push_async_callback(hub.stop)
        club, school, press = hubs
        proxies = [await stack.enter_async_context(Proxy()) for _ in range(3)]
        people = [await hub.world.member() for hub in hubs]
        garden = await club.world.channel()
        for near, far, proxy in ((school, club, proxies[0]), (press, club, proxies[1]), (press, school, proxies[2])):
            await link(near, far, proxy)
        await until(lambda: all(counts(hub, garden) for hub in hubs), "all know the channel")
        for number in range(ROUNDS):
            for proxy in proxies:
                spoil(proxy, random)
            await asyncio.gather(*(write(hub, user, garden, number) for hub, user in zip(hubs, people, strict=True)))
        for proxy in proxies:
            proxy.faults = Faults()
            proxy.cut()
        for hub in hubs:
            hub.compare()
        await until(
            lambda: all(counts(hub, garden) == [3 * ROUNDS * WRITTEN] for hub in hubs), "all have all", seconds=90
        )
        roots = set()
        for hub, user in zip(hubs, people, strict=True):
            async with await hub.world.connect(user) as session:
                roots.add(await root_from_outside(session, garden))
        assert len(roots) == 1


async def write(hub: Hub, user: Key, topic: str, number: int) -> None:
    async with await hub.world.connect(user) as session:
        for line in range(0, WRITTEN, 10):
            await session.store(*(text(user, topic, f"{number}, {line + place}") for place in range(10)))
