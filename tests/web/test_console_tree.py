"""The invite tree in the console, in real Chromium: looked at, searched, walked by keys, one account chosen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

from tests.console.browser import console_link
from tests.e2e.world import World
from tests.hubs import ROOT, HubProcess, start_hub
from tests.web.conftest import OpenContext
from tests.web.grove import Sapling, grow

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PICTURES = ROOT / "tests" / "web" / "screenshots"
ACCOUNTS = 80


@pytest.fixture(scope="module")
def process(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub for this file."""
    with start_hub(tmp_path_factory.mktemp("grove") / "home") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def top(process: HubProcess) -> Sapling:
    """The admin's account, with all below it."""
    return await grow(World.of(process.home, process), ACCOUNTS)


async def test_the_tree_as_a_picture(open_context: OpenContext, process: HubProcess, top: Sapling) -> None:
    page = await (await open_context(viewport={"width": 1280, "height": 800})).new_page()
    await page.goto(await asyncio.to_thread(console_link, process.home))
    await page.get_by_role("link", name="Invite tree").click()
    await expect(account(page, "admin")).to_be_visible()
    await wheel_and_mouse_move_it(page)
    await all_are_there_once(page, top)
    await names_are_found(page, top)
    await keys_walk(page, top)
    await it_looks_well(page, top)


def account(page: Page, name: str) -> Locator:
    """Its card."""
    return page.get_by_role("tree").get_by_role("treeitem", name=re.compile(rf"^{name}(,|$)"))


def in_focus(page: Page) -> Locator:
    return page.locator(".branch-node:focus")


async def check_access(page: Page) -> None:
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


async def all_are_there_once(page: Page, top: Sapling) -> None:
    await page.get_by_role("button", name="Unfold all").click()
    cards = page.get_by_role("treeitem")
    await expect(cards).to_have_count(len(top.branch) + 1)  # and the invite that the hub itself has made
    first = top.children[0]
    card = account(page, first.name)
    await expect(card).to_have_attribute("aria-level", "2")
    await expect(page.get_by_role("treeitem", name="waits to be claimed").first).to_be_attached()
    await expect(card).to_have_attribute("aria-label", re.compile(f" {len(first.branch) - 1} accounts below"))
    await page.get_by_role("button", name="Fold all", exact=True).click()
    await expect(cards).to_have_count(len(top.children) + 2)
    await page.get_by_role("button", name="Show the whole").click()
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await check_access(page)


async def names_are_found(page: Page, top: Sapling) -> None:
    deepest = max(top.branch, key=lambda each: (each.generation, each.kind == "real"))
    await page.get_by_role("button", name="Fold all", exact=True).click()
    await page.keyboard.press("/")
    await page.keyboard.type(deepest.name)
    found = page.locator('.branch-node[aria-selected="true"]')
    await expect(found).to_have_attribute("aria-level", str(deepest.generation + 1))
    await expect(found).to_be_in_viewport()
    side = page.get_by_role("complementary", name="Chosen account")
    await expect(side.get_by_role("heading")).to_have_text(deepest.name)
    await expect(side.get_by_text("Invites left")).to_be_visible()
    await page.get_by_role("searchbox", name="Find a name").fill("nobody at all")
    await expect(page.get_by_role("status")).to_have_text("Nobody")
    await side.get_by_role("link", name="All about this account").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(deepest.name)
    await page.go_back()
    await expect(page.locator('.branch-node[aria-selected="true"]')).to_have_attribute("data-key", deepest.key.text)


async def keys_walk(page: Page, top: Sapling) -> None:
    await page.get_by_role("button", name="Fold all", exact=True).click()
    parent = max(top.children, key=lambda each: len(each.branch))
    await page.get_by_role("button", name="Show the whole").focus()
    await page.keyboard.press("Tab")
    await expect(in_focus(page)).to_have_attribute("aria-level", "1")
    await account(page, parent.name).focus()
    await expect(account(page, parent.name)).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("ArrowRight")
    await expect(account(page, parent.name)).to_have_attribute("aria-expanded", "true")
    await expect(in_focus(page)).to_have_attribute("data-key", parent.key.text)
    await page.keyboard.press("ArrowRight")
    await expect(in_focus(page)).to_have_attribute("aria-level", "3")
    await page.keyboard.press("Enter")
    await expect(in_focus(page)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    await expect(account(page, parent.name)).to_have_attribute("aria-expanded", "false")
    await expect(in_focus(page)).to_have_attribute("data-key", parent.key.text)
    await page.keyboard.press("Home")
    await expect(in_focus(page)).to_have_attribute("aria-level", "1")
    before = await scale(page)
    await page.keyboard.press("+")
    assert await scale(page) > before


async def scale(page: Page) -> float:
    value: float = await page.locator("accord-branch").evaluate("(picture) => picture.camera.scale")
    return value


async def wheel_and_mouse_move_it(page: Page) -> None:
    before = await scale(page)
    await account(page, "admin").hover()
    await page.mouse.wheel(0, -200)
    await page.wait_for_function(
        "(before) => document.querySelector('accord-branch').camera.scale > before", arg=before
    )
    where = await account(page, "admin").bounding_box()
    assert where is not None
    x, y = where["x"] + 30, where["y"] + 5
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x - 100, y + 50, steps=4)
    await page.mouse.up()
    moved = await account(page, "admin").bounding_box()
    assert moved is not None
    assert (round(moved["x"] - where["x"]), round(moved["y"] - where["y"])) == (-100, 50)
    await expect(page.locator('.branch-node[aria-selected="true"]')).to_have_count(0)  # a drag chooses nobody


async def it_looks_well(page: Page, top: Sapling) -> None:
    """Pictures for people to look at; nothing is wider than the window."""
    PICTURES.mkdir(exist_ok=True)
    for width, height in ((1280, 800), (390, 844)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.reload()
        await account(page, top.children[0].name).click()
        await expect(page.get_by_role("link", name="All about this account")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.screenshot(path=PICTURES / f"console-invite-tree-{width}-{scheme}.png")
    await check_access(page)
