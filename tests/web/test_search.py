"""Search in the browser: what is found, what is found no longer, and that nothing of it lies in clear on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.plain_client import Json, Key, id_of, message, now_ms
from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

DAY_MS = 24 * 3600 * 1000
OLD = 1_300  # more than two pages of what a search reads

# Every record of the index, as text: whatever is in clear would show.
KEPT = """async () => {
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open("accord");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const rows = await new Promise((resolve) => {
    const request = database.transaction("search").objectStore("search").getAll();
    request.onsuccess = () => resolve(request.result);
  });
  database.close();
  const isClosed = rows.filter((row) => row.key).every((row) => row.key.extractable === false);
  const text = rows.filter((row) => row.data).map((row) => new TextDecoder("latin1").decode(row.data)).join("\\n");
  return { isClosed, rows: rows.length, text };
}"""


def said(author: Key, topic: str, words: str, at: int, **fields: object) -> Json:
    return message(author, "chat.text", topic, {"text": words}, created_at=at, **fields)


async def test_what_was_said_is_found(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    ada = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "ada-search")
    lounge = await lounge_of(world)
    now = now_ms()
    first = now - 30 * DAY_MS
    old = [said(world.admin, lounge, f"line {number} about nothing", first + number * 1000) for number in range(OLD)]
    old[5] = said(world.admin, lounge, "The Málaga carnelian is under the stairs", first + 5_000)
    burning = said(world.admin, lounge, "carnelian that disappears", now, burn_at=now + 25_000)
    async with await world.connect(world.admin) as session:
        for start in range(0, len(old), 100):
            await session.store(*old[start : start + 100])
        await session.store(burning)
    await ada.say("My own carnelian")
    await ada.sees("My own carnelian")

    await ada.page.keyboard.press("Control+f")
    dialog = ada.page.get_by_role("dialog", name="Search messages")
    found = dialog.get_by_role("list", name="Found messages").get_by_role("listitem")
    await dialog.get_by_role("searchbox").fill("CARNELIAN")
    await expect(found).to_have_count(3)
    await dialog.get_by_role("searchbox").fill("carnelian malaga")
    await expect(found).to_have_count(1)
    await expect(found.locator("mark").first).to_have_text("Málaga")
    await expect(found).to_contain_text("lounge")
    await dialog.get_by_role("searchbox").press("Enter")
    await ada.sees("under the stairs")

    # Edited, deleted, burned: found by what it says now, or not at all.
    async with await world.connect(world.admin) as session:
        edit = message(world.admin, "chat.edit", lounge, {"text": "It is in the cellar"},
                       refs=[{"rel": "edit", "id": id_of(old[5])}], created_at=now_ms())  # fmt: skip
        await session.store(edit)
    await expect(ada.message("in the cellar")).to_be_visible()
    await ada.page.get_by_role("button", name="Search messages").click()
    await dialog.get_by_role("searchbox").fill("cellar")
    await expect(found).to_have_count(1)
    await dialog.get_by_role("searchbox").fill("stairs")
    await expect(found).to_have_count(0)
    await dialog.get_by_role("searchbox").fill("line about")
    await expect(dialog.get_by_role("status")).to_contain_text("1,299 found, the newest 100 are shown.")
    await ada.page.keyboard.press("Escape")
    await expect(ada.message("that disappears")).to_have_count(0)
    kept = await ada.page.evaluate(KEPT)
    assert kept["isClosed"]
    assert kept["rows"] > 3
    assert "carnelian" not in kept["text"]
    assert "nothing" not in kept["text"]

    # Another page load finds the same without reading all of it again; what burned stays gone.
    await ada.page.reload()
    await expect(ada.field).to_be_visible()
    await ada.page.keyboard.press("Control+f")
    await dialog.get_by_role("searchbox").fill("carnelian")
    await expect(found).to_have_count(1)
    await ada.page.keyboard.press("Escape")

    # My words, as a file.
    await ada.page.keyboard.press("Control+k")
    await ada.page.get_by_role("combobox").fill("settings")
    await ada.page.keyboard.press("Enter")
    async with ada.page.expect_download() as saving:
        await ada.page.get_by_role("button", name="Save what I wrote").click()
    whole = json.loads(read(await (await saving.value).path()))
    assert [row["text"] for row in whole["messages"]] == ["My own carnelian"]
    assert (whole["name"], whole["messages"][0]["title"]) == ("ada-search", "lounge")


def read(path: str | Path) -> str:
    return Path(path).read_text(encoding="utf-8")


async def lounge_of(world: World) -> str:
    async with await world.connect(world.admin) as session:
        return next(topic for topic, row in (await session.topics()).items() if row["kind"] == "chan")
