"""A browser recomputes the root of a channel by itself: two hubs agree, and one that hides a message is found out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.plain_client import id_of, text, unb64
from tests.links.pair import pair, until
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


def hide(home: Path, ident: bytes) -> None:
    """Take a message out of a hub's table behind its back; what it has computed and signs stays."""
    with closing(sqlite3.connect(home / "hub.sqlite3", timeout=60)) as database, database:
        (cursor,) = database.execute("SELECT cursor FROM messaging_message WHERE ident = ?", (ident,)).fetchone()
        database.execute("DELETE FROM messaging_message WHERE cursor = ?", (cursor,))


async def test_hubs_agree_and_one_that_hides_is_found_out(tmp_path: Path, open_context: OpenContext) -> None:
    async with pair(tmp_path) as both:
        ann = await both.far.world.member()
        garden = await both.far.world.channel()
        lines = [text(ann, garden, f"line {number}") for number in range(40)]
        async with await both.far.world.connect(ann) as session:
            await session.store(*lines)
        await both.link("--all")
        await both.equal()
        ident = unb64(garden.removeprefix("chan:"))
        count = "SELECT count FROM messaging_topic WHERE ident = ?"
        await until(lambda: both.near.rows(count, ident) == [(40,)], "the channel has come")

        ada = await Person.join(await open_context(viewport=DESKTOP), invite(both.near.process), "ada-agrees")
        await ada.page.get_by_role("navigation", name="Conversations").get_by_role("button", name="channel").click()
        await ada.sees("line 39")
        await ada.page.get_by_role("button", name="open: this hub can read it").click()
        dialog = ada.page.get_by_role("dialog", name="Who can read this")
        says = dialog.locator(".agreement")
        await expect(says).to_contain_text("Agrees with 2 hubs: 40 messages.")  # nobody has asked
        await dialog.get_by_role("button", name="Close").click()
        hides = ada.page.get_by_role("region", name="What the hub hides")
        await expect(hides).to_be_hidden()

        hide(both.near.home, unb64(id_of(lines[7])))
        await ada.page.reload()
        await expect(hides).to_contain_text("has signed for 40 messages here")
        await ada.check_access()
        await ada.shot("hub-hides")
        await ada.page.get_by_role("button", name="open: this hub can read it").click()
        await dialog.get_by_role("button", name="Compare with the hubs").click()
        await expect(says).to_contain_text("The hub hides something")
        await expect(says).to_contain_text("signed for 40 messages")
        await expect(says).to_contain_text("39 messages")
