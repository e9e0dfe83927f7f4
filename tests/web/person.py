"""A person at a browser: what they do, by the names that they see."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.e2e.plain_client import Connection, b64, temporary_key
from tests.e2e.world import World
from tests.hubs import ROOT, HubProcess

SHOTS = ROOT / "tests" / "web" / "screenshots"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}


def invite(hub: HubProcess, *, invites: int = 5) -> str:
    """A new invite link of the admin, made as any client makes one: in a tenth of the command's time."""
    secret = secrets.token_bytes(32)
    world = World.of(hub.home, hub)
    placeholder = f"invite-{secrets.token_hex(9)}"
    temporary = world.add_user(world.admin, temporary_key(secret), placeholder, kind="temp", invites=invites)

    async def store() -> None:
        direct = f"ws://127.0.0.1:{hub.port}/ws/peer"  # not by a cable, which this thread may have to serve
        async with await Connection.login(direct, user=world.admin, hub=world.key) as session:
            await session.store(temporary)

    with ThreadPoolExecutor(1) as thread:  # the tests' own loop runs in this one
        thread.submit(asyncio.run, store()).result()
    return f"{hub.url}/join#{b64(secret)}.{hub.key}"


@dataclass
class Person:
    """One page of a person's browser."""

    name: str
    page: Page

    @classmethod
    async def join(cls, context: BrowserContext, link: str, name: str) -> Person:
        """Follow an invite link to the lounge."""
        page = await context.new_page()
        await page.goto(link)
        await page.get_by_role("textbox").fill(name)
        await page.get_by_role("button", name="Join").click()
        person = cls(name, page)
        await expect(person.field).to_be_visible()
        await expect(page.get_by_role("heading", level=1, name="lounge")).to_be_attached()
        return person

    async def tab(self) -> Person:
        """Another tab of the same browser."""
        page = await self.page.context.new_page()
        await page.goto(f"{self.page.url.split('/', 3)[0]}//{self.page.url.split('/')[2]}/")
        person = Person(self.name, page)
        await expect(person.field).to_be_visible()
        return person

    @property
    def field(self) -> Locator:
        """Where messages are written."""
        return self.page.locator("accord-conversation form.composer textarea")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    def message(self, text: str) -> Locator:
        """The message with this text."""
        body = self.page.locator(".msg-body").filter(has_text=text)
        return self.log.get_by_role("article").filter(has=body)

    async def say(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")

    async def sees(self, text: str) -> None:
        await expect(self.message(text)).to_be_visible()

    async def act(self, text: str, action: str) -> None:
        """Press a button of the bar of a message."""
        await self.message(text).hover()
        await self.page.get_by_role("toolbar", name="Actions").get_by_role("button", name=action).click()

    async def open(self, name: str) -> None:
        """Open a conversation by its row in the list."""
        await self.page.get_by_role("navigation", name="Conversations").get_by_role("button", name=name).click()

    async def texts(self) -> list[str]:
        """The texts that are in the page, from above."""
        return await self.log.locator("article.msg .text").all_inner_texts()

    async def shot(self, name: str) -> Path:
        """A picture, for people to look at; the folder is not part of the project."""
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        await self.page.screenshot(path=path, animations="disabled")
        return path

    async def check_access(self) -> None:
        """No violation of the accessibility rules on the page as it is."""
        results = await Axe().run(self.page)
        assert results.violations_count == 0, results.generate_report()
