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
NAMES = (
    "שלום|Everyone meets here. The hub can read this channel|adah|bobo|admin|lounge|general|rope|Accord Hub"
    "|KiB|MiB|KB|MB|GB|accord|Deutsch|English|Chrome|Linux"
)
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

    async def dialog(self, where: str, *keys: str) -> None:
        """What keys open; it is closed again."""
        for key in keys:
            await self.page.keyboard.press(key)
        await expect(self.page.locator("dialog[open]")).to_be_visible()
        await self.look(where)
        await self.page.keyboard.press("Escape")
        await expect(self.page.locator("dialog[open]")).to_have_count(0)

    async def talk(self) -> None:
        """A message, an answer to it, and what can be done about them."""
        field = self.page.locator("accord-conversation form.composer textarea")
        for text in ("1234", "שלום"):
            await field.fill(text)
            await field.press("Enter")
            await expect(self.page.get_by_role("log").get_by_text(text)).to_be_visible()
        for key, selector in (("r", ".reply-strip"), ("e", ".editor"), ("t", ".thread-pane"), ("+", ".emoji-picker")):
            await self.page.locator("article.msg.sent").nth(1).focus()
            await self.page.keyboard.press(key)
            await expect(self.page.locator(selector).filter(visible=True)).to_be_visible()
            await self.look(f"message, {key}")
            await self.page.keyboard.press("Escape")
        await self.dialog("palette", "Control+k")
        await self.dialog("search", "Control+f")
        await self.page.locator(".seal").click()
        await self.dialog("who can read this")
        await self.page.get_by_role("button", name="People").click()
        await self.look("people")
        await self.page.get_by_role("complementary").get_by_role("button", name="admin").click()
        await self.dialog("person")
        await self.page.keyboard.press("Escape")

    async def space(self) -> None:
        """A space is made, and looked at."""
        await self.page.locator(".rail-add").click()
        await self.look("spaces")
        await self.page.get_by_role("menuitem", name="Make a space").click()
        await self.look("new space")
        await self.page.get_by_role("dialog").get_by_role("textbox").first.fill("rope")
        await self.page.get_by_role("button", name="Make space").click()
        await expect(self.page.locator(".seal.encrypted")).to_be_visible()
        await self.look("channel")
        await self.page.get_by_role("button", name="Back to the list").click()
        await self.page.locator(".side-hub").click()
        await self.dialog("space")

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
    await walk.talk()
    await page.get_by_role("button", name="Back to the list").click()
    await walk.look("list")
    await walk.menu()
    await walk.space()
    assert not walk.missed, "\n".join(f"{text!r} ({where})" for text, where in walk.missed.items())
    assert not walk.wide, "\n".join(walk.wide)


async def test_a_language_is_chosen_in_the_settings_and_kept(hub: HubProcess, open_context: OpenContext) -> None:
    page = await (await open_context(locale="de-DE", viewport=PHONE)).new_page()
    await page.goto(hub.url)
    await expect(page.get_by_role("button", name="Weiter")).to_be_visible()
    await page.evaluate("localStorage.setItem('accord.language', 'en')")
    await page.reload()
    await expect(page.get_by_role("button", name="Continue")).to_be_visible()
    assert await page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["en", "ltr"]
    await page.evaluate("localStorage.removeItem('accord.language')")
    await page.goto(invite(hub))
    await page.get_by_role("textbox").first.fill("bobo")
    await page.get_by_role("button", name="Beitreten").click()
    await page.get_by_role("button", name="Zurück zur Liste").click()
    await page.locator(".me-button").click()
    await (
        page.get_by_role("menuitem", name="Einstellungen")
        .or_(page.get_by_role("button", name="Einstellungen"))
        .first.click()
    )
    await page.get_by_label("Sprache").select_option("English")
    await expect(page.get_by_role("button", name="Go to …")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Go to …")).to_be_visible()
