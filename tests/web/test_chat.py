"""The chat as people use it: two browsers, real hubs, a cable that is cut, a hub that is killed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.plain_client import Connection, Key, message
from tests.e2e.world import World
from tests.hubs import HubProcess, run_command, start_hub
from tests.web.cable import Cable
from tests.web.conftest import OpenContext, Problems
from tests.web.person import DESKTOP, PHONE, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

NETWORK = r"ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket connection to|Failed to load resource"
LATE_MS = 90_000  # a browser that has waited long tries again after at most half a minute
MANY = 10_000
FRAME_MESSAGES = 100


async def test_from_the_link_to_a_conversation(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "ada-story")
    bob = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "bob-story")
    assert ada.page.url == f"{hub.url}/"  # the invite is not left in the address

    await ada.say("Does anybody know how to open a rar file?")
    await bob.sees("Does anybody know")
    await bob.act("Does anybody know", "Reply")
    await bob.field.press_sequentially("@ada-s")
    await bob.page.get_by_role("option").filter(has_text="ada-story").click()
    await bob.field.press_sequentially("file-roller does")
    await bob.field.press("Enter")
    await ada.sees("file-roller does")
    reply = ada.message("file-roller does")
    await expect(reply.locator(".quote")).to_contain_text("Does anybody know")
    assert "for-me" in (await reply.get_attribute("class") or "")

    await ada.act("file-roller does", "React")
    await ada.page.get_by_role("dialog").get_by_role("button").first.click()
    await expect(bob.message("file-roller does").locator(".reaction").first).to_contain_text("1")
    await bob.message("file-roller does").locator(".reaction").first.click()
    await expect(ada.message("file-roller does").locator(".reaction").first).to_contain_text("2")

    await bob.act("file-roller does", "Edit")
    await bob.page.get_by_role("textbox", name="Edit message").fill("file-roller does, and unrar")
    await bob.page.get_by_role("textbox", name="Edit message").press("Enter")
    await ada.sees("and unrar")
    await expect(ada.message("and unrar")).to_contain_text("(edited)")

    await ada.act("Does anybody know", "More")
    await ada.page.get_by_role("menuitem", name="Delete").click()
    await ada.page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(bob.log).not_to_contain_text("how to open a rar file?")
    await expect(ada.log).not_to_contain_text("how to open a rar file?")

    for person in (ada, bob):
        await person.check_access()
    await ada.shot("conversation-light")
    await ada.page.emulate_media(color_scheme="dark")
    await ada.check_access()
    await ada.shot("conversation-dark")


async def test_a_direct_conversation_and_what_is_unread(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "ada-direct")
    bob = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "bob-direct")
    await bob.page.get_by_role("button", name="Message someone").click()
    await bob.page.keyboard.type("ada-direct")
    await bob.page.get_by_role("option", name="ada-direct").click()
    await expect(bob.page.get_by_role("heading", level=1, name="ada-direct")).to_be_visible()
    await bob.say("Only you can read this")
    await bob.say("and this")
    await expect(bob.message("and this")).to_contain_text("Not sent yet")
    row = ada.page.get_by_role("navigation", name="Conversations").get_by_role("button", name="bob-direct")
    await row.click()
    await ada.page.get_by_role("button", name="Accept").click()
    await ada.sees("Only you can read")
    await ada.sees("and this")
    await expect(row.locator(".count")).to_have_count(0)  # who leaves sooner has not read it
    await ada.open("lounge")
    await bob.say("and that")
    await expect(row).to_contain_text("1")
    await expect(ada.page).to_have_title(re.compile(r"^\(1\)"))
    await row.click()
    await ada.sees("and that")
    await expect(row.locator(".count")).to_have_count(0)
    await ada.say("Read.")
    await bob.sees("Read.")
    await bob.act("Read.", "React")
    await bob.page.get_by_role("dialog").get_by_role("button").first.click()
    await expect(ada.message("Read.").locator(".reaction").first).to_contain_text("1")
    await expect(ada.page.locator(".seal")).to_contain_text("encrypted")

    await ada.page.reload()
    await ada.open("bob-direct")
    await ada.sees("Only you can read")
    await ada.sees("Read.")


async def test_two_tabs_are_one_connection_and_one_state(own_hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(own_hub), "ada")
    again = await ada.tab()
    await ada.say("from the first tab")
    await again.sees("from the first tab")
    await again.field.fill("a draft in the second")
    await ada.page.close()
    await again.say("from the second tab")
    await again.sees("from the second tab")
    status = json.loads(run_command(own_hub.home, "status", "--json").stdout)
    assert status["sockets"] == 1


async def test_a_cut_of_half_a_minute(
    home: Path, chromium: str, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    with start_hub(home, ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(process), "ada")
        bob = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(process), "bob")
        await ada.say("before")
        await bob.sees("before")
        await cable.cut()
        await ada.page.evaluate("window.cutAt = performance.now()")
        band = bob.page.get_by_role("button", name="Try now")
        await expect(band).to_be_visible()
        for text in ("first", "second", "third"):
            await ada.say(text)
        await expect(ada.message("third")).to_contain_text("Waits for the connection")
        await ada.shot("offline")
        await ada.check_access()
        await ada.page.wait_for_function("() => performance.now() - window.cutAt > 30_000", timeout=60_000)
        await cable.mend(process.port)
        await expect(bob.message("third")).to_be_visible(timeout=LATE_MS)
        assert (await bob.texts())[-4:] == ["before", "first", "second", "third"]
        await expect(band).to_be_hidden()


async def test_a_hub_that_is_killed_and_started_again(
    home: Path, chromium: str, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    with start_hub(home, ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(process), "ada")
        bob = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(process), "bob")
        await ada.say("before")
        await bob.sees("before")
        process.kill()
        await cable.cut()  # or another hub may answer at its port
        await ada.say("while it was dead")
        await expect(ada.page.get_by_role("button", name="Try now")).to_be_visible()
    with start_hub(home, ACCORD_URL=cable.url) as process:
        await cable.mend(process.port)
        await expect(bob.message("while it was dead")).to_be_visible(timeout=LATE_MS)
        await bob.say("welcome back")
        await expect(ada.message("welcome back")).to_be_visible(timeout=LATE_MS)
        assert (await ada.texts())[-3:] == ["before", "while it was dead", "welcome back"]


async def _flood(world: World, author: Key, topic: str, count: int) -> None:
    async with await Connection.login(world.url, user=author, hub=world.key) as session:
        for start in range(0, count, FRAME_MESSAGES):
            numbers = range(start, min(count, start + FRAME_MESSAGES))
            await session.store(
                *(message(author, "chat.text", topic, {"text": f"flood {number}"}) for number in numbers)
            )


async def test_ten_thousand_messages_while_scrolled_up(own_hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(own_hub), "ada")
    world = World.of(own_hub.home, own_hub)
    (writer,) = await world.add_members(1)
    lounge = await ada.page.evaluate("document.querySelector('accord-conversation').conversation")
    await _flood(world, writer, lounge, 300)
    await ada.sees("flood 299")
    await ada.log.evaluate(_SCROLL_UP)
    first = await ada.log.evaluate(_FIRST_VISIBLE)
    await _flood(world, writer, lounge, MANY)
    count = "document.querySelector('accord-log').timeline.items.length"
    await ada.page.wait_for_function(f"() => {count} >= {MANY + 300}", timeout=60_000)
    after = await ada.log.evaluate(_FIRST_VISIBLE)
    assert after["id"] == first["id"]
    assert abs(after["top"] - first["top"]) <= 1
    assert await ada.log.locator("article").count() < 400
    await ada.page.locator(".log-pill.latest").click()
    await ada.sees(f"flood {MANY - 1}")


_SCROLL_UP = """async (log) => {
  log.scrollTop = 500;
  for (let frame = 0; frame < 5; frame += 1) {
    await new Promise(requestAnimationFrame);
  }
}"""
_FIRST_VISIBLE = """(log) => {
  const top = log.getBoundingClientRect().top;
  for (const row of log.querySelectorAll("[data-id]")) {
    const box = row.getBoundingClientRect();
    if (box.bottom > top) {
      return { id: row.dataset.id, top: box.top };
    }
  }
}"""


async def test_by_keyboard_alone(hub: HubProcess, open_context: OpenContext) -> None:
    context = await open_context(viewport=DESKTOP, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(invite(hub))
    await expect(page.get_by_role("textbox")).to_be_focused()
    await page.keyboard.type("ada-keys")
    await page.keyboard.press("Enter")
    ada = Person("ada-keys", page)
    await expect(ada.field).to_be_focused()
    await page.keyboard.type("typed")
    await page.keyboard.press("Enter")
    await expect(ada.message("typed")).to_have_class(re.compile(r"\bsent\b"))
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("End")
    await page.keyboard.type(", then mended")
    await page.keyboard.press("Enter")
    await ada.sees("typed, then mended")
    await expect(ada.field).to_be_focused()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("lounge")
    await page.keyboard.press("Enter")
    await expect(ada.field).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await ada.message("typed, then mended").focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(ada.message("typed, then mended")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(ada.field).to_be_focused()


async def test_on_a_phone(hub: HubProcess, open_context: OpenContext) -> None:
    context = await open_context(viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    ada = await Person.join(context, invite(hub), "ada-phone")
    await ada.say("from a small screen")
    await ada.page.get_by_role("button", name="Send").click()
    await ada.sees("from a small screen")
    width = await ada.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    await ada.check_access()
    await ada.shot("phone-conversation")
    await ada.page.get_by_role("button", name="Back to the list").click()
    await expect(ada.page.get_by_role("navigation", name="Conversations")).to_be_visible()
    await ada.check_access()
    await ada.shot("phone-list")
    await ada.open("lounge")
    await ada.sees("from a small screen")
