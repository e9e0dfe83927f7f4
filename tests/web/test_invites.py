"""Invites between people: made with a code and channels, claimed in a second browser, a circle, the card on paper."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, SHOTS, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CALM: dict[str, Any] = {"viewport": DESKTOP, "reduced_motion": "reduce"}


def name() -> str:
    return f"u{secrets.token_hex(4)}"


def title(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", level=1, name=words)


async def open_invites(person: Person) -> Locator:
    await expect(person.page.get_by_role("dialog")).to_have_count(0)  # one that closes still takes the menu with it
    await person.page.locator(".me-button").click()
    await person.page.get_by_role("menuitem", name="Invites").click()
    dialog = person.page.get_by_role("dialog", name="Invites")
    await expect(dialog.get_by_role("button", name="Make invite")).to_be_visible()
    return dialog


async def looks(person: Person, shot: str) -> None:
    """The page as it is, in four looks: nothing wider than the screen, no rule of accessibility broken."""
    page = person.page
    for viewport, scheme in [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light")]:
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        await person.shot(f"{shot}-{viewport['width']}-{scheme}")
        if viewport is DESKTOP or scheme == "light":
            await person.check_access()
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


async def test_with_a_code_into_a_channel_to_the_inviter(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    await world.channel()
    ada = await Person.join(await open_context(**CALM), invite(hub), f"Ada-{name()}")
    dialog = await open_invites(ada)
    await dialog.get_by_label("For whom").fill("Bob")
    await dialog.get_by_text("More: a circle").click()
    wanted = name()
    await dialog.get_by_label("Suggested name").fill(wanted)
    await dialog.get_by_label("Works for").select_option("1 day")
    await dialog.get_by_label("Messages they may store").fill("500")
    await dialog.get_by_label("Ask for a code").check()
    chosen = dialog.get_by_role("group", name="Channels to begin in").get_by_role("checkbox", name="#channel").first
    channel = (await chosen.locator("..").inner_text()).strip().removeprefix("#")
    await chosen.check()
    await looks(ada, "invite-form")
    await dialog.get_by_role("button", name="Make invite").click()
    box = dialog.get_by_role("region", name="Invite for Bob")
    link = await box.get_by_role("textbox", name="Invite link").input_value()
    code = await box.locator(".code-text").inner_text()
    await expect(dialog.get_by_label("For whom")).to_have_value("")
    card = dialog.get_by_role("listitem").filter(has_text="Bob")
    await expect(card).to_contain_text("Waiting")
    await expect(card).to_contain_text("code needed · 500 messages")
    await expect(card).to_contain_text(f"Begins in #{channel}")
    await looks(ada, "invite-made")

    page = await (await open_context(**CALM)).new_page()
    bob = Person(wanted, page)
    await page.goto(link)
    field = page.get_by_role("textbox", name="Code")
    await expect(field).to_be_visible()
    await expect(page.get_by_role("textbox", name="Your name here")).to_have_value(wanted)
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert").filter(has_text="This invite needs its code")).to_be_visible()
    await expect(field).to_be_focused()
    await field.fill("0000000000" if code[0] != "0" else "1111111111")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="4 tries are left")).to_be_visible()
    await looks(bob, "join-wrong-code")
    await field.fill(code.lower().replace("-", " "))
    await page.keyboard.press("Enter")
    await expect(title(page, channel)).to_be_visible()
    await expect(bob.field).to_be_focused()
    await bob.open(ada.name)
    await expect(page.get_by_text(f"{ada.name} invited you to Accord Hub.")).to_be_visible()
    await bob.say("I am in")
    await ada.page.keyboard.press("Escape")
    await ada.open(wanted)
    await ada.sees("I am in")
    dialog = await open_invites(ada)
    await expect(dialog.get_by_role("listitem").filter(has_text="Bob")).to_contain_text("Joined")


async def test_the_fifth_wrong_code_locks_the_invite(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(**CALM), invite(hub), name())
    made = await ada.page.evaluate(
        "() => document.querySelector('accord-conversation').client.call('invites.create', { hasCode: true })"
    )
    page = await (await open_context(**CALM)).new_page()
    await page.goto(made["link"])
    await page.get_by_role("textbox", name="Your name here").fill(name())
    field = page.get_by_role("textbox", name="Code")
    for number in range(5):
        await field.fill(f"WR0NG0000{number}")
        await page.keyboard.press("Enter")
        if number < 4:
            left = "one try is left" if number == 3 else f"{4 - number} tries are left"
            await expect(page.get_by_role("alert").filter(has_text=left)).to_be_visible()
    await expect(title(page, "This invite is locked")).to_be_visible()
    await page.reload()
    await expect(title(page, "This invite is locked")).to_be_visible()
    await looks(Person("", page), "join-locked")
    dialog = await open_invites(ada)
    await expect(dialog.get_by_role("listitem").first).to_contain_text("Locked")
    await expect(dialog.get_by_text("You can invite 5 more people.")).to_be_visible()


async def test_a_circle_and_what_is_left_of_it(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(**CALM), invite(hub), name())
    dialog = await open_invites(ada)
    await dialog.get_by_label("For whom").fill("The choir")
    await dialog.get_by_text("More: a circle").click()
    await dialog.get_by_label("How many people").fill("4")
    await expect(dialog.get_by_label("Suggested name")).to_be_hidden()
    await dialog.get_by_role("button", name="Make invite").click()
    box = dialog.get_by_role("region", name="Invite for The choir")
    link = await box.get_by_role("textbox", name="Invite link").input_value()
    await expect(box.get_by_text("Works for 4 people")).to_be_visible()
    await expect(dialog.get_by_text("You can invite one more person.")).to_be_visible()
    singers = [name(), name()]
    for singer in singers:
        page = await (await open_context(**CALM)).new_page()
        await page.goto(link)
        await expect(page.get_by_text("This link is for a circle of 4 people")).to_be_visible()
        await page.get_by_role("textbox", name="Your name here").fill(singer)
        await page.keyboard.press("Enter")
        await expect(Person(singer, page).field).to_be_visible()
        await page.close()
    await ada.page.keyboard.press("Escape")
    dialog = await open_invites(ada)
    card = dialog.get_by_role("listitem").filter(has_text="The choir")
    await expect(card).to_contain_text("2 of 4 joined")
    for singer in singers:
        await expect(card).to_contain_text(singer)
    await looks(ada, "invite-circle")
    await dialog.get_by_role("button", name="Withdraw the rest of The choir").click()
    question = ada.page.get_by_role("alertdialog", name="Withdraw 2 of 4 places?")
    await question.get_by_role("button", name="Withdraw").click()
    await expect(card).to_contain_text("Withdrawn")
    await expect(dialog.get_by_text("You can invite 3 more people.")).to_be_visible()
    late = await (await open_context(**CALM)).new_page()
    await late.goto(link)
    await expect(title(late, "This invite was withdrawn")).to_be_visible()


async def test_the_card_on_paper(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(**CALM), invite(hub), "Ada Lovelace".replace(" ", "-") + name()[:4])
    page = ada.page
    await page.evaluate("globalThis.print = () => {}")
    dialog = await open_invites(ada)
    await dialog.get_by_text("More: a circle").click()
    await dialog.get_by_label("Ask for a code").check()
    await dialog.get_by_role("button", name="Make invite").click()
    box = dialog.get_by_role("region", name="New invite")
    code = await box.locator(".code-text").inner_text()
    link = await box.get_by_role("textbox", name="Invite link").input_value()
    await box.get_by_role("button", name="Print card").click()
    card = page.locator(".print-card")
    await expect(card).to_be_hidden()
    await page.emulate_media(media="print")
    await expect(card).to_be_visible()
    await expect(page.locator(".app")).to_be_hidden()
    await expect(dialog).to_be_hidden()
    text = await card.inner_text()
    for word in ("Accord Hub", ada.name, link, "Works once, until", "It is not on this card"):
        assert word in text
    assert code not in text
    assert code.replace("-", "") not in text
    SHOTS.mkdir(exist_ok=True)
    await page.set_viewport_size({"width": 660, "height": 900})
    await page.screenshot(path=SHOTS / "invite-card.png")
    whole = await page.pdf(path=SHOTS / "invite-card.pdf", format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", whole)) == 1
    await page.emulate_media(media="screen")
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await expect(card).to_have_count(0)
