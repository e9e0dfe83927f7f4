"""The hub's bot as people meet it: a greeting, a poll, its mark."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.hubs import migrated_home, start_hub
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, Person, invite

LATE_MS = 90_000  # the bot waits behind other tasks of the hub

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


async def test_a_greeting_and_a_poll(tmp_path: Path, open_context: OpenContext) -> None:
    home = tmp_path / "home"
    migrated_home()
    with start_hub(home):
        pass
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database, database:
        database.execute("DELETE FROM console_setting")
    with start_hub(home) as hub:
        ada = await Person.join(await open_context(viewport=DESKTOP, reduced_motion="reduce"), invite(hub), "ada")
        await ada.open("Hub")
        await expect(ada.message("Welcome to Accord Hub!")).to_be_visible(timeout=LATE_MS)
        await ada.open("lounge")
        await ada.say("/poll Where to? | the sea | the hills")
        asked = ada.message("the sea").filter(has_text="1️⃣")
        await expect(asked.locator("[data-act=react][data-emoji]")).to_have_count(2, timeout=LATE_MS)
        await asked.locator(".reaction").first.click()
        await expect(asked.locator(".reaction").first).to_contain_text("2")
        await ada.say("/poll close")
        await expect(ada.message("1 person has answered.")).to_be_visible(timeout=LATE_MS)
        await ada.page.reload()
        await ada.open("Hub")
        await expect(ada.message("Welcome to Accord Hub!").locator(".origin")).to_have_text("bot")
        await ada.check_access()
