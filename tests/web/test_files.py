"""Files in messages, in the browser: previews, sending, seeing, saving, deleting; the hub holds none of it in clear."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.world import World
from tests.hubs import HubProcess, wait_until
from tests.links.pair import until
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing
from tests.web.person import DESKTOP, PHONE, Person, invite

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PLAIN = b"A plaintext that no hub may hold: carnelian. " * 20_000  # several pieces on its way
SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = "owned"</script></svg>'


def png(width: int, height: int) -> bytes:
    """A picture, made of its own name for each line."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + bytes((x * 3 + y) % 256 for x in range(width) for _ in range(3)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def blobs(hub: HubProcess) -> list[Path]:
    return [path for path in (hub.home / "blobs").glob("*/*") if path.parent.name != "parts"]


def content(path: str | Path) -> bytes:
    return Path(path).read_bytes()


async def test_files_from_one_browser_to_another(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Person.join(await open_context(viewport=DESKTOP), invite(hub), "ada-files")
    bob = await Person.join(await open_context(viewport=PHONE), invite(hub), "bob-files")
    chosen = [
        {"name": "field.png", "mimeType": "image/png", "buffer": png(400, 200)},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": PLAIN},
        {"name": "drawing.svg", "mimeType": "image/svg+xml", "buffer": SCRIPT},
        {"name": "false.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\nno picture"},
    ]
    await ada.page.locator("input[type=file]").set_input_files(chosen)
    waiting = ada.page.get_by_role("list", name="Files to send").get_by_role("listitem")
    await expect(waiting).to_have_count(4)
    await expect(waiting.first.locator("img")).to_be_visible()
    await waiting.filter(has_text="false.png").get_by_role("button").click()
    await expect(waiting).to_have_count(3)
    await ada.say("Three files")
    await expect(waiting).to_have_count(0)

    await bob.sees("Three files")
    message = bob.message("Three files")
    picture = message.get_by_role("button", name="Picture field.png")
    await expect(picture.locator("img:not(.thumb)")).to_have_js_property("naturalWidth", 400)
    async with bob.page.expect_download() as saving:
        await message.get_by_role("button", name="Save notes.txt").click()
    saved = await saving.value
    assert saved.suggested_filename == "notes.txt"
    assert content(await saved.path()) == PLAIN
    async with bob.page.expect_download() as saving:
        await message.get_by_role("button", name="Save drawing.svg").click()
    assert content(await (await saving.value).path()) == SCRIPT
    assert await message.locator("img").count() == 1, "vector graphics are saved, never shown"
    await picture.click()
    large = bob.page.get_by_role("dialog", name="field.png").get_by_role("img")
    await expect(large).to_have_js_property("naturalWidth", 400)
    await bob.page.keyboard.press("Escape")

    # A file without words, dropped; a pasted photograph, which is sent without what the camera wrote into it.
    dropped = base64.b64encode(png(64, 64)).decode()
    give = """async ([text, kind]) => {
      let bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
      if (kind === "past") {
        const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 30});
        canvas.getContext("2d").fillRect(0, 0, 40, 30);
        const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg"));
        const jpeg = new Uint8Array(await blob.arrayBuffer());
        const facts = new TextEncoder().encode("Exif\\0\\0at home, 48.2 N 16.4 E");
        const head = [0xff, 0xe1, 0, facts.length + 2];
        bytes = Uint8Array.from([...jpeg.slice(0, 2), ...head, ...facts, ...jpeg.slice(2)]);
      }
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], `${kind}ed.png`, {type: "image/png"}));
      const target = document.querySelector(kind === "dropp" ? "accord-conversation" : "accord-conversation textarea");
      target.dispatchEvent(kind === "dropp"
        ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
        : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true}));
    }"""
    for kind in ("dropp", "past"):
        await ada.page.evaluate(give, [dropped, kind])
        await expect(waiting).to_have_count(1 if kind == "dropp" else 2)
    await ada.page.get_by_role("button", name="Send", exact=True).click()
    await expect(bob.log.get_by_role("button", name="Picture dropped.png")).to_be_visible()
    photograph = bob.log.get_by_role("button", name="Picture pasted.png")
    await expect(photograph.locator("img:not(.thumb)")).to_have_js_property("naturalWidth", 40)
    await photograph.click()
    async with bob.page.expect_download() as saving:
        await bob.page.get_by_role("dialog", name="pasted.png").get_by_role("button", name="Save").click()
    sent = content(await (await saving.value).path())
    assert sent.startswith(b"\xff\xd8\xff")
    assert b"48.2 N" not in sent
    await bob.page.keyboard.press("Escape")

    # The hub has sealed bytes and no names; what is deleted is gone from it.
    held = blobs(hub)
    assert len(held) == 5
    everything = b"".join(content(path) for path in held)
    assert b"carnelian" not in everything
    assert b"PNG" not in everything[:64]
    await ada.act("Three files", "More")
    await ada.page.get_by_role("menuitem", name="Delete").click()
    await ada.page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(message).to_have_count(0)
    wait_until(lambda: len(blobs(hub)) == 2, what="the files of the deleted message are gone")


SEND = """([conversation, text, words, burnMs]) => client.call("message.send", {
  conversation, text, mentions: [], burnMs,
  files: [{file: new File([words], "amber.txt"), name: "amber.txt", media: "text/plain"}],
})"""
OPEN = """async ([conversation, id, blob]) =>
  (await client.call("file.open", {conversation, id, blob})).text()"""
FOUND = """async ([text, count]) => {
  for (;;) {
    const { items } = await client.call("search.query", { text });
    if (items.length === count) return items.map(({ id }) => id);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""
BURNED = "SELECT count(*) FROM blobs_blob WHERE burn_at IS NOT NULL AND gone_at IS NOT NULL"
BURN_MS = 15_000


async def test_files_and_search_of_a_sealed_conversation(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), hub, "ada-sealed")
    bob = await Browsing.join(await open_context(), hub, "bob-sealed")
    with_bob = await ada.connect(bob)
    with_ada = f"direct:{ada.key}"
    await bob.watch(with_ada)
    await ada.page.evaluate(SEND, [with_bob, "sealed, with a file", "the amber is in the attic", 0])
    item = await bob.sees("sealed, with a file")
    (file,) = item["files"]
    assert (file["name"], file["size"], "key" in file) == ("amber.txt", 25, False)
    assert await bob.page.evaluate(OPEN, [with_ada, item["id"], file["blob"]]) == "the amber is in the attic"
    assert await bob.page.evaluate(FOUND, ["AMBER sealed", 1]) == [item["id"]]

    # One that burns is gone from the log, from search, and from the hub with its file.
    await ada.page.evaluate(SEND, [with_bob, "this disappears", "and so does this", BURN_MS])
    world = World.of(hub.home, hub)
    await until(lambda: world.rows(BURNED) == [(1,)], "the file has burned")
    await bob.until("timeline.items.length === 1")
    assert await bob.page.evaluate(FOUND, ["disappears", 0]) == []
    held = "SELECT count(*) FROM blobs_blob WHERE gone_at IS NULL"
    await until(lambda: world.rows(held) == [(len(blobs(hub)),)], "its bytes are gone from the disk")
