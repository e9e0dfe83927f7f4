"""An operator restores backups in the console of a running hub, and goes back; then on an empty machine."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.console.browser import console_link
from tests.e2e.plain_client import Key, text
from tests.e2e.world import World
from tests.hubs import ROOT, HubProcess, run_command, start_hub
from tests.web.conftest import OpenContext, Problems

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

WORDS = "correct horse battery staple"
PICTURES = ROOT / "tests" / "web" / "screenshots"
SIZES = ((1280, 800), (390, 844))


async def enter(open_context: OpenContext, process: HubProcess) -> Page:
    page = await (await open_context()).new_page()
    await page.goto(await asyncio.to_thread(console_link, process.home))
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


async def to_restore(page: Page) -> None:
    await page.get_by_role("link", name="Backups", exact=True).first.click()
    await page.get_by_role("link", name="Restore a backup").click()


async def confirm(page: Page, name: str = "Accord Hub") -> None:
    await page.get_by_label("Type the name of this hub").fill(name)
    await page.get_by_role("button", name="Put it in place").click()


async def look(page: Page, name: str) -> None:
    """Pictures for people; no page is wider than a phone."""
    PICTURES.mkdir(exist_ok=True)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, name
        await page.screenshot(path=PICTURES / f"console-{name}-{width}.png", full_page=True)
    await page.set_viewport_size({"width": 1280, "height": 800})


def people(home: Path) -> set[str]:
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        return {name for (name,) in database.execute("SELECT name FROM peers_account WHERE kind = 'real'")}


async def backed_up(process: HubProcess, to: Path) -> Path:
    """A hub with ada, of which there is a backup; after that came bela, and words that are in no backup."""
    world = World.of(process.home, process)
    ada = await world.member(name="ada")
    async with await world.connect(ada) as session:
        (lounge,) = [name for name, row in (await session.topics()).items() if row.get("name") == "lounge"]
        await session.store(*(text(ada, lounge, f"before {n}") for n in range(5)))
    secret = to / "passphrase"
    secret.write_text(f"{WORDS}\n")
    secret.chmod(0o600)
    done = await asyncio.to_thread(run_command, process.home, "backup", f"--passphrase-file={secret}")
    assert done.returncode == 0, done.stderr
    bela: Key = await world.member(name="bela")
    async with await world.connect(bela) as session:
        await session.store(*(text(bela, lounge, f"after {n}") for n in range(3)))
    (file,) = (process.home / "backups").iterdir()
    return file


async def test_back_and_forth_and_on_an_empty_machine(
    open_context: OpenContext, tmp_path: Path, chromium: str, problems: Problems
) -> None:
    problems.expect("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|400|403")
    with start_hub(tmp_path / "home") as process:
        file = await backed_up(process, tmp_path)
        page = await enter(open_context, process)
        await to_restore(page)
        await look(page, "restore-choose")
        secret = page.get_by_label("Passphrase, or the secret half of the key", exact=True)
        await secret.fill("wrong horse battery staple")
        await page.get_by_role("button", name="Read and compare", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("It could not be read")
        await secret.fill(WORDS)
        await page.get_by_role("button", name="Read and compare", exact=True).click()
        await expect(page.get_by_role("heading", name="What would change")).to_be_visible()
        await expect(page.get_by_text("These would have no account any more: bela.")).to_be_visible()
        await expect(page.get_by_role("row", name="#lounge")).to_contain_text("another")
        await look(page, "restore-compare")
        await confirm(page, "Another hub")
        await expect(page.get_by_role("alert")).to_contain_text("nothing has been changed")
        assert people(process.home) == {"ada", "bela"}
        await confirm(page)
        await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        assert people(process.home) == {"ada"}

        await page.get_by_role("link", name="Audit", exact=True).click()
        await expect(page.get_by_role("row", name="restore").first).to_contain_text("console operator")
        await to_restore(page)
        await page.get_by_role("button", name="Compare, and go back to it").click()
        await expect(page.get_by_text("These would have an account again: bela.")).to_be_visible()
        await confirm(page)
        await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        assert people(process.home) == {"ada", "bela"}
        assert run_command(process.home, "verify_audit").returncode == 0

    with start_hub(tmp_path / "empty") as process:
        key = process.key
        page = await enter(open_context, process)
        await to_restore(page)
        await page.get_by_label("The file").set_input_files(file)
        await page.get_by_label("Its passphrase, or the secret half of its key").fill(WORDS)
        await page.get_by_role("button", name="Bring it, read and compare").click()
        await expect(page.get_by_role("alert")).to_contain_text("the backup of another hub")
        await look(page, "restore-other")
        await confirm(page)
        await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        assert people(process.home) == {"ada"}
        found = (process.home / "hub.json").read_text()
        assert key not in found
        assert run_command(process.home, "check_ledger").returncode == 0
