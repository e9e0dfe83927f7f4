"""Threads, and what the chat says about who can read a conversation."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def seal(person: Person) -> Locator:
    """What stands beside the name of the open conversation about who can read it."""
    return person.page.locator("accord-conversation .seal")


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
