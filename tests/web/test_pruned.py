"""What members see of a topic from which the hub has removed old messages."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from accord.merkle import HORIZON_MS
from tests.e2e.plain_client import now_ms, text
from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

REMOVED = "Older messages have been removed from this hub."


async def test_a_pruned_channel_says_so_where_it_begins(own_hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(own_hub.home, own_hub)
    async with await world.connect(world.admin) as session:
        lounge = next(name for name, row in (await session.topics()).items() if row.get("name") == "lounge")
        await session.store(
            text(world.admin, lounge, "long ago", created_at=now_ms() - 3 * HORIZON_MS),
            text(world.admin, lounge, "now"),
        )
    ada = await Person.join(await open_context(viewport=DESKTOP), invite(own_hub), "ada-before")
    await ada.sees("long ago")
    await expect(ada.log).not_to_contain_text(REMOVED)
    await asyncio.to_thread(world.command, "prune", "--to", "1")
    bob = await Person.join(await open_context(viewport=DESKTOP), invite(own_hub), "bob-after")
    await bob.sees("now")
    await expect(bob.log).to_contain_text(REMOVED)
    await expect(bob.log).not_to_contain_text("long ago")
