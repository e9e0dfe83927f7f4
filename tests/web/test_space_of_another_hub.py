"""A member follows a link into a space of a linked hub: to a page that knows no account of theirs, then to the own hub,
and in; another one does so on the command line."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from playwright.async_api import expect

from accord_client.join import join
from accord_client.lines import Output
from accord_client.private_commands import join_space, list_spaces
from accord_client.profile import ProfileStore
from tests.links.pair import pair
from tests.web.conftest import OpenContext
from tests.web.person import DESKTOP, PHONE, Person, invite
from tests.web.test_spaces import link_of, make_space, seal

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

COMES_MS = 60_000  # two hubs compare what they hold, twice


async def _spaces(store: ProfileStore) -> str:
    listed = io.BytesIO()
    await list_spaces(store, Output(listed, "utf-8"), as_json=False)
    return listed.getvalue().decode()


async def test_a_link_into_a_space_of_another_hub(chromium: str, tmp_path: Path, open_context: OpenContext) -> None:
    async with pair(tmp_path) as both:
        await both.link()
        await both.equal()
        ada, cleo = await asyncio.gather(
            Person.join(await open_context(viewport=DESKTOP), invite(both.far.process), "ada"),
            Person.join(await open_context(viewport=PHONE), invite(both.near.process), "cleo"),
        )
        await make_space(ada, "Climbing club")
        await expect(seal(ada)).to_have_text("encrypted")
        link = await link_of(ada)

        await cleo.page.goto(link)
        await expect(cleo.page.get_by_role("heading", name="You are invited into a space")).to_be_visible()
        await cleo.check_access()
        field, go = (
            cleo.page.get_by_label("Address of your hub"),
            cleo.page.get_by_role("button", name="Open on my hub"),
        )
        for wrong in ("javascript:alert(1)", both.far.process.url):
            await field.fill(wrong)
            await go.click()
            await expect(cleo.page.get_by_role("alert")).not_to_be_empty()
        await field.fill(both.near.process.url)
        await go.click()

        dialog = cleo.page.get_by_role("dialog", name="Join a space")
        await expect(dialog.get_by_role("heading", name="Climbing club")).to_be_visible()
        await expect(dialog.get_by_text("It is a space of another hub")).to_be_visible()
        await dialog.get_by_role("button", name="Join").click()
        await expect(cleo.page.get_by_role("heading", level=1, name="general")).to_be_attached(timeout=COMES_MS)
        assert "#" not in cleo.page.url
        await expect(seal(cleo)).to_have_text("encrypted", timeout=COMES_MS)
        await ada.say("Welcome from far")
        await cleo.sees("Welcome from far")
        await cleo.say("Thank you from near")
        await ada.sees("Thank you from near")

        await make_space(ada, "Chess club")  # of which Cleo's hub has nothing
        link = await link_of(ada)
        bob = ProfileStore("default", tmp_path / "bob")
        await join(await asyncio.to_thread(invite, both.near.process), "bob", bob)
        said = io.BytesIO()
        assert await join_space(bob, Output(said, "utf-8"), link=link) == 0
        assert "your hub has brought your join" in said.getvalue().decode()
        async with asyncio.timeout(COMES_MS / 1000):
            while "Chess club" not in await _spaces(bob):
                continue
