"""The engine of the web client without its face: pages of a hub whose chat modules are left out, driving client.js."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, Page, Route

from tests.hubs import HubProcess
from tests.web.person import invite

NETWORK = r"ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket connection to|Failed to load resource"
LATE_MS = 90_000  # a browser that has waited long tries again after at most half a minute

OPEN = """async (folder) => {
  const { openClient } = await import(`${folder}client.js`);
  window.folder = folder;
  window.notices = [];
  window.client = await openClient();
  client.addEventListener("notice", ({ detail }) => notices.push(detail));
}"""
CALL = """([name, params]) => client.call(name, params).then(
  (value) => ({ value }), ({ code, detail }) => ({ code, detail }))"""
WATCH = """(conversation) => {
  window.timeline?.close();
  window.timeline = client.timeline(conversation);
  window.changes = [];
  timeline.addEventListener("change", ({ detail }) => changes.push(...detail));
}"""


class Refused(Exception):
    """What a call was rejected with."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


async def _leave_out(route: Route) -> None:
    await route.fulfill(body="", content_type="text/javascript")


@dataclass
class Browsing:
    """A tab with a client and, once `watch` was called, a timeline."""

    page: Page
    key: str = ""
    lounge: str = ""

    @classmethod
    async def open(cls, context: BrowserContext, url: str) -> Browsing:
        """A tab at the hub, its client ready."""
        page = await context.new_page()
        await page.route("**/static/*/chat/*.js", _leave_out)
        await page.goto(f"{url}/")
        tab = cls(page)
        await tab.start()
        return tab

    @classmethod
    async def join(cls, context: BrowserContext, hub: HubProcess, name: str, *, invites: int = 5) -> Browsing:
        """A new member, online and looking at the lounge."""
        tab = await cls.open(context, hub.url)
        await tab.call("join.claim", link=invite(hub, invites=invites), name=name)
        await tab.enter()
        return tab

    async def start(self) -> None:
        """Load the client, again after a reload."""
        main = await self.page.locator("script[type=module]").first.get_attribute("src")
        assert main is not None
        await self.page.evaluate(OPEN, main.replace("chat/main.js", "client/"))
        await self.until("client.state.phase !== 'starting'")

    async def enter(self) -> None:
        """Wait for the connection; learn who I am; look at the lounge."""
        await self.online()
        self.key = await self.page.evaluate("client.state.me.key")
        self.lounge = await self.page.evaluate(
            "Object.values(client.state.conversations).find(({ name }) => name === 'lounge').id"
        )
        await self.watch(self.lounge)

    async def reload(self) -> None:
        await self.page.reload()
        await self.start()

    async def kill_worker(self) -> None:
        """End the worker behind the page, without a word to it."""
        browser = self.page.context.browser
        assert browser is not None
        own = await self.page.context.new_cdp_session(self.page)
        context = (await own.send("Target.getTargetInfo"))["targetInfo"]["browserContextId"]
        session = await browser.new_browser_cdp_session()
        for target in (await session.send("Target.getTargets"))["targetInfos"]:
            if (target["type"], target["browserContextId"]) == ("shared_worker", context):
                await session.send("Target.closeTarget", {"targetId": target["targetId"]})
        await session.detach()
        await own.detach()

    async def online(self) -> None:
        await self.until("client.state.link.status === 'online'", milliseconds=LATE_MS)

    async def until(self, condition: str, milliseconds: int = LATE_MS) -> None:
        """Wait until a JavaScript condition holds."""
        await self.page.wait_for_function(f"() => {condition}", timeout=milliseconds, polling=20)

    async def call(self, call: str, /, **params: Any) -> Any:
        """The value of a call; Refused."""
        answer = await self.page.evaluate(CALL, [call, params])
        if "code" in answer:
            raise Refused(answer["code"], answer["detail"])
        return answer.get("value")

    async def connect(self, other: Browsing) -> str:
        """Be asked by the other, and accept: what the two write to each other is sealed. Gives the conversation."""
        await other.call("connection.ask", key=self.key)
        await self.until(f"client.state.connections[{other.key!r}]?.state === 'asking'")
        await self.call("connection.accept", key=other.key)
        for one, two in ((self, other), (other, self)):
            await one.until(f"client.state.connections[{two.key!r}]?.state === 'connected'")
        return f"direct:{other.key}"

    async def watch(self, conversation: str) -> None:
        """Open a timeline as `timeline`, and gather what it tells in `changes`."""
        await self.page.evaluate(WATCH, conversation)
        await self.until("!timeline.isLoading && !timeline.isFailed")

    async def say(self, text: str, conversation: str = "", **params: Any) -> str:
        """Send a text; gives its id."""
        sent = await self.call(
            "message.send", conversation=conversation or self.lounge, text=text, mentions=[], **params
        )
        return str(sent["id"])

    async def sees(self, text: str, state: str = "sent") -> dict[str, Any]:
        """The item of a text in the timeline, once it is there in that state."""
        found = f"timeline.items.find((item) => item.text === {text!r} && item.state === {state!r})"
        await self.until(f"{found} !== undefined", milliseconds=LATE_MS)
        item: dict[str, Any] = await self.page.evaluate(found)
        return item

    async def item(self, ident: str) -> dict[str, Any]:
        item: dict[str, Any] = await self.page.evaluate(f"timeline.items.find((item) => item.id === {ident!r})")
        return item

    async def item_until(self, ident: str, condition: str) -> dict[str, Any]:
        """The item of an id, once a condition on `item` holds."""
        await self.until(f"timeline.items.some((item) => item.id === {ident!r} && ({condition}))")
        return await self.item(ident)

    async def texts(self) -> list[str]:
        texts: list[str] = await self.page.evaluate("timeline.items.map((item) => item.text)")
        return texts

    async def state(self, expression: str) -> Any:
        """A part of `client.state`."""
        return await self.page.evaluate(f"client.state.{expression}")

    async def conversation(self, ident: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(f"client.state.conversations[{ident!r}]")
        return found
