"""The web client in other languages: German as it is, and a made-up one in which every text that went through the
catalogues stands in brackets and everything runs from right to left. What is left without brackets was forgotten.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.person import PHONE, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# In place of the German catalogue: it has every text, and turns the page around.
PSEUDO = """
document.documentElement.dir = "rtl";
const said = (text) => `⟦${String(text).split("##")[0]}⟧`;
const value = (text) => ({ value: said(text), configurable: true, enumerable: true, writable: true });
export default new Proxy({}, { get: (_, text) => said(text), getOwnPropertyDescriptor: (_, text) => value(text) });
"""

# Every text and label that can be seen, and what reaches out of the page.
LOOK = """() => {
  const LEAVE = "script, style, noscript, .avatar, .text, kbd, code, pre, .key, .emoji-grid, option[lang], "
    + "[aria-hidden=true]";
  const BLOCK = "p, li, button, label, h1, h2, h3, dt, dd, summary, legend, option, td, th, small, figcaption";
  const visible = (element) => element.checkVisibility({ checkVisibilityCSS: true })
    && element.getBoundingClientRect().width > 0;
  const words = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll(LEAVE).forEach((part) => part.remove());
    return copy.textContent;
  };
  const top = [...document.querySelectorAll("dialog[open], [popover]:popover-open")].at(-1) ?? document.body;
  const texts = new Set();
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (visible(node.parentElement) && !node.parentElement.closest(LEAVE)) {
      texts.add(words(node.parentElement.closest(BLOCK) ?? node.parentElement));
    }
  }
  for (const element of top.querySelectorAll("[aria-label], [title], [placeholder]")) {
    if (visible(element) && !element.closest(".emoji-grid, .reactions")) {
      ["aria-label", "title", "placeholder"].forEach((name) => texts.add(element.getAttribute(name) ?? ""));
    }
  }
  const wide = [...document.querySelectorAll("body, main, dialog[open], dialog[open] .dialog-body")].filter(visible)
    .filter((element) => element.scrollWidth > element.clientWidth + 1)
    .map((element) => `${element.tagName} ${element.className}: ${element.scrollWidth} in ${element.clientWidth}`);
  return { texts: [...texts], wide };
}"""

# What needs no translation: names of people, hubs, channels and units; dates as Intl writes them in German; addresses.
NAMES = "adah|bobo|admin|lounge|general|rope|Accord Hub|KiB|MiB|KB|MB|GB|accord|Deutsch|English|Chrome|Linux"
DATES = (
    r"\d+\. \w+\.?( \d{4})?|(Mo|Diens|Mitt|Donners|Frei|Sams|Sonn)\w*|(vor|in) \d+ \w+"
    r"|Jan\w*|Feb\w*|März?|Apr\w*|Mai|Ju[nl]i?|Aug\w*|Sep\w*|Okt\w*|Nov\w*|Dez\w*|um|Uhr"
)
KNOWN = re.compile(rf"https?://\S+|[\w-]{{20,}}|\b({NAMES}|{DATES})\b|[A-Z0-9]{{4,5}}(-[A-Z0-9]{{5}})?")


def forgotten(text: str) -> str:
    """What of a text did not come from a catalogue, nothing if it is all there."""
    depth, rest = 0, ""
    for letter in text:
        depth += (letter == "⟦") - (letter == "⟧")
        rest += letter if depth == 0 and letter not in "⟦⟧" else " " if letter in "⟦⟧" else ""
    rest = KNOWN.sub(" ", rest)
    return rest.strip() if re.search(r"[^\W\d_]{2,}", rest) else ""


class Walk:
    """A page that is looked at, again and again."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.missed: dict[str, str] = {}
        self.wide: list[str] = []

    async def look(self, where: str) -> None:
        seen = await self.page.evaluate(LOOK)
        for text in seen["texts"]:
            if rest := forgotten(text):
                self.missed.setdefault(text.strip(), f"{where}: {rest!r}")
        self.wide += [f"{where}: {each}" for each in seen["wide"]]

    async def menu(self) -> None:
        """Everything behind the own name."""
        button = self.page.locator(".me-button")
        entries = self.page.locator(".me-menu button")
        for place in range(await entries.count()):
            await button.click()
            if place == 0:
                await self.look("menu")
            name = (await entries.nth(place).text_content() or "").strip()
            await entries.nth(place).click()
            if name == "⟦My posts⟧":  # a conversation, which is seen elsewhere
                await self.page.get_by_role("button", name="Back to the list").click()
                continue
            await expect(self.page.locator("dialog[open]")).to_be_visible()
            await expect(self.page.locator("dialog[open] .spinner")).to_have_count(0)
            await self.look(name)
            await self.page.keyboard.press("Escape")
            await expect(self.page.locator("dialog[open]")).to_have_count(0)


async def pseudo(open_context: OpenContext, **options: object) -> BrowserContext:
    context = await open_context(locale="de-DE", **options)

    async def catalogue(route: Route) -> None:
        await route.fulfill(body=PSEUDO, content_type="text/javascript")

    await context.route("**/words/de.js", catalogue)
    return context


async def test_everything_that_is_read_comes_from_the_catalogues(hub: HubProcess, open_context: OpenContext) -> None:
    page = await (await pseudo(open_context, viewport=PHONE)).new_page()
    walk = Walk(page)
    for path in ("/", "/recover", "/to/adah", "/join#broken"):
        await page.goto(hub.url + path)
        await expect(page.locator("main")).to_be_visible()
        await walk.look(path)
    await page.goto(invite(hub))
    await expect(page.get_by_role("button", name="Join")).to_be_visible()
    await walk.look("join")
    await page.get_by_role("textbox").first.fill("adah")
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator("accord-conversation form.composer textarea")).to_be_visible()
    await walk.look("chat")
    await page.get_by_role("button", name="Back to the list").click()
    await walk.look("list")
    await walk.menu()
    assert walk.missed == {}
    assert walk.wide == []
