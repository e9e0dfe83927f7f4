"""Spaces in the chat, with the engine: made, joined by a link, governed, left; threads; what the hub can see."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def seal(person: Person) -> Locator:
    """What stands beside the name of the open conversation about who can read it."""
    return person.page.locator("accord-conversation .seal")


def rail(person: Person, name: str) -> Locator:
    return person.page.get_by_role("navigation", name="Spaces").get_by_role("button", name=name)


def rows(person: Person) -> Locator:
    return person.page.get_by_role("navigation", name="Conversations")


async def make_space(person: Person, name: str) -> None:
    await rail(person, "New space").click()
    await person.page.get_by_role("menuitem", name="Make a space").click()
    dialog = person.page.get_by_role("dialog", name="New space")
    await dialog.get_by_label("Name").fill(name)
    await dialog.get_by_role("button", name="Make space").click()
    await expect(person.page.get_by_role("heading", level=1, name="general")).to_be_attached()


async def link_of(person: Person) -> str:
    """A link into the space that is open."""
    await person.page.get_by_role("button", name="Invite someone").first.click()
    dialog = person.page.get_by_role("dialog", name=re.compile("^Invite to"))
    await dialog.get_by_role("button", name="Make link").click()
    link = await dialog.get_by_label("Link to the space").input_value()
    await dialog.get_by_role("button", name="Done").click()
    return link


async def test_a_space_from_making_to_leaving(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "ada")
    bob = await Person.join(await open_context(viewport=PHONE), invite(hub), "bob")

    await make_space(ada, "Climbing club")
    await expect(seal(ada)).to_have_text("encrypted")
    await ada.say("Only for us")
    await expect(ada.page.locator("article.sent", has_text="Only for us")).to_be_visible()
    await expect(ada.field).to_be_focused()
    await ada.page.keyboard.press("Control+Alt+ArrowUp")  # ... which does not edit what was said last
    await expect(ada.page.get_by_role("heading", level=1, name="lounge")).to_be_attached()
    await ada.page.keyboard.press("Control+Alt+ArrowDown")
    await ada.sees("Only for us")
    link = await link_of(ada)
    await ada.check_access()

    # By the link, on a phone: what it is, then in.
    await bob.page.goto(link)
    dialog = bob.page.get_by_role("dialog", name="Join a space")
    await expect(dialog.get_by_role("heading", name="Climbing club")).to_be_visible()
    await bob.check_access()
    await dialog.get_by_role("button", name="Join").click()
    await expect(bob.page.get_by_role("heading", level=1, name="general")).to_be_attached()
    assert "#" not in bob.page.url
    await expect(seal(bob)).to_have_text("encrypted")
    await ada.say("Welcome, bob")
    await bob.sees("Welcome, bob")
    await expect(bob.message("Only for us")).to_have_count(0)

    # One message that does not stay, and the next one that does.
    await ada.page.get_by_role("button", name="Let it disappear").click()
    await ada.page.get_by_role("menuitem", name="Disappears after 5 minutes").click()
    strip = ada.page.locator("form.composer").get_by_text("This message disappears after 5 minutes, everywhere")
    await expect(strip).to_be_visible()
    await expect(ada.field).to_be_focused()
    for words in ("Gone by then", "Not this one"):
        await ada.say(words)
    await expect(bob.message("Gone by then").get_by_text("disappears in")).to_be_visible()
    await bob.sees("Not this one")
    await expect(bob.message("Not this one").get_by_text("disappears in")).to_have_count(0)

    # A channel for admins only; bob becomes one and has it.
    await ada.page.get_by_role("button", name="New channel").click()
    form = ada.page.get_by_role("dialog", name="New channel")
    await form.get_by_label("Name").fill("rope and money")
    await form.get_by_label("For admins only").check()
    await form.get_by_role("button", name="Make channel").click()
    await expect(ada.page.get_by_role("heading", level=1, name="rope and money")).to_be_attached()
    await expect(seal(ada)).to_have_text("encrypted")
    await bob.page.get_by_role("button", name="Back to the list").click()
    await expect(rows(bob).get_by_role("button", name="general")).to_be_visible()
    await expect(rows(bob).get_by_role("button", name="rope and money")).to_have_count(0)
    await ada.page.get_by_role("button", name="Climbing club").last.click()
    page = ada.page.get_by_role("dialog", name="Climbing club")
    await page.get_by_role("button", name="What to do about bob").click()
    await ada.page.get_by_role("menuitem", name="Make admin").click()
    await expect(page.get_by_text("Admin", exact=True)).to_have_count(2)
    await expect(rows(bob).get_by_role("button", name="rope and money")).to_be_visible()
    await ada.check_access()
    await ada.shot("space-page")

    # Called otherwise: everybody sees it at once.
    await page.get_by_role("button", name="Name and purpose").click()
    form = ada.page.get_by_role("dialog", name="Name and purpose")
    await form.get_by_label("Name", exact=True).fill("Rope team")
    await form.get_by_label("What it is for").fill("Saturdays at the rock")
    await ada.check_access()
    await form.get_by_role("button", name="Save").click()
    page = ada.page.get_by_role("dialog", name="Rope team")
    await expect(page.get_by_text("Saturdays at the rock")).to_be_visible()
    await expect(rail(bob, "Rope team")).to_be_attached()

    # Out: nothing of it is left in bob's list.
    await page.get_by_role("button", name="What to do about bob").click()
    await ada.page.get_by_role("menuitem", name="Put out of the space").click()
    await ada.page.get_by_role("alertdialog").get_by_role("button", name="Put out").click()
    await expect(page.get_by_role("heading", name="Members, 1")).to_be_visible()
    await expect(rail(bob, "Rope team")).to_have_count(0)
    await expect(rows(bob).get_by_role("button", name="lounge")).to_be_visible()
    notices = bob.page.get_by_role("region", name="Notices")
    await expect(notices).to_contain_text("You are no longer a member of")

    # Back without a link, writing again under the new keys; and out by oneself.
    await page.get_by_role("button", name="Add", exact=True).click()
    await ada.page.get_by_role("option", name=re.compile("^bob")).click()
    await rail(bob, "Rope team").click()
    await expect(notices.get_by_text("You are no longer a member of")).to_be_hidden()
    await rows(bob).get_by_role("button", name="general").click()
    await expect(seal(bob)).to_have_text("encrypted")
    await rows(ada).get_by_role("button", name="general").click()
    await ada.say("Welcome back")
    await bob.sees("Welcome back")
    await expect(bob.message("Only for us")).to_have_count(0)

    # The link of before, still good for nine, is withdrawn; bob is given what was said before he came.
    await ada.page.get_by_role("button", name="Rope team").last.click()
    links = page.get_by_role("region", name="Links")
    await expect(links.get_by_text("For 9 more people")).to_be_visible()
    await links.get_by_role("button", name="Withdraw link 1").click()
    await ada.page.get_by_role("alertdialog").get_by_role("button", name="Withdraw").click()
    await expect(links).to_have_count(0)
    await page.get_by_role("button", name="What to do about bob").click()
    await ada.page.get_by_role("menuitem", name="Show what was said before").click()
    before = ada.page.get_by_role("dialog", name="What was said before bob came")
    await before.get_by_role("button", name="Let them read it").click()
    await expect(before.locator("p", has_text="bob can read what was said before.")).to_be_visible()
    await ada.check_access()
    await ada.shot("space-history")
    await before.get_by_role("button", name="Done").click()
    await page.get_by_role("button", name="Close").click()
    await bob.sees("Only for us")
    await bob.page.get_by_role("button", name="Back to the list").click()
    await bob.page.get_by_role("button", name="Rope team").last.click()
    await bob.page.get_by_role("dialog", name="Rope team").get_by_role("button", name="Leave").click()
    await bob.page.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
    await expect(rail(bob, "Rope team")).to_have_count(0)

    # Between two: asked, accepted, sealed, compared.
    await rows(bob).get_by_role("button", name="Message someone").click()
    await bob.page.get_by_role("option", name=re.compile("^ada")).click()
    await expect(seal(bob)).to_have_text("encrypted from the next message")
    await expect(bob.log).to_contain_text("What you write next goes out encrypted")
    await bob.shot("before-the-first-message")
    await bob.say("Just for you")
    await expect(bob.page.get_by_text("to accept. What you write waits here")).to_be_visible()
    await bob.check_access()
    await rows(ada).get_by_role("button", name=re.compile("bob.*asks")).click()
    await ada.page.get_by_role("button", name="Accept").click()
    await ada.sees("Just for you")
    await bob.sees("Just for you")
    await expect(seal(ada)).to_have_text("encrypted")
    await expect(seal(bob)).to_have_text("encrypted")
    await ada.page.get_by_role("button", name="Compare words").first.click()
    compare = ada.page.get_by_role("dialog", name="Compare keys with bob")
    await compare.get_by_role("button", name="The words are the same").click()
    await expect(ada.page.get_by_role("region", name="Privacy of this conversation")).to_be_hidden()
    await ada.check_access()


async def test_from_an_invite_link_to_a_private_conversation(hub: HubProcess, open_context: OpenContext) -> None:
    dora = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "dora")
    await dora.page.get_by_role("button", name="Invite someone").first.click()
    dialog = dora.page.get_by_role("dialog", name="Invites")
    await dialog.get_by_role("button", name="Make invite").click()
    link = await dialog.get_by_role("textbox", name="Invite link").input_value()
    await dora.page.keyboard.press("Escape")

    emil = await Person.join(await open_context(viewport=PHONE), link, "emil")
    await emil.page.get_by_role("button", name="Back to the list").click()
    await rows(emil).get_by_role("button", name=re.compile("^dora")).click()
    await emil.say("Nobody but you reads this")
    await expect(seal(emil)).to_have_text("encrypted")
    await rows(dora).get_by_role("button", name=re.compile("^emil")).click()
    await dora.sees("Nobody but you reads this")
    await expect(seal(dora)).to_have_text("encrypted")


async def test_a_thread_and_what_the_hub_sees(hub: HubProcess, open_context: OpenContext) -> None:
    cleo = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "cleo")
    await cleo.say("Where do we meet?")
    await cleo.act("Where do we meet?", "Reply")
    await cleo.say("At the rock")
    await cleo.message("Where do we meet?").get_by_role("button", name="1 reply").click()
    thread = cleo.page.get_by_role("complementary", name="Thread")
    await expect(thread.get_by_role("article")).to_have_count(2)
    field = thread.get_by_role("textbox", name="Reply in the thread")
    await expect(field).to_be_focused()
    await field.fill("And when?")
    await field.press("Enter")
    await expect(thread.get_by_role("article")).to_have_count(3)
    await expect(cleo.message("Where do we meet?").get_by_role("button", name="2 replies")).to_be_attached()
    await cleo.check_access()
    await cleo.shot("thread")
    await field.press("Escape")
    await expect(thread).to_be_hidden()
    await expect(cleo.message("Where do we meet?").first).to_be_focused()

    await expect(seal(cleo)).to_have_text("open: this hub can read it")
    await seal(cleo).click()
    await cleo.page.get_by_role("dialog").get_by_role("button", name="What this hub can see").click()
    sees = cleo.page.get_by_role("dialog", name="What this hub can see")
    await expect(sees.get_by_text("could take your keys")).to_be_attached()
    await cleo.check_access()
