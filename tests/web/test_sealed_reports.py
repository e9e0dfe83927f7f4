"""A sealed message is reported: whoever is to judge reads it, and nothing else of that conversation."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.e2e.plain_client import Key, join
from tests.e2e.world import World, new_name
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing
from tests.web.person import DESKTOP, PHONE, Person, invite
from tests.web.test_engine_private import Program

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

SHOW_CLIENT = "() => { window.client = document.querySelector('accord-conversation').client; }"


async def test_the_judge_reads_what_was_signed_and_no_more(hub: HubProcess, open_context: OpenContext) -> None:
    ann = await Person.join(await open_context(viewport=DESKTOP), invite(hub), new_name())
    carl = await Person.join(await open_context(viewport=DESKTOP), invite(hub), new_name())
    world, bob = World.of(hub.home, hub), Key()
    await ann.page.evaluate(SHOW_CLIENT)
    made = await Browsing(ann.page).call("invites.create")
    name = new_name()
    await join(made["link"], bob, name)  # so it is ann who answers for him

    async with await world.connect(bob) as session:
        program = Program(bob, session)
        await carl.page.evaluate(SHOW_CLIENT)
        await program.connect(Browsing(carl.page, key=await carl.page.evaluate("client.state.me.key")))
        await session.store(program.sealed(b'{"text":"I know where you live"}'))
        await session.store(program.sealed(b'{"text":"and what you did on Sunday"}'))
    await carl.open(name)
    await carl.sees("and what you did on Sunday")

    await carl.act("I know where you live", "More")
    await carl.page.get_by_role("menuitem", name="Report").click()
    form = carl.page.get_by_role("dialog")
    await expect(form).to_contain_text("the key of this one message")
    await carl.page.set_viewport_size(PHONE)
    await form.get_by_label("What is wrong").select_option("abuse")
    await carl.check_access()
    await carl.shot("report-sealed-phone")
    await form.get_by_role("button", name="Report").click()
    await expect(form).to_be_hidden()

    await ann.page.locator(".me-button").click()
    await ann.page.get_by_role("menuitem", name=re.compile("^Reports")).click()
    card = ann.page.get_by_role("region", name="For you to look at").get_by_role("listitem")
    await expect(card).to_contain_text("I know where you live")
    await expect(card).to_contain_text(f"Whoever reports has opened it; {name} has signed it")
    await expect(card).not_to_contain_text("Sunday")
    await ann.check_access()
    await ann.shot("report-opened-desktop")
