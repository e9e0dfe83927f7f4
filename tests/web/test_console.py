"""The console in real Chromium: the link, the policy, passkeys, accessibility; pictures of the main pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, expect

from tests.console.browser import console_link
from tests.e2e.plain_client import Connection, Key, now_ms, text
from tests.e2e.world import World
from tests.hubs import ROOT, HubProcess, run_command, start_hub
from tests.web.conftest import OpenContext, Problems

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PICTURES = ROOT / "tests" / "web" / "screenshots"
SIZES = {"1280": {"width": 1280, "height": 800}, "390": {"width": 390, "height": 844}}
PAGES = {
    "dashboard": "/console/",
    "people": "/console/peers/account/",
    "tree": "/console/tree/",
    "sessions": "/console/sessions/",
    "devices": "/console/peers/peer/",
    "certificates": "/console/peers/certificate/",
    "messages": "/console/messaging/message/",
    "channels": "/console/messaging/topic/",
    "settings": "/console/settings/",
    "tasks": "/console/tasks/",
    "numbers": "/console/numbers/",
    "factors": "/console/factors/",
    "notice": "/console/do/notice/",
    "hub-key": "/console/peers/statement/set_admin/change/",
    "audit": "/console/peers/auditentry/",
    "person": "/console/peers/account/3/change/",
    "remove": "/console/do/remove-branch/3/",
    "users": "/console/users/",
    "log": "/console/logs/",
    "storage": "/console/storage/",
    "backups": "/console/backups/",
    "restore": "/console/backups/restore/",
    "help": "/console/help/",
}
DAY_MS = 24 * 3600 * 1000
OLD_DAYS = 50
SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script>"


@pytest.fixture(scope="module")
def process(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub for this file."""
    with start_hub(tmp_path_factory.mktemp("console") / "home") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(process: HubProcess) -> AsyncIterator[World]:
    """People, some of them connected, who have said something."""
    made = World.of(process.home, process)
    names = ["ada", "bela", "chidi", "dunja", "emre", "fatou"]
    keys = [Key() for _ in names]
    sessions: list[Connection] = []
    async with await made.connect(made.admin) as admin:
        await admin.store(*(made.add_user(made.admin, k, n, invites=5) for k, n in zip(keys, names, strict=True)))
        await admin.store(made.add_user(made.admin, Key(), "invited", kind="temp"))
        (lounge,) = [name for name, row in (await admin.topics()).items() if row.get("name") == "lounge"]
    for number, key in enumerate(keys[:4]):
        session = await made.connect(key)
        sessions.append(session)
        await session.store(made.add_user(key, Key(), f"friend-{number}"))
        await session.store(*(text(key, lounge, f"Is anybody going to the market on day {day}?") for day in range(5)))
        await session.ask("subscribe", topics=[lounge], keys=[key.text])
    async with await made.connect(keys[4]) as session:
        await session.store(text(keys[4], lounge, SCRIPT))
    async with await made.connect(keys[5]) as session:
        old = [now_ms() - day * DAY_MS for day in range(1, OLD_DAYS) for _ in range(1 + day % 2)]
        await session.store(*(text(keys[5], lounge, f"said at {at}", created_at=at) for at in old))
    yield made
    for session in sessions:
        await session.leave()


async def enter(context: BrowserContext, world: World, link: str | None = None) -> Page:
    """Open the console by a link."""
    page = await context.new_page()
    await page.goto(link or await asyncio.to_thread(console_link, world.home))
    return page


async def violations(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]]


async def test_the_link_opens_the_console_and_leaves_no_trace(open_context: OpenContext, world: World) -> None:
    context = await open_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(f"{request.url} {request.headers.get('referer', '')}"))
    link = await asyncio.to_thread(console_link, world.home)
    secret = link.partition("#")[2]
    page = await enter(context, world, link)
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    assert page.url.endswith("/console/")
    assert not [address for address in asked if secret in address]
    cookies = {cookie["name"]: cookie for cookie in await context.cookies(page.url)}
    assert cookies["accord_console"]["httpOnly"]
    assert cookies["accord_console"]["sameSite"] == "Strict"
    assert not await context.cookies(page.url.partition("/console/")[0] + "/")
    await page.go_back()
    assert secret not in page.url


