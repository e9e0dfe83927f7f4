"""A recovery code brings a person back in a fresh browser; whoever knew the old key is stopped until they compare."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite
from tests.web.problems import Problems
from tests.web.test_contacts import act_of_mine, card_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def save_code(page: Page) -> list[str]:
    """Make a recovery code in the dialog, and type back the part that is asked for."""
    await page.locator(".me-button").click()
    await page.get_by_role("menuitem", name="Keys and recovery").click()
    await page.get_by_role("button", name="Make a recovery code").click()
    items = page.get_by_role("list", name="Recovery code").get_by_role("listitem")
    await expect(items).to_have_count(14)
    groups = await items.all_inner_texts()
    await page.get_by_role("button", name="I have saved it").click()
    fields = page.get_by_role("textbox", name=re.compile(r"^Group \d+$"))
    for field in await fields.all():
        number = int(str(await field.get_attribute("aria-label")).split()[1])
        await field.fill(groups[number - 1].lower())
    await page.get_by_role("button", name="Use this code").click()
    await expect(page.get_by_text("It brings you back at once")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    return groups


async def test_a_code_brings_back_and_contacts_are_stopped_until_they_compare(
    hub: HubProcess, open_context: OpenContext, problems: Problems
) -> None:
    nora = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "nora")
    otto = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "otto")
    await nora.say("I am nora")
    await otto.sees("I am nora")
    await otto.message("I am nora").get_by_role("button", name="nora").click()
    await otto.page.get_by_role("button", name="Message", exact=True).click()
    await otto.say("hello nora")
    await nora.open("otto")
    await nora.page.get_by_role("button", name="Accept").click()
    await nora.sees("hello nora")

    await act_of_mine(nora, "My posts")
    await nora.say("my first post")
    await card_of(otto, "nora")
    await otto.page.get_by_role("dialog", name="nora").get_by_label("You call them").fill("Nono")
    await otto.page.get_by_role("dialog", name="nora").get_by_role("button", name="Save name").click()
    await otto.page.get_by_role("dialog").get_by_role("button", name="Follow").click()
    await otto.sees("my first post")
    groups = await save_code(nora.page)

    fresh = await open_context(viewport=PHONE)
    page = await fresh.new_page()
    await page.goto(f"{hub.url}/recover")
    await expect(page.get_by_role("heading", name="Back into your account")).to_be_visible()
    again = Person("nora", page)
    await again.check_access()
    await again.shot("recover")
    await page.get_by_role("textbox", name=re.compile("Your recovery code")).fill(" ".join(groups[:-1]))
    await page.get_by_role("button", name="Recover my account").click()
    await expect(page.get_by_role("alert").first).to_contain_text("56 letters")
    await page.get_by_role("textbox", name=re.compile("Your recovery code")).fill(" ".join(groups))
    await page.get_by_role("textbox", name="Your name here").fill("Nora")
    await page.get_by_role("button", name="Recover my account").click()
    await expect(again.field).to_be_visible()
    await page.wait_for_function(
        "() => { const { vault } = document.querySelector('accord-conversation').client.state; "
        "return vault?.isUnset && vault.code === 'here' && vault.status === 'saved'; }"
    )
    await expect(nora.page.get_by_role("heading", name="Your account has a new key")).to_be_visible()

    stop = otto.page.get_by_role("region", name="Key changed")
    await expect(stop).to_contain_text("is shown here once you have decided")  # where they are followed
    await expect(otto.page.get_by_role("heading", level=1, name="nora")).to_be_attached()
    await otto.page.get_by_role("navigation", name="Conversations").get_by_role("button", name="nora").first.click()
    await expect(stop).to_contain_text("Nothing is sent until you have decided")
    await expect(stop.get_by_role("list", name="What is proved")).to_contain_text("signed with the recovery code")
    await expect(otto.field).to_be_hidden()
    await otto.check_access()
    await otto.shot("key-changed")
    await stop.get_by_role("button", name="Compare keys").click()
    words = otto.page.get_by_role("list", name="Words of both keys").get_by_role("listitem")
    await expect(words).to_have_count(8)
    await otto.page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    await otto.check_access()
    await otto.shot("key-compare")
    await otto.page.get_by_role("button", name="The words are the same").click()
    await expect(stop).to_be_hidden()
    await expect(otto.page.get_by_role("heading", level=1, name="Nono")).to_be_attached()
    await otto.sees("hello nora")
    await otto.say("is it you?")
    await expect(otto.message("is it you?")).to_contain_text("Not sent yet")
    await page.get_by_role("button", name="Back to the list").click()
    await again.open("otto")
    await page.get_by_role("button", name="Accept").click()
    await again.sees("is it you?")
    await expect(otto.message("is it you?")).not_to_contain_text("Not sent yet")
    await page.get_by_role("button", name="Back to the list").click()
    await act_of_mine(again, "My posts")
    await again.say("my post under the new key")
    await otto.page.get_by_role("navigation", name="Conversations").get_by_role("button", name="Nono").last.click()
    await otto.sees("my post under the new key")
    await otto.sees("my first post")


async def test_people_vouch_for_somebody_without_a_code(hub: HubProcess, open_context: OpenContext) -> None:
    inviter = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "ivan")
    ivan = inviter.page
    await ivan.get_by_role("button", name=re.compile("ivan")).first.click()
    await ivan.get_by_role("menuitem", name="Profile").wait_for()
    await ivan.keyboard.press("Escape")
    old = await ivan.evaluate("() => document.querySelector('accord-conversation').client.state.me.key")

    page = await (await open_context(viewport=PHONE)).new_page()
    await page.goto(f"{hub.url}/recover#{old}")
    await page.get_by_role("button", name="Ask for my account").click()
    link = await page.get_by_role("textbox", name="Link").input_value()
    words = await page.get_by_role("list", name="The words of your new key").get_by_role("listitem").all_inner_texts()
    assert len(words) == 8
    asker = Person("ivan", page)
    await asker.check_access()
    await asker.shot("ask-for-key")

    await ivan.goto(link)
    dialog = ivan.get_by_role("dialog", name="Keys and recovery")
    shown = dialog.get_by_role("list", name="Words of the new key").get_by_role("listitem")
    await expect(shown).to_have_count(8)
    assert await shown.all_inner_texts() == words
    await ivan.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    await inviter.check_access()
    await inviter.shot("keys-dialog")
    await dialog.get_by_role("button", name="Hand my account over in a day").click()
    await expect(dialog.get_by_text("the hub has your word")).to_be_visible()
    await dialog.get_by_role("button", name="Stop: Your account").click()
    await ivan.get_by_role("button", name="Stop the replacement").click()
    await expect(dialog.get_by_role("button", name="Stop: Your account")).to_be_hidden()
