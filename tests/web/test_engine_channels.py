"""Encrypted channels of spaces in browsers: epochs made, handed out and rotated (protocol.md section 7)."""

from __future__ import annotations

import secrets

import pytest

from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EPOCHS_HELD = """(topic) => new Promise((resolve, reject) => {
  const request = indexedDB.open("accord");
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const rows = request.result.transaction("windows").objectStore("windows").getAll();
    rows.onsuccess = () => {
      request.result.close();
      resolve(rows.result.filter((row) => row.topic === topic).map(({ epoch }) => epoch).sort());
    };
  };
})"""


def _name(word: str) -> str:
    return f"{word}-{secrets.token_hex(4)}"


async def _epochs(tab: Browsing, topic: str) -> list[int]:
    held: list[int] = await tab.page.evaluate(EPOCHS_HELD, topic)
    return held


async def test_a_channel_is_read_by_its_members_and_by_nobody_who_was_put_out(
    hub: HubProcess, open_context: OpenContext
) -> None:
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    made = await ada.call("space.create", name="The garden", about="")
    space, channel = made["space"], made["conversation"]
    encrypted = f"client.state.conversations[{channel!r}]?.lock.state === 'encrypted'"
    await ada.watch(channel)
    await ada.say("before anybody came", channel)
    await ada.sees("before anybody came")
    await ada.until(encrypted)

    bob = await Browsing.join(await open_context(), hub, _name("bob"))
    await ada.call("space.addMember", space=space, key=bob.key)
    await bob.until(encrypted)
    await ada.until(f"client.state.conversations[{channel!r}].lock.epoch === 2")
    await bob.watch(channel)
    await ada.say("welcome, bob", channel)
    assert (await bob.sees("welcome, bob"))["isSealed"] is True
    await bob.say("it is green here", channel)
    await ada.sees("it is green here")
    assert await bob.texts() == ["welcome, bob", "it is green here"]
    assert await _epochs(bob, channel) == [2]

    await ada.call("space.removeMember", space=space, key=bob.key)
    await bob.until(f"client.state.conversations[{channel!r}] === undefined")
    await ada.until(f"client.state.conversations[{channel!r}].lock.epoch === 3")
    ident = await ada.say("not for bob", channel)
    await ada.sees("not for bob")
    details = await ada.call("message.details", conversation=channel, id=ident)
    assert details["header"]["enc"]["epoch"] == 3
    assert await _epochs(bob, channel) == [2]

    before = await ada.page.evaluate("timeline.items.length")
    await ada.call("channel.rotate", conversation=channel)
    await ada.until(f"client.state.conversations[{channel!r}].lock.epoch === 4")
    await ada.reload()
    await ada.online()
    await ada.watch(channel)
    await ada.until(f"timeline.items.length === {before}")
    assert all(item["lock"] == "" for item in await ada.page.evaluate("timeline.items"))
    assert not World.of(hub.home, hub).holds_bytes(b"welcome, bob")