async def test_a_used_link_says_so(open_context: OpenContext, world: World, problems: Problems) -> None:
    problems.expect("403")
    link = await asyncio.to_thread(console_link, world.home)
    await enter(await open_context(), world, link)
    page = await enter(await open_context(), world, link)
    await expect(page.get_by_role("heading", name="This link opens nothing")).to_be_visible()
    await expect(page.get_by_text("manage.py console_link")).to_be_visible()
    assert await violations(page) == []


async def test_the_page_without_a_secret_explains(open_context: OpenContext, world: World, process: HubProcess) -> None:
    page = await enter(await open_context(), world, f"{process.url}/console/enter")
    await expect(page.get_by_text("manage.py console_link")).to_be_visible()
    await page.goto(f"{process.url}/console/peers/account/")
    await expect(page.get_by_text("There is no password")).to_be_visible()
    assert await violations(page) == []


async def test_every_main_page_is_accessible_and_pictured(
    open_context: OpenContext, world: World, process: HubProcess
) -> None:
    PICTURES.mkdir(exist_ok=True)
    context = await open_context()
    page = await enter(context, world)
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            await page.set_viewport_size(viewport)  # type: ignore[arg-type]
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for name, path in PAGES.items():
                await page.goto(f"{process.url}{path}")
                width = await page.evaluate("document.documentElement.scrollWidth")
                assert width <= viewport["width"], f"{name} is {width} wide at {size}"
                if (size, scheme) in (("1280", "light"), ("390", "dark")):
                    assert await violations(page) == [], f"{name} {size} {scheme}"
                await page.screenshot(path=PICTURES / f"console-{name}-{size}-{scheme}.png")


async def test_what_people_write_is_inert(open_context: OpenContext, world: World, process: HubProcess) -> None:
    context = await open_context()
    dialogs: list[str] = []
    context.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page = await enter(context, world)
    await page.goto(f"{process.url}/console/messaging/message/?q=emre")
    await expect(page.get_by_text(SCRIPT).first).to_be_visible()
    assert await page.evaluate("document.querySelector('main').querySelectorAll('img, script').length") == 0
    assert not dialogs


async def test_an_operator_ends_a_session_by_keyboard(
    open_context: OpenContext, world: World, process: HubProcess
) -> None:
    member = await world.member(name="typist")
    session = await world.connect(member)
    page = await enter(await open_context(), world)
    await page.goto(f"{process.url}/console/sessions/")
    await page.keyboard.press("/")
    await page.keyboard.type("typist")
    await page.keyboard.press("Enter")
    row = page.get_by_role("link", name="typist")
    await row.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="End the session").press("Enter")
    await expect(page.get_by_text("closed within a second")).to_be_visible()
    await page.get_by_role("button", name="End the session").press("Enter")
    assert await session.closed(1) == 1000
    await session.leave()
    await expect(page.get_by_role("status")).to_have_text("The session has been ended.")


