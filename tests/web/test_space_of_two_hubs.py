"""A space of people of two hubs, from making it to a clean browser: what its people see, and what the hubs have of it.

Ada and Bob are members of one hub, Cleo of another one that is linked with it; each has a browser, and Ada a vault.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e import traces
from tests.e2e.plain_client import unb64
from tests.hubs import HubProcess
from tests.links.pair import Hub, pair, until
from tests.web.cable import Cable
from tests.web.conftest import OpenContext
from tests.web.engine import NETWORK
from tests.web.person import DESKTOP, Person, invite
from tests.web.problems import Problems
from tests.web.test_spaces import link_of, make_space, rail, rows, seal
from tests.web.test_vault import log_in, saved

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "gravel tundra opera mitten"
CLIENT = "document.querySelector('accord-conversation').client"
OPENED = "document.querySelector('accord-conversation').conversation"
SEND = f"([conversation, text, burnMs]) => {CLIENT}.call('message.send', {{conversation, text, mentions: [], burnMs}})"
LIVES_MS = (10_000, 60_000, 240_000)
HELD = "SELECT m.ident, m.body FROM messaging_message m JOIN messaging_topic t ON t.id = m.topic_id WHERE t.ident = ?"
LATE_MS = 90_000  # a browser that has waited long tries again after at most half a minute


def said(about: str) -> str:
    """Words that are found nowhere by chance."""
    return f"{about} {secrets.token_hex(8)}"


async def join_with_password(page: Page, process: HubProcess, name: str) -> Person:
    await page.goto(invite(process))
    await page.get_by_text("With a password, to log in from any browser").click()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("textbox", name="Your name here").fill(name)
    await page.get_by_role("button", name="Join").click()
    dialog = page.get_by_role("dialog", name="Your vault's recovery code")
    await dialog.get_by_role("button", name="I have saved it").click()
    person = Person(name, page)
    await expect(person.field).to_be_visible()
    return person


async def open_general(person: Person) -> None:
    """Open the space's first channel, with keys for this browser."""
    await rail(person, "Climbing club").click()
    await rows(person).get_by_role("button", name="general").click()
    await expect(person.page.get_by_role("heading", level=1, name="general")).to_be_attached()
    await expect(seal(person)).to_have_text("encrypted")


async def space_page(person: Person) -> Any:
    await person.page.get_by_role("button", name="Climbing club").last.click()
    return person.page.get_by_role("dialog", name="Climbing club")


async def epoch(person: Person) -> int:
    number: int = await person.page.evaluate(f"{CLIENT}.state.conversations[{OPENED}].lock.epoch")
    return number


async def epoch_after(person: Person, number: int) -> None:
    await person.page.wait_for_function(
        f"(number) => {CLIENT}.state.conversations[{OPENED}]?.lock.epoch > number", arg=number, timeout=LATE_MS
    )


def bodies(hub: Hub, channel: str) -> dict[bytes, bytes | None]:
    """What a hub holds of a channel."""
    return dict(hub.rows(HELD, unb64(channel.removeprefix("chan:"))))


async def burn(author: Person, channel: str, readers: list[Person], hubs: list[Hub], words: str) -> None:
    """Say something that burns soon, on a slow machine somewhat later: everybody has read it, then it is nowhere."""
    for life in LIVES_MS:
        ident = unb64((await author.page.evaluate(SEND, [channel, f"{words} {life}", life]))["id"])
        seen = [reader.message(f"{words} {life}") for reader in readers]
        try:
            for message in seen:
                await expect(message).to_be_visible(timeout=life)
            sealed = [bodies(hub, channel)[ident] for hub in hubs]
        except (AssertionError, KeyError):
            continue
        for message in seen:
            await expect(message).to_have_count(0, timeout=2 * life + 60_000)
        for hub, body in zip(hubs, sealed, strict=True):
            assert body
            await until(
                lambda hub=hub, body=body: not hub.world.holds_bytes(body), "burned at the hub", 2 * life / 1000 + 60
            )
            assert ident not in bodies(hub, channel)
        return
    raise AssertionError("nothing was read before it had burned")


