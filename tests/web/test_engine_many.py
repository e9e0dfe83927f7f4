"""The engine of the web client under many messages."""

from __future__ import annotations

import pytest

from tests.e2e.plain_client import Connection, Key, now_ms, text
from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

MANY = 10_000
FRAME_MESSAGES = 100


async def _publish(session: Connection, author: Key, topic: str, numbers: range) -> None:
    """Texts of the same order as their numbers, written from now on, so after all who have joined."""
    begin = now_ms()
    for start in range(numbers.start, numbers.stop, FRAME_MESSAGES):
        part = range(start, min(start + FRAME_MESSAGES, numbers.stop))
        await session.store(*(text(author, topic, f"text {number}", created_at=begin + number) for number in part))


async def test_ten_thousand_messages_arrive_while_a_timeline_is_open(
    hub: HubProcess, open_context: OpenContext
) -> None:
    world = World.of(hub.home, hub)
    topic = await world.channel()
    (writer,) = await world.add_members(1)
    ada = await Browsing.join(await open_context(), hub, "ada-many")
    await ada.watch(topic)
    await ada.page.evaluate("window.told = 0; timeline.addEventListener('change', () => { told += 1; })")
    async with await world.connect(writer) as session:
        await _publish(session, writer, topic, range(MANY))
    await ada.until(f"timeline.items.length === {MANY}", milliseconds=120_000)
    assert await ada.texts() == [f"text {number}" for number in range(MANY)]
    told, changes = await ada.page.evaluate("[told, changes.length]")
    assert told < MANY / 10
    assert changes < MANY / 10
    assert (await ada.conversation(topic))["unread"] == 100


async def test_history_is_read_page_by_page_to_its_beginning(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    topic = await world.channel()
    (writer,) = await world.add_members(1)
    async with await world.connect(writer) as session:
        await _publish(session, writer, topic, range(1_250))
    ada = await Browsing.join(await open_context(), hub, "ada-pages")
    await ada.watch(topic)
    lengths = [await ada.page.evaluate("timeline.items.length")]
    while await ada.page.evaluate("timeline.hasOlder"):
        lengths.append(await ada.page.evaluate("timeline.loadOlder().then(() => timeline.items.length)"))
    assert lengths == [200, 700, 1_200, 1_250]
    assert await ada.texts() == [f"text {number}" for number in range(1_250)]