async def test_the_simulator_by_keyboard(open_context: OpenContext, world: World, process: HubProcess) -> None:
    PICTURES.mkdir(exist_ok=True)
    page = await enter(await open_context(), world)
    await page.goto(f"{process.url}/console/storage/")
    box = page.get_by_role("region", name="What if")
    await expect(box.get_by_role("status")).to_have_text("Nothing would go: move a slider.")
    picture = box.get_by_role("img")
    await expect(picture).to_have_accessible_name(re.compile(": 0 of .* would go$"))
    slider = page.get_by_role("slider", name="If everything burned")
    await slider.press("ArrowLeft")
    await expect(slider).to_have_attribute("aria-valuetext", "after 45 days")
    await expect(box.get_by_role("status")).to_contain_text("everything from before")
    await expect(box.get_by_role("row", name="fatou")).to_be_visible()
    await slider.press("Home")
    await expect(slider).to_have_attribute("aria-valuetext", "after 6 hours")
    old = sum(1 + day % 2 for day in range(1, OLD_DAYS))
    await expect(picture).to_have_accessible_name(re.compile(f": {old} of .* would go$"))
    await expect(box.get_by_role("link", name="Remove these")).to_be_visible()
    for width, height in ((390, 844), (1280, 800)):
        await page.set_viewport_size({"width": width, "height": height})
        await box.screenshot(path=PICTURES / f"console-simulator-{width}.png")
    room = page.get_by_role("slider", name="If the store might take")
    await room.press("Home")
    await expect(box.get_by_role("status")).to_contain_text("everything from before")


async def test_a_branch_is_removed_and_restored(open_context: OpenContext, world: World, process: HubProcess) -> None:
    page = await enter(await open_context(), world)
    await page.goto(f"{process.url}/console/peers/account/?q=friend-0")
    await page.get_by_role("link", name="friend-0", exact=True).click()
    await page.get_by_role("link", name="Remove the branch").click()
    await expect(page.get_by_text("1 account goes")).to_be_visible()
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("It is being removed, 1 account in all")).to_be_visible()
    await page.get_by_role("link", name="Undo the removal").click()
    await page.get_by_role("button", name="Undo it").click()
    await expect(page.get_by_role("status")).to_contain_text("friend-0 is here again")


async def test_the_menu_of_a_phone(open_context: OpenContext, world: World, process: HubProcess) -> None:
    page = await enter(await open_context(viewport=SIZES["390"]), world)
    link = page.get_by_role("link", name="Live sessions")
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    await expect(link).to_be_hidden()
    await page.get_by_role("button", name="Menu").click()
    await link.click()
    await expect(page.get_by_role("heading", name="Live sessions")).to_be_visible()
    await page.get_by_text("Role: all").click()
    await page.get_by_role("link", name="guests").click()
    await expect(page.get_by_text("Role: guests")).to_be_visible()


async def test_the_theme_is_kept(open_context: OpenContext, world: World, process: HubProcess) -> None:
    page = await enter(await open_context(color_scheme="light"), world)
    await page.get_by_role("button", name="Light or dark").click()
    await page.goto(f"{process.url}/console/tasks/")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_a_passkey_is_asked_for_and_opens(
    open_context: OpenContext, world: World, process: HubProcess, problems: Problems
) -> None:
    context = await open_context()
    page = await enter(context, world, _named(await asyncio.to_thread(console_link, world.home)))
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    devtools = await context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    try:
        await page.goto(_named(f"{process.url}/console/factors/"))
        await page.get_by_label("What you call it").fill("My laptop")
        await page.get_by_role("button", name="Make a passkey").click()
        await expect(page.get_by_text("My laptop")).to_be_visible()
        await page.get_by_role("button", name="Make a passkey").click()  # of the same device: refused by the browser
        await expect(page.get_by_role("alert")).to_contain_text("The browser made no passkey of it")
        await page.get_by_role("button", name="Leave").click()

        await page.goto(_named(await asyncio.to_thread(console_link, world.home)))
        await expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        assert await violations(page) == []
        await page.goto(_named(f"{process.url}/console/"))
        await expect(page.get_by_text("There is no password")).to_be_visible()  # the link alone opens nothing
        await page.goto(_named(f"{process.url}/console/check"))
        await page.get_by_role("button", name="Use a passkey").click()
        await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    finally:
        done = await asyncio.to_thread(run_command, world.home, "console_reset_factor")
    assert done.stdout.startswith("Second factors removed: 1.")


def _named(address: str) -> str:
    """By a name: browsers make no passkeys for a number."""
    return address.replace("127.0.0.1", "localhost")
