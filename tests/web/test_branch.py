"""My branch, in real browsers: limits, a removal rehearsed, begun, undone, and then for good, as the removed see it."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CALM: dict[str, Any] = {"viewport": DESKTOP, "reduced_motion": "reduce"}


async def open_own(person: Person, item: str) -> Locator:
    """A dialog of the menu of what is mine."""
    await person.page.locator(".me-button").click()
    await person.page.get_by_role("menuitem", name=item).click()
    return person.page.get_by_role("dialog", name=item)


async def invited_by(person: Person, context: OpenContext, name: str, *, onward: int = 0) -> Person:
    """Somebody new, by an invite that a person makes."""
    dialog = await open_own(person, "Invites")
    if onward:
        await dialog.get_by_label("They may invite").fill(str(onward))
    await dialog.get_by_role("button", name="Make invite").click()
    link = await dialog.get_by_role("textbox", name="Invite link").input_value()
    await person.page.keyboard.press("Escape")
    return await Person.join(await context(**CALM), link, name)


def account(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("treeitem", name=re.compile(rf"^{name}(,|$| )"))


def title(person: Person, words: str) -> Locator:
    return person.page.get_by_role("heading", level=1, name=words)


def decide_at_once(home: Path) -> None:
    """From now on a removal is final without time to undo it."""
    with closing(sqlite3.connect(home / "hub.sqlite3", timeout=60)) as database, database:
        setting = ("removal_undo_minutes", "0", time.time_ns() // 1_000_000)
        database.execute("INSERT INTO console_setting (name, value, changed_at) VALUES (?, ?, ?)", setting)


async def looks(person: Person, shot: str) -> None:
    """The page as it is, in four looks: nothing wider than the screen, no rule of accessibility broken."""
    page = person.page
    for viewport, scheme in [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "dark"), (DESKTOP, "light")]:
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        await person.shot(f"{shot}-{viewport['width']}-{scheme}")
    await person.check_access()


async def test_a_branch_is_limited_removed_and_brought_back(hub: HubProcess, open_context: OpenContext) -> None:
    ann = await Person.join(await open_context(**CALM), invite(hub, invites=9), "ann")
    bob = await invited_by(ann, open_context, "bob", onward=4)
    cem = await invited_by(bob, open_context, "cem")

    dialog = await open_own(ann, "My branch")
    await account(dialog, "bob").click()
    side = dialog.get_by_role("complementary", name="Chosen account")
    await side.get_by_role("button", name="Limits").click()
    limits = ann.page.get_by_role("dialog", name="Limits of bob")
    await limits.get_by_label("Invites left").fill("1")
    await limits.get_by_label("Messages").fill("500")
    await limits.get_by_role("button", name="Set limits").click()
    await expect(limits).to_be_hidden()
    await expect(side).to_contain_text("of 500 used")
    await looks(ann, "branch")

    await side.get_by_role("button", name="Remove").click()
    removal = ann.page.get_by_role("alertdialog", name="Remove bob?")
    await expect(account(removal, "bob, goes")).to_be_visible()
    await expect(account(removal, "cem, gets another inviter")).to_be_visible()
    await expect(removal.get_by_role("button", name="Remove bob")).to_be_enabled()
    await removal.get_by_role("radio", name="bob and everybody below").check()
    await expect(account(removal, "cem, goes")).to_be_visible()
    await expect(removal).to_contain_text("2 accounts go")
    await expect(removal).to_contain_text("nothing has been changed yet")
    await looks(ann, "branch-removal")
    await removal.get_by_role("button", name="Remove 2 accounts").click()

    await expect(title(bob, "Your account is being removed")).to_be_visible()
    await expect(title(cem, "Your account is being removed")).to_be_visible()
    await expect(bob.page.get_by_text("ann has removed you")).to_be_visible()
    await expect(bob.page.get_by_role("timer")).to_contain_text("left")
    await expect(bob.page.get_by_text("In this browser: your key")).to_be_visible()
    decide_at_once(hub.home)  # for what comes; the hub obeys within a second
    await looks(bob, "branch-frozen")
    await expect(account(dialog, "bob, paused")).to_be_visible()
    await looks(ann, "branch-undo")

    await dialog.get_by_role("button", name="Undo the removal of bob").click()
    await expect(account(dialog, "bob")).not_to_have_attribute("aria-label", re.compile("paused"))
    # Bob's page looks by itself too, and may have been first.
    check = bob.page.get_by_role("button", name="Check now")
    await check.evaluate_all("(buttons) => buttons.forEach((button) => button.click())")
    await expect(bob.field).to_be_visible()
    await expect(cem.field).to_be_visible()  # by itself
    await bob.say("Here again")
    await bob.sees("Here again")

    await account(dialog, "bob").click()
    await side.get_by_role("button", name="Remove").click()
    await removal.get_by_role("button", name="Remove bob").click()
    await expect(title(bob, "Your account here was removed")).to_be_visible()
    await looks(bob, "branch-removed")
    await expect(cem.field).to_be_visible()
    await ann.page.keyboard.press("Escape")
    dialog = await open_own(ann, "My branch")
    await expect(account(dialog, "cem")).to_have_attribute("aria-level", "2")
    await expect(account(dialog, "bob")).to_have_count(0)
