"""What pages and their workers complain of while a test runs.

Playwright tells of pages and of their own workers. Of shared workers, where the web client's engine lives, it tells
nothing: those are watched over the browser's own debugging protocol.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Error, WebError


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
    """Listens to all shared workers of a browser; `problems` is where their complaints go, one test after another."""

    def __init__(self, session: CDPSession) -> None:
        self.problems = Problems()
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def watch(cls, browser: Browser) -> SharedWorkers:
        """Begin, for as long as the browser runs."""
        workers = cls(await browser.new_browser_cdp_session())
        workers._session.on("Target.targetCreated", workers._on_target)
        workers._session.on("Target.receivedMessageFromTarget", workers._on_message)
        await workers._session.send("Target.setDiscoverTargets", {"discover": True})
        return workers

    def _on_target(self, event: dict[str, Any]) -> None:
        if event["targetInfo"]["type"] == "shared_worker":
            task = asyncio.ensure_future(self._attach(event["targetInfo"]["targetId"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attach(self, target: str) -> None:
        try:
            attached = await self._session.send("Target.attachToTarget", {"targetId": target, "flatten": False})
            for number, method in enumerate(("Runtime.enable", "Log.enable")):  # both repeat what has been said before
                message = json.dumps({"id": number, "method": method})
                await self._session.send(
                    "Target.sendMessageToTarget", {"sessionId": attached["sessionId"], "message": message}
                )
        except Error:
            pass  # the worker has ended already

    def _on_message(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        said = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled" if said["type"] == "error":
                words = " ".join(str(item.get("value", item.get("description"))) for item in said["args"])
                self.problems.found.append(f"shared worker: {words}")
            case "Runtime.exceptionThrown":
                details = said["exceptionDetails"]
                thrown = details.get("exception", {}).get("description", "")
                self.problems.found.append(f"shared worker, uncaught: {details['text']} {thrown}")
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.problems.found.append(f"shared worker: {said['entry']['text']} ({said['entry'].get('url', '')})")
