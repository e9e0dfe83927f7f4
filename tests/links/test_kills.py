"""Either hub is killed in the middle of a comparison, again and again: nothing is lost, doubled or taken unverified.

ACCORD_KILLS says how often; a few times in the suite.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.e2e.plain_client import Key, text
from tests.links.outside import root_from_outside
from tests.links.pair import Hub, Pair, pair, until

KILLS = int(os.environ.get("ACCORD_KILLS", "3"))
WRITTEN = 300  # between two kills: a few frames of updates
FRAME = 100


def held(hub: Hub) -> int:
    return int(hub.rows("SELECT count(*) FROM messaging_message WHERE type = 'chat.text'")[0][0])


async def write(hub: Hub, user: Key, topic: str, first: int) -> None:
    async with await hub.world.connect(user) as session:
        for start in range(first, first + WRITTEN, FRAME):
            await session.store(*(text(user, topic, f"{number}") for number in range(start, start + FRAME)))


async def kill_in_the_middle(both: Pair, victim: Hub) -> None:
    """Start near, which lacks what was written, and kill one of the two once the first of it has come."""
    before = held(both.near)
    await both.near.start()
    await until(lambda: held(both.near) > before, "some of it has come")
    await victim.kill()
    if victim is both.far:
        await both.far.start()
        both.proxy.target = both.far.process.port
        await both.near.kill()


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_killed_in_the_middle_of_a_comparison(tmp_path: Path) -> None:
    random = Random(4)
    async with pair(tmp_path) as both:
        ann, bob = await both.far.world.member(), await both.near.world.member()
        garden = await both.far.world.channel()
        await both.link("--all")
        await both.equal()
        await both.near.kill()
        for number in range(KILLS):
            await write(both.far, ann, garden, number * WRITTEN)
            await kill_in_the_middle(both, random.choice([both.far, both.near]))
        await both.near.start()
        await both.ask_near()
        await until(lambda: held(both.near) == KILLS * WRITTEN, "all of it has come")
        await both.equal()
        roots = set()
        for hub, user in ((both.far, ann), (both.near, bob)):
            async with await hub.world.connect(user) as session:
                roots.add(await root_from_outside(session, garden))
            await hub.run("verify_store")
        assert len(roots) == 1
