"""The owner's link brings the admin's account into a browser, and out of a lost one; the hub's commands go on."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import expect

from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite
from tests.web.test_contacts import card_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def owner_link(hub: HubProcess) -> str:
    made = await asyncio.to_thread(World.of(hub.home, hub).command, "owner", "--json")
    return str(json.loads(made)["link"])


async def test_the_owner_comes_in_and_a_lost_browser_is_out(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "ada")

    await card_of(ada, "admin")
    await ada.page.get_by_role("dialog", name="admin").get_by_role("button", name="Follow").click()
    await expect(ada.page.get_by_role("heading", level=1, name="admin")).to_be_attached()

    page = await (await open_context(viewport=PHONE, reduced_motion="reduce")).new_page()
    await page.goto(await owner_link(hub))
    owner = Person("admin", page)
    await expect(page.get_by_role("heading", name="The admin's account")).to_be_visible()
    assert "owner=" not in page.url
    await owner.check_access()
    await owner.shot("owner")
    await page.get_by_role("button", name="Take the admin's account").click()
    await expect(owner.field).to_be_visible()
    stop = ada.page.get_by_role("region", name="Key changed")
    await expect(stop).to_contain_text("whoever runs it decides that")
    await ada.check_access()
    await ada.shot("key-changed-hub")
    await stop.get_by_role("button", name="Go on without comparing").click()
    await expect(stop).to_be_hidden()
    await ada.open("lounge")
    await owner.say("here I am, the admin")
    await ada.sees("here I am, the admin")
    await owner.act("here I am, the admin", "More")
    await page.get_by_role("menuitem", name="Pin").click()
    await expect(ada.message("here I am, the admin")).to_contain_text(re.compile("pinned", re.IGNORECASE))

    link = json.loads(await asyncio.to_thread(World.of(hub.home, hub).command, "invite", "--json"))["link"]
    assert link.startswith(f"{hub.url}/join#")  # the hub's own commands go on

    fresh = await (await open_context(viewport=DESKTOP, reduced_motion="reduce")).new_page()
    await fresh.goto(await owner_link(hub))
    await fresh.get_by_role("button", name="Take the admin's account").click()
    again = Person("admin", fresh)
    await expect(again.field).to_be_visible()
    await expect(page.get_by_role("heading", name="Your account has a new key")).to_be_visible()
    await again.sees("here I am, the admin")
    await expect(again.message("here I am, the admin")).to_contain_text(re.compile("pinned", re.IGNORECASE))
    await again.say("back again")
    await ada.sees("back again")
    await ada.page.reload()
    await expect(ada.message("here I am, the admin")).to_contain_text(re.compile("pinned", re.IGNORECASE))
