"""The web client when the browser has no room, deletes what it kept, or is closed while a file goes up."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.hubs import HubProcess
from tests.web.conftest import OpenContext, Problems
from tests.web.engine import Browsing
from tests.web.person import DESKTOP, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

# Chromium believes for half a minute that there is as much room as when it last looked.
UNTIL_FULL = """async (isFull) => {
  const isRefused = () => new Promise((resolve) => {
    const request = indexedDB.open("accord");
    request.onsuccess = () => {
      const change = request.result.transaction("facts", "readwrite", { durability: "strict" });
      change.objectStore("facts").put(new Uint8Array(64), "probe");
      change.oncomplete = () => resolve(false);
      change.onabort = () => resolve(true);
      request.result.close();
    };
  });
  while ((await isRefused()) !== isFull) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}"""


async def test_a_browser_without_room_loses_no_words_and_one_that_deletes_says_so(
    hub: HubProcess, open_context: OpenContext, problems: Problems
) -> None:
    problems.expect(r"storage: (QuotaExceededError|InvalidStateError)")
    context = await open_context(viewport=DESKTOP)
    ada = await Person.join(context, invite(hub), "ada-full")
    session = await context.new_cdp_session(ada.page)
    await session.send("Storage.overrideQuotaForOrigin", {"origin": hub.url, "quotaSize": 1})
    bob = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "bob-full")
    await ada.page.evaluate(UNTIL_FULL, True)
    await ada.say("Not to be lost")
    error = ada.page.locator("accord-conversation .composer-error")
    await expect(error).to_contain_text("no room left")
    await expect(ada.field).to_have_value("Not to be lost")
    await bob.say("Can you hear me?")
    await ada.sees("Can you hear me?")
    await session.send("Storage.overrideQuotaForOrigin", {"origin": hub.url})
    await ada.page.evaluate(UNTIL_FULL, False)
    await ada.field.press("Enter")
    await bob.sees("Not to be lost")
    await expect(ada.message("Not to be lost")).to_have_count(1)

    await ada.field.fill("Begun, and not sent")
    await session.send("Storage.clearDataForOrigin", {"origin": hub.url, "storageTypes": "indexeddb"})
    title = ada.page.get_by_role("heading", level=1, name="This browser has deleted what it kept here")
    await expect(title).to_be_visible()
    await expect(ada.page.get_by_text("Begun, and not sent")).to_be_visible()
    await ada.check_access()
    await ada.shot("erased")
    await ada.page.get_by_role("button", name="Open again").click()
    await expect(title).to_be_hidden()
    await ada.shot("erased-again")
    await session.detach()


SEND_FILE = """async (conversation) => {
  const bytes = new Uint8Array(700_000);
  for (let at = 0; at < bytes.length; at += 50_000) {
    crypto.getRandomValues(bytes.subarray(at, at + 50_000));
  }
  const files = [{ file: new File([bytes], "long.bin"), name: "long.bin", media: "application/octet-stream" }];
  await client.call("message.send", { conversation, text: "with a file", mentions: [], files });
}"""
SIZE = """async ([conversation, id, blob]) => (await client.call("file.open", { conversation, id, blob })).size"""


async def test_a_page_that_is_closed_while_a_file_goes_up(hub: HubProcess, open_context: OpenContext) -> None:
    """Whoever opens the page again sends the rest, and the message after it: once, and whole."""
    context = await open_context()
    await context.add_init_script("delete window.SharedWorker")  # so that its requests can be halted here
    ada = await Browsing.join(context, hub, "ada-sends")
    bob = await Browsing.join(await open_context(), hub, "bob-gets")
    pieces: list[Route] = []
    is_halted = asyncio.Event()

    async def halt_the_second(route: Route) -> None:
        if route.request.method == "PATCH":
            pieces.append(route)
        if len(pieces) == 2:
            is_halted.set()
        else:
            await route.continue_()

    await context.route("**/api/v1/blobs/*", halt_the_second)
    await ada.page.evaluate(SEND_FILE, ada.lounge)
    await is_halted.wait()
    await ada.page.close()
    await context.unroute("**/api/v1/blobs/*")
    ada = await Browsing.open(context, hub.url)
    await ada.enter()
    item = await bob.sees("with a file")
    (file,) = item["files"]
    assert await bob.page.evaluate(SIZE, [bob.lounge, item["id"], file["blob"]]) == file["size"] == 700_000
    await ada.sees("with a file")
    for tab in (ada, bob):
        assert (await tab.texts()).count("with a file") == 1
