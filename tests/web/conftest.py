"""Real Chromium on pages of a real hub.

Tests here run on the session's event loop, as the browser does:

    pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

Whatever a page or a worker complains of (uncaught errors, console errors, violations of the content security policy)
fails the test, unless the test has said that it expects it: `problems.expect("regular expression")`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from tests.hubs import ROOT, HubProcess, start_hub
from tests.web.cable import Cable
from tests.web.problems import Problems, SharedWorkers

WINDOWED = ("chromium", "chromium-browser", "google-chrome")
# The shell first: the same engine without the windows of a browser, which take most of the time.
NAMES = ("chromium-headless-shell", *WINDOWED)
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = "tests in a browser: Chromium is missing; on Debian or Ubuntu: sudo apt-get install chromium"
TIMEOUT_MS = 60_000
expect.set_options(timeout=TIMEOUT_MS)  # by itself it would be 5 s, on however slow a machine

MODULES = sorted(path.stem for path in (ROOT / "static" / "accord").glob("*.js") if path.stem != "pow_worker")
LOAD_MODULES = """async ([folder, names]) => {
  const modules = await Promise.all(names.map((name) => import(`${folder}${name}.js`)));
  window.accord = { folder, ...Object.fromEntries(names.map((name, i) => [name, modules[i]])) };
}"""

OpenContext = Callable[..., Awaitable[BrowserContext]]


EXECUTABLE = next((path for name in NAMES if (path := shutil.which(name))), None)


class _LeftOut(pytest.Module):
    """A file of tests that cannot run here. All of them skip at one place, so that one line of the summary says it."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        yield _Nothing.from_parent(self, name="chromium")


class _Nothing(pytest.Item):
    """In place of a file's tests."""

    def runtest(self) -> None:
        pytest.skip(MISSING)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if EXECUTABLE is None and os.environ.get("CI") != "true":
        return _LeftOut.from_parent(parent, path=module_path)
    return None


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium. Where there is none, only under CI=true does a test come so far, to fail."""
    if EXECUTABLE is None:
        pytest.fail(MISSING, pytrace=False)
    return EXECUTABLE


@pytest.fixture(scope="session")
def windowed() -> str:
    """The path of a whole browser: the shell knows nothing of what a person may forbid a page."""
    found = next((path for name in WINDOWED if (path := shutil.which(name))), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One browser for all tests."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_workers(browser: Browser) -> SharedWorkers:
    """Knows what the shared workers of all contexts complain of."""
    return await SharedWorkers.of(browser)


@pytest.fixture(scope="session")
def still_hub(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub for tests that show no people: its pages and modules alone."""
    with start_hub(tmp_path_factory.mktemp("still") / "home") as process:
        yield process


@pytest.fixture(scope="module")
def hub(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub for the tests of one file; its people meet each other, so each test names its own."""
    with start_hub(tmp_path_factory.mktemp("web") / "home") as process:
        yield process


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a test's own hub lives, again and again."""
    return tmp_path / "home"


@pytest.fixture
def own_hub(chromium: str, home: Path) -> Iterator[HubProcess]:
    """A hub that a test may do anything to."""
    with start_hub(home) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def cable() -> AsyncIterator[Cable]:
    """Between browsers and a hub, to be cut."""
    relay = Cable()
    yield relay
    await relay.cut()


@pytest.fixture
def problems() -> Problems:
    """What the pages of this test complained of; their shared workers are asked at its end."""
    return Problems()


@pytest_asyncio.fixture(loop_scope="session")
async def open_context(
    browser: Browser, shared_workers: SharedWorkers, problems: Problems
) -> AsyncIterator[OpenContext]:
    """Opens fresh browser contexts (people's profiles); takes the options of Browser.new_context."""
    contexts = []

    async def open_one(**options: Any) -> BrowserContext:
        # A colour on its way to another one is neither, for those who look at contrasts.
        context = await browser.new_context(**{"reduced_motion": "reduce", **options})
        context.set_default_timeout(TIMEOUT_MS)
        problems.watch(context)
        contexts.append(context)
        return context

    yield open_one
    problems.found += await shared_workers.complaints()
    for context in contexts:
        await context.close()
    assert not problems.unexpected


@pytest_asyncio.fixture(loop_scope="session")
async def context(open_context: OpenContext) -> BrowserContext:
    """A fresh browser context."""
    return await open_context()


async def _empty_script(route: Route) -> None:
    await route.fulfill(body="", content_type="text/javascript")


@pytest_asyncio.fixture(loop_scope="session")
async def accord(context: BrowserContext, still_hub: HubProcess) -> Page:
    """A page of the hub with its policy but without its web client: `accord.<module>` are those of static/accord."""
    page = await context.new_page()
    await page.route("**/static/*/chat/*.js", _empty_script)
    await page.goto(f"{still_hub.url}/")
    main = await page.locator("script[type=module]").first.get_attribute("src")
    assert main is not None
    await page.evaluate(LOAD_MODULES, [main.replace("chat/main.js", "accord/"), MODULES])
    return page