async def test_a_space_of_two_hubs(
    chromium: str, tmp_path: Path, cable: Cable, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(NETWORK)
    async with pair(tmp_path, ACCORD_URL=cable.url) as both:
        far, near = both.far, both.near
        await cable.mend(near.process.port)
        await both.link()
        await both.equal()
        contexts = [await open_context(viewport=DESKTOP) for _ in range(3)]
        ada, bob, cleo = await asyncio.gather(
            join_with_password(await contexts[0].new_page(), far.process, "ada"),
            Person.join(contexts[1], invite(far.process), "bob"),
            Person.join(contexts[2], invite(near.process), "cleo"),
        )
        words = {about: said(about) for about in ("to both", "from near", "from far", "offline", "missed", "without")}

        # Made; one comes by a link, one of the other hub is let in.
        await make_space(ada, "Climbing club")
        await expect(seal(ada)).to_have_text("encrypted")
        channel = await ada.page.evaluate(OPENED)
        await bob.page.goto(await link_of(ada))
        await bob.page.get_by_role("dialog", name="Join a space").get_by_role("button", name="Join").click()
        await expect(bob.page.get_by_role("heading", level=1, name="general")).to_be_attached()
        page = await space_page(ada)
        await page.get_by_role("button", name="Add", exact=True).click()
        await ada.page.get_by_role("option", name=re.compile("^cleo")).click()
        await open_general(cleo)
        await expect(seal(bob)).to_have_text("encrypted")

        # They talk, from both hubs.
        await ada.say(words["to both"])
        for other in (bob, cleo):
            await other.sees(words["to both"])
        await cleo.say(words["from near"])
        await bob.say(words["from far"])
        for each in (ada, bob, cleo):
            await each.sees(words["from near"])
            await each.sees(words["from far"])
        await expect(ada.message(words["from near"])).to_contain_text("cleo")
        await expect(cleo.message(words["to both"])).to_contain_text("ada")

        # New keys, and the old ones open what was said.
        before = await epoch(ada)
        await seal(ada).click()
        await ada.page.get_by_role("dialog").get_by_role("button", name="Make new keys now").click()
        for each in (ada, bob, cleo):
            await epoch_after(each, before)
        await burn(cleo, channel, [ada, bob, cleo], [far, near], said("burns"))

        # One is offline while another is put out.
        await cable.cut()
        await expect(cleo.page.get_by_role("button", name="Try now")).to_be_visible()
        await cleo.say(words["offline"])
        await ada.say(words["missed"])
        await bob.sees(words["missed"])
        before = await epoch(ada)
        page = await space_page(ada)
        await page.get_by_role("button", name="What to do about bob").click()
        await ada.page.get_by_role("menuitem", name="Put out of the space").click()
        await ada.page.get_by_role("alertdialog").get_by_role("button", name="Put out").click()
        await expect(page.get_by_role("heading", name="Members, 2")).to_be_visible()
        await ada.page.keyboard.press("Escape")
        await ada.say(words["without"])
        await epoch_after(ada, before)
        await cable.mend(near.process.port)
        await expect(cleo.message(words["without"])).to_be_visible(timeout=LATE_MS)
        await cleo.sees(words["missed"])
        await expect(ada.message(words["offline"])).to_be_visible(timeout=LATE_MS)

        # Whoever was put out has nothing of it, and goes on elsewhere.
        await expect(rail(bob, "Climbing club")).to_have_count(0)
        await expect(bob.page.get_by_text(words["without"])).to_have_count(0)
        await rows(bob).get_by_role("button", name="lounge", exact=True).click()
        await bob.say("I am still here")
        await bob.sees("I am still here")
        assert await bob.page.evaluate(f"{CLIENT}.state.conversations[{channel!r}] === undefined")

        # A clean browser has all of it, by name and password.
        await saved(ada.page)
        clean = await (await open_context(viewport=DESKTOP)).new_page()
        again = await log_in(clean, far.process.url, "ada", PASSWORD)
        await open_general(again)
        for text in words.values():
            await again.sees(text)
        assert sorted(await again.texts()) == sorted(words.values())
        last = said("from a clean browser")
        await again.say(last)
        for each in (ada, cleo):
            await each.sees(last)

        # Both hubs hold the same, and can read none of it.
        await until(lambda: bodies(far, channel) == bodies(near, channel), "both hubs hold the same")
        planted = {text: text.encode() for text in (*words.values(), last, PASSWORD)}
        for hub in (far, near):
            assert traces.in_files(hub.home, planted) == set()
