"""Identities in the chat: posts that one follows, notes that people write about others, names of one's own."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.e2e.plain_client import Key, message, now_ms
from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def act_of_mine(person: Person, name: str) -> None:
    """An action of the menu at the foot of the list."""
    await person.page.locator(".me-button").click()
    await person.page.get_by_role("menuitem", name=name).click()


async def card_of(person: Person, name: str) -> None:
    """Open somebody's card from the people on the right."""
    await person.page.get_by_role("complementary", name="People").get_by_role("button", name=name).click()


async def test_following_and_what_others_say(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "ada")
    bob = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "bob")

    await act_of_mine(ada, "My posts")
    await expect(ada.page.get_by_text("What you write here is for everyone")).to_be_visible()
    await ada.say("My first post")
    await ada.sees("My first post")

    await card_of(bob, "ada")
    dialog = bob.page.get_by_role("dialog", name="ada")
    await expect(dialog.get_by_text("has said anything about them yet")).to_be_visible()
    await dialog.get_by_role("button", name="Follow").click()
    await bob.sees("My first post")
    await expect(bob.page.get_by_text("You can read here, but not write.")).to_be_visible()
    await bob.message("My first post").hover()
    bar = bob.page.get_by_role("toolbar", name="Actions")
    await expect(bar.get_by_role("button", name="More")).to_be_visible()
    await expect(bar.get_by_role("button", name="Reply")).to_have_count(0)
    await bob.check_access()
    await bob.shot("following")
    await bob.open("lounge")
    await ada.say("My second post")
    row = bob.page.get_by_role("navigation", name="Conversations").get_by_role("button", name=re.compile("ada.*unread"))
    await row.click()
    await bob.sees("My second post")
    await ada.act("My second post", "Edit")
    await ada.page.get_by_role("textbox", name="Edit message").fill("My second post, mended")
    await ada.page.get_by_role("textbox", name="Edit message").press("Enter")
    await bob.sees("My second post, mended")

    # A name of one's own, and a note for all.
    await card_of(bob, "ada")
    dialog = bob.page.get_by_role("dialog", name="ada")
    await dialog.get_by_label("You call them").fill("Ada from choir")
    await dialog.get_by_role("button", name="Save name").click()
    await dialog.get_by_label("Your note about them").fill("She sings alto with me.")
    await dialog.get_by_role("button", name="Save note").click()
    await expect(bob.page.get_by_text("Note saved")).to_be_attached()
    await expect(bob.page.get_by_role("heading", level=1, name="Ada from choir")).to_be_attached()
    await bob.page.reload()
    await expect(bob.page.get_by_role("heading", level=1, name="Ada from choir")).to_be_attached()
    await bob.sees("My second post, mended")

    carl = await Person.join(await open_context(viewport=PHONE, reduced_motion="reduce"), invite(hub), "carl")
    await carl.page.get_by_role("button", name="People").click()
    await card_of(carl, "ada")
    await expect(carl.page.get_by_text("bob says who this is")).to_be_visible()
    await expect(carl.page.get_by_text("She sings alto with me.")).to_be_visible()
    await carl.check_access()
    await carl.shot("person-noted")

    # Nobody passes for somebody else: letters that look alike, signs that are not seen.
    mallory = await World.of(hub.home, hub).member(name="mallory")
    async with await World.of(hub.home, hub).connect(mallory) as session:
        await session.store(message(mallory, "profile", "feed", {"display_name": "\u0410d\u0430\u202e"}))
    shown = bob.page.get_by_role("complementary", name="People").get_by_role("button", name="\u0410d\u0430 (@mallory)")
    await expect(shown).to_be_visible()

    # Somebody who has no account here, known by what a member has signed; and taken back.
    far, world = Key(), World.of(hub.home, hub)
    note = {
        "other_user": far.text, "notes": "Keeps the club's hub.", "last_update": now_ms(),
        "addresses": ["wss://club.example/ws/peer"],
    }  # fmt: skip
    async with await world.connect(world.admin) as session:
        await session.store(message(world.admin, "identity.note", "feed", note))
    await act_of_mine(bob, "People others know")
    listed = bob.page.get_by_role("dialog", name="People others know")
    await expect(listed.get_by_text("Keeps the club's hub.")).to_be_visible()
    await bob.check_access()
    await bob.shot("noted")
    await listed.get_by_role("button", name=far.text[:8]).click()
    await expect(bob.page.get_by_text("wss://club.example/ws/peer")).to_be_visible()
    await expect(bob.page.get_by_text("they cannot be followed from here")).to_be_visible()
    await bob.page.keyboard.press("Escape")

    await card_of(bob, "Ada from choir")
    dialog = bob.page.get_by_role("dialog", name="Ada from choir")
    await expect(dialog.get_by_label("Your note about them")).to_have_value("She sings alto with me.")
    await dialog.get_by_label("Your note about them").fill("")
    await dialog.get_by_role("button", name="Save note").click()
    await expect(bob.page.get_by_text("Note taken back")).to_be_attached()
    await dialog.get_by_role("button", name="Stop following").click()
    await expect(bob.page.get_by_role("heading", name="Following")).to_be_hidden()
    (bodies,) = world.rows("SELECT count(*) FROM messaging_message WHERE type = 'identity.note' AND body IS NOT NULL")
    assert bodies == (1,)  # only the admin's
