"""Strangers in Chromium: somebody without an account writes on /to/<name>, is answered, and is then free."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, Route, expect

from accord.encoding import b64decode
from accord.keys import SigningKey
from accord.vouchers import make_voucher, show_voucher
from tests.e2e.plain_client import Key, now_ms, text
from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


async def open_to(page: Page, hub: HubProcess, name: str) -> None:
    await page.goto(f"{hub.url}/to/{name}")
    await expect(page.get_by_role("button", name="Send")).to_be_enabled()


async def never(route: Route) -> None:
    """A request that is not answered."""


async def write(page: Page, words: str) -> None:
    await page.get_by_role("textbox", name="Your message").fill(words)
    await page.get_by_role("button", name="Send").click()


async def test_a_stranger_writes_is_answered_and_is_free(hub: HubProcess, open_context: OpenContext) -> None:
    world, member = World.of(hub.home, hub), Key()
    async with await world.connect(world.admin) as admin:
        await admin.store(world.add_user(world.admin, member, "ada.writes"))
    context = await open_context(viewport=PHONE, reduced_motion="reduce")
    page = await context.new_page()
    await open_to(page, hub, "ada.writes")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Write to ada.writes")
    eve = Person("eve", page)
    async with await world.connect(member) as session:
        await session.subscribe(topics=[f"user:{member.text}"])
        await write(page, "Do you still sell the boat?")
        await session.until(session.delivered)
        await expect(page.get_by_role("status")).to_contain_text("Sent. It waits")
        stranger = session.delivered()[0]["message"]["header"]["from"]
        await eve.check_access()
        await session.store(text(member, f"user:{stranger}", "Yes, come and look."))
        await expect(page.get_by_role("log")).to_contain_text("Yes, come and look.")
        await expect(page.get_by_role("status")).to_contain_text("has answered")
        await page.reload()
        await expect(page.get_by_role("log")).to_contain_text("Do you still sell the boat?")
        await expect(page.get_by_role("log")).to_contain_text("Yes, come and look.")
        for number, words in enumerate(("On Sunday?", "Or Monday?", "Or Tuesday?")):
            await expect(page.get_by_role("button", name="Send")).to_be_enabled()
            await write(page, words)
            await session.until(lambda number=number: len(session.delivered()) == number + 2)  # without work
        await expect(page.get_by_text("3 messages wait for an answer")).to_be_visible()
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()
    await eve.shot("stranger-phone")
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(DESKTOP)
    await eve.shot("stranger-dark")


async def test_a_stranger_may_wait_instead(hub: HubProcess, open_context: OpenContext) -> None:
    """Also: the page is the same for a name that nobody has."""
    page = await (await open_context(viewport=DESKTOP)).new_page()
    await page.route("**/pow_worker.js", never)  # else it might be done before anybody has decided
    await open_to(page, hub, "nobody.here")
    await write(page, "Is anybody there?")
    await page.get_by_role("button", name="Wait ten minutes instead").click()
    await expect(page.get_by_role("log")).to_contain_text("Goes out at")
    await page.reload()
    await expect(page.get_by_role("log")).to_contain_text("Goes out at")
    await expect(page.get_by_role("button", name="Send")).to_be_enabled()


async def vouch(member: Person, key: str) -> str:
    """The link with a voucher of the member for that key, made anew in the open dialog."""
    dialog = member.page.get_by_role("dialog")
    before = await dialog.get_by_role("textbox", name="Link with the voucher").all()
    held = await before[0].input_value() if before else ""
    await dialog.get_by_role("textbox", name="Their key").fill(key)
    await dialog.get_by_role("combobox", name="For how long").select_option("1 day")
    await dialog.get_by_role("button", name="Make voucher").click()
    link = dialog.get_by_role("textbox", name="Link with the voucher")
    await expect(link).not_to_have_value(held)
    return await link.input_value()


async def test_a_members_voucher_lets_a_stranger_write_at_once(hub: HubProcess, open_context: OpenContext) -> None:
    """Also: what waits goes out with it; one for another key is refused; to block them ends it."""
    vera = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "vera-front")
    page = await (await open_context(viewport=PHONE, reduced_motion="reduce")).new_page()
    await page.route("**/pow_worker.js", never)  # no work is ever done here
    await open_to(page, hub, "vera-front")
    await page.get_by_text("Somebody here knows you?").click()
    key = await page.get_by_role("group", name="Your key").locator(".key").inner_text()  # with its spaces
    await write(page, "May I bring the boat?")
    await page.get_by_role("button", name="Wait ten minutes instead").click()
    await expect(page.get_by_role("log")).to_contain_text("Goes out at")

    await vera.page.locator(".me-button").click()
    await vera.page.get_by_role("menuitem", name="Vouch for somebody").click()
    dialog = vera.page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Their key").fill("no key")
    await dialog.get_by_role("button", name="Make voucher").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("That is no key")
    other = await vouch(vera, Key().text)
    use, given = (
        page.get_by_role("button", name="Use voucher"),
        page.get_by_role("textbox", name="The voucher that you got"),
    )
    stranger, here, now = b64decode(key.replace(" ", "")), b64decode(hub.key), now_ms()
    good = make_voucher(SigningKey(bytes(32)), hub=here, stranger=stranger, issued_at=now)
    for wrong, says in (
        (other, "for another key"),
        (other[:-9], "no voucher, or not a whole one"),
        (show_voucher({**good, "hub": Key().text}), "of another hub"),
        (show_voucher({**good, "issued_at": now - 2, "expires": now - 1}), "time of that voucher is over"),
        (show_voucher({**good, "expires": good["expires"] - 1}), "something in it was changed"),
    ):
        await given.fill(wrong)
        await use.click()
        await expect(page.get_by_role("alert").filter(has_text=says)).to_be_visible()
    await expect(page.get_by_role("log")).to_contain_text("Goes out at")
    link = await vouch(vera, key)
    await vera.check_access()
    await vera.shot("vouch-desktop")
    await vera.page.set_viewport_size(PHONE)
    await vera.shot("vouch-phone")
    await page.goto(link)  # the page is open: only the fragment is new
    await expect(page.get_by_role("log")).not_to_contain_text("Goes out at")
    assert page.url == f"{hub.url}/to/vera-front"
    await expect(page.get_by_text("You have a voucher")).to_be_visible()
    await Person("eve", page).check_access()
    await Person("eve", page).shot("voucher-phone")
    await page.set_viewport_size(DESKTOP)
    await page.emulate_media(color_scheme="dark")
    await Person("eve", page).shot("voucher-dark")
    await page.reload()
    await expect(page.get_by_role("button", name="Send")).to_be_enabled()
    await write(page, "It is a small one.")
    sent = page.get_by_role("article").filter(has_text="It is a small one.")
    await expect(sent).to_have_text(re.compile(r"It is a small one\.$"))  # nothing below it: it is stored

    await dialog.get_by_role("button", name=f"Block {key[:4]}{key[5:9]}").click()
    await vera.page.get_by_role("alertdialog").get_by_role("button", name="Block").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(1)  # the other one
    await dialog.get_by_role("button", name="Close").click()
    await write(page, "Hello?")
    await page.get_by_text("Somebody here knows you?").click()
    await expect(page.get_by_text("The hub no longer takes that voucher")).to_be_visible()


async def test_a_members_page_answers_blocks_and_reports(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "ada-front")
    eve = await (await open_context(viewport=PHONE)).new_page()
    await open_to(eve, hub, "ada-front")
    await write(eve, "Is this where the boat is?")
    await expect(eve.get_by_role("status")).to_contain_text("Sent. It waits")
    conversations = ada.page.get_by_role("navigation", name="Conversations")
    await expect(conversations.get_by_role("heading", name="Requests")).to_be_visible()
    request = conversations.get_by_role("list", name="Requests").get_by_role("button")  # not among friends
    await request.click()
    bar = ada.page.get_by_role("region", name="Request")
    await expect(bar).to_contain_text("From a stranger.")
    await ada.sees("Is this where the boat is?")
    await ada.check_access()
    await ada.shot("request-desktop")
    await bar.get_by_role("button", name="Answer").click()
    await ada.say("It is.")
    await expect(eve.get_by_role("log")).to_contain_text("It is.")
    await expect(bar).to_be_hidden()
    await expect(conversations.get_by_role("heading", name="Requests")).to_be_hidden()
    await expect(eve.get_by_role("button", name="Send")).to_be_enabled()
    await write(eve, "I come on Sunday.")
    await ada.sees("I come on Sunday.")

    mallory = await (await open_context(viewport=PHONE)).new_page()
    await open_to(mallory, hub, "ada-front")
    await write(mallory, "Buy my boats!")
    await expect(conversations.get_by_role("heading", name="Requests")).to_be_visible()
    await request.click()
    await ada.sees("Buy my boats!")
    await bar.get_by_role("button", name="Report").click()
    form = ada.page.get_by_role("dialog")
    await form.get_by_role("textbox", name="In your words").fill("Boats, and more boats.")
    await ada.check_access()
    await form.get_by_role("button", name="Report").click()
    await expect(form).to_be_hidden()
    await bar.get_by_role("button", name="Block").click()
    await ada.page.get_by_role("alertdialog").get_by_role("button", name="Block").click()
    await expect(conversations.get_by_role("heading", name="Requests")).to_be_hidden()
    await expect(ada.log.get_by_text("hidden message")).to_be_visible()

    other = await ada.tab()
    await other.page.reload()  # the mark is the account's
    await other.page.locator(".me-button").click()
    await other.page.get_by_role("menuitem", name="Blocked and muted").click()
    dialog = other.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("blocked")
    await other.check_access()
    await dialog.get_by_role("button", name="Unblock").click()
    await expect(dialog).to_contain_text("Nobody.")
    await dialog.get_by_role("button", name="Close").click()
    await other.page.locator(".me-button").click()
    await other.page.get_by_role("menuitem", name="Reports").click()
    await expect(dialog).to_contain_text("Boats, and more boats.")
    await expect(dialog).to_contain_text("open")
    await other.shot("reports-desktop")
