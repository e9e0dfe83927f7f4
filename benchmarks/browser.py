"""People in a real browser: the system's Chromium, one profile a person, joined by invite links."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
from playwright.sync_api import BrowserContext, Page, sync_playwright

from benchmarks.homes import ROOT, environment
from benchmarks.servers import Server

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS: Final = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT: Final = {"width": 1280, "height": 800}
TIMEOUT_MS: Final = 60_000


class People:
    """Opens profiles; each is a browser of its own with a folder of its own, as on machines of different people."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._playwright = sync_playwright().start()
        self._open: list[BrowserContext] = []
        self._executable = next((path for name in NAMES if (path := shutil.which(name))), None)
        if self._executable is None:
            raise RuntimeError("Chromium is missing: apt-get install chromium")

    def profile(self, name: str) -> BrowserContext:
        """The browser of a person; opened again after `close`, it remembers."""
        context = self._playwright.chromium.launch_persistent_context(
            str(self._folder / name), executable_path=self._executable, args=ARGUMENTS, viewport=VIEWPORT
        )
        context.set_default_timeout(TIMEOUT_MS)
        self._open.append(context)
        return context

    def close(self) -> None:
        """End all browsers."""
        for context in self._open:
            with contextlib.suppress(Exception):  # closed already
                context.close()
        self._playwright.stop()


@contextlib.contextmanager
def people(folder: Path) -> Iterator[People]:
    """Browsers that are closed at the end."""
    opened = People(folder)
    try:
        yield opened
    finally:
        opened.close()


def url(server: Server) -> str:
    """Where a hub's page is."""
    return f"http://127.0.0.1:{server.port}/"


def join(server: Server, context: BrowserContext, name: str) -> Page:
    """A new member's page, in the lounge."""
    command = [sys.executable, "manage.py", "invite", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment(server.home), check=True, capture_output=True, text=True)
    page = context.pages[0] if context.pages else context.new_page()
    page.goto(json.loads(done.stdout)["link"])
    page.get_by_role("textbox").first.fill(name)
    page.get_by_role("button", name="Join").click()
    composer(page)
    return page


def composer(page: Page) -> None:
    """Wait until the person could write."""
    page.locator("accord-conversation textarea").first.wait_for()


def memory_of(context_folder: Path) -> int:
    """Bytes of memory that only the processes of one profile's pages use."""
    total = 0
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if f"--user-data-dir={context_folder}" in line:
            for child in process.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    if "--type=renderer" in child.cmdline():
                        total += child.memory_full_info().uss
    return total
