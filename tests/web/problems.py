"""What pages and their workers complain of while a test runs.

Playwright tells of pages and of their own workers. Of shared workers, where the web client's engine lives, it tells
nothing: those are asked over the browser's own debugging protocol.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Error, WebError

ANSWER_SECONDS = 5


class Problems:
    """What was complained of, and what the test expects of that."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """Complaints in which the regular expression is found do not fail the test."""
        self._expected.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.found if not any(pattern.search(text) for pattern in self._expected)]

    def watch(self, context: BrowserContext) -> None:
        """Listen to all pages of a context."""
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: WebError) -> None:
        self.found.append(f"uncaught: {error.error}")


class SharedWorkers:
    """Asks the shared workers of a browser what they have complained of.

    They are asked at the end: a worker that is watched while it runs does not end with its pages.
    """

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self._found: list[str] = []
        self._answered = asyncio.Event()
        session.on("Target.receivedMessageFromTarget", self._on_message)

    @classmethod
    async def of(cls, browser: Browser) -> SharedWorkers:
        """Those of all contexts."""
        return cls(await browser.new_browser_cdp_session())

    async def complaints(self) -> list[str]:
        """What the workers that still run have complained of, from their beginning on."""
        self._found = []
        targets = await self._session.send("Target.getTargets")
        for target in targets["targetInfos"]:
            if target["type"] == "shared_worker":
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await self._ask(target["targetId"])
                except (Error, TimeoutError):
                    continue  # it has ended meanwhile
        return self._found

    async def _ask(self, target: str) -> None:
        attached = await self._session.send("Target.attachToTarget", {"targetId": target, "flatten": False})
        for method in ("Runtime.enable", "Log.enable"):  # each first repeats what has been said, then answers
            self._answered.clear()
            message = json.dumps({"id": 1, "method": method})
            await self._session.send("Target.sendMessageToTarget", {**attached, "message": message})
            await self._answered.wait()
        await self._session.send("Target.detachFromTarget", attached)

    def _on_message(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        said = message.get("params", {})
        match message.get("method"):
            case None:
                self._answered.set()
            case "Runtime.consoleAPICalled" if said["type"] == "error":
                words = " ".join(str(item.get("value", item.get("description"))) for item in said["args"])
                self._found.append(f"shared worker: {words}")
            case "Runtime.exceptionThrown":
                details = said["exceptionDetails"]
                thrown = details.get("exception", {}).get("description", "")
                self._found.append(f"shared worker, uncaught: {details['text']} {thrown}")
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self._found.append(f"shared worker: {said['entry']['text']} ({said['entry'].get('url', '')})")
