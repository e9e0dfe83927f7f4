"""Encrypted channels of spaces in browsers: epochs made, handed out and rotated (protocol.md section 7)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from accord import bodies, epochs, spaces
from accord.encoding import b64decode
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.messages import parse_envelope
from tests.e2e.plain_client import Connection, Json, Key, b64, id_of, message, now_ms
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

    assert await ada.call("channel.giveHistory", conversation=channel, key=bob.key) == {"given": 1}
    await bob.sees("before anybody came")
    assert await _epochs(bob, channel) == [1, 2]

    await ada.call("space.removeMember", space=space, key=bob.key)
    await bob.until(f"client.state.conversations[{channel!r}] === undefined")
    await ada.until(f"client.state.conversations[{channel!r}].lock.epoch === 3")
    ident = await ada.say("not for bob", channel)
    await ada.sees("not for bob")
    details = await ada.call("message.details", conversation=channel, id=ident)
    assert details["header"]["enc"]["epoch"] == 3
    assert await _epochs(bob, channel) == [1, 2]

    before = await ada.page.evaluate("timeline.items.length")
    await ada.call("channel.rotate", conversation=channel)
    await ada.until(f"client.state.conversations[{channel!r}].lock.epoch === 4")
    await ada.reload()
    await ada.online()
    await ada.watch(channel)
    await ada.until(f"timeline.items.length === {before}")
    assert all(item["lock"] == "" for item in await ada.page.evaluate("timeline.items"))
    assert not World.of(hub.home, hub).holds_bytes(b"welcome, bob")


class Admin:
    """A program that administers a space with one channel, and hands out keys well or badly."""

    def __init__(self, user: Key, session: Connection) -> None:
        self.user, self.session = user, session
        self.w0: dict[int, int] = {}
        nonces = secrets.token_bytes(16), secrets.token_bytes(16)
        self.space = spaces.space_id(user.public, nonces[0])
        ident = spaces.channel_id(user.public, nonces[1], self.space)
        self.channel = f"chan:{b64(ident)}"
        create = self._deed("space.create", {"nonce": b64(nonces[0]), "name": "A program's"})
        channel = {"channel": b64(ident), "nonce": b64(nonces[1]), "name": "talk"}
        self.deeds = [create, self._deed("space.channel", channel, prev=[id_of(create)])]

    def _deed(self, type_: str, body: Json, **fields: Any) -> Json:
        return message(self.user, type_, f"space:{b64(self.space)}", body, **fields)

    async def add(self, tab: Browsing) -> None:
        """A space with this member."""
        body = {"user": tab.key, "role": "member"}
        self.deeds.append(self._deed("space.member", body, prev=[id_of(self.deeds[-1])]))
        await self.session.store(*self.deeds)

    async def boxkey_of(self, tab: Browsing) -> bytes:
        """The box key of a browser, out of its user's feed."""
        feed = [item["message"] for item in await self.session.fetch(f"feed:{tab.key}")]
        (body,) = [json.loads(b64decode(each["body"])) for each in feed if each["header"]["type"] == "device.keys"]
        return b64decode(body["boxkey"])

    def epoch(self, secret: bytes, to: list[epochs.Recipient], number: int, prev: Json | None, **wrong: Any) -> Json:
        """A `space.epoch`; `wrong` are fields of its body that are not as they should be."""
        (made,) = epochs.make_epoch(
            secret,
            to,
            chan=self.channel,
            author=self.user.public,
            epoch=number,
            window_ms=epochs.DAY_MS,
            reason="create" if prev is None else "device",
            prev=None if prev is None else b64decode(id_of(prev)),
        )
        envelope = message(self.user, "space.epoch", self.channel, {**json.loads(made), **wrong})
        self.w0[number] = epochs.window_at(envelope["header"]["created_at"], epochs.DAY_MS)
        return envelope

    def key(self, secret: bytes, number: int, win: int) -> bytes:
        """The key of a window of an epoch that was made here."""
        w0 = self.w0[number]
        return epochs.window_key_at(epochs.first_window_key(secret, w0), w0, win)

    def text(self, words: str, secret: bytes, number: int) -> Json:
        """A text sealed under an epoch that was made just now."""
        at = now_ms()
        win = epochs.window_at(at, epochs.DAY_MS)
        return bodies.create_encrypted(
            SigningKey(self.user.seed),
            type="chat.text",
            to=self.channel,
            body=json.dumps({"text": words}).encode(),
            created_at=at,
            epoch=number,
            win=win,
            window_key=self.key(secret, number, win),
        )


async def test_keys_that_are_not_what_they_say_are_left_alone(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    user = await world.member()
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    async with await world.connect(user) as session:
        admin = Admin(user, session)
        await admin.add(ada)
        channel = admin.channel
        mine = epochs.Recipient(b64decode(ada.key), await admin.boxkey_of(ada))
        stranger = epochs.Recipient(mine.user, BoxKey.generate().public)
        right, wrong, last = (epochs.new_secret() for _ in range(3))

        first = admin.epoch(right, [mine], 1, None)
        await session.store(first, admin.text("under the first keys", right, 1))
        await ada.until(f"client.state.conversations[{channel!r}]?.lock.epoch === 1")
        await ada.watch(channel)
        await ada.sees("under the first keys")

        boxes = json.loads(b64decode(first["body"]))["members"]
        bad = [
            admin.epoch(wrong, [stranger], 2, first),  # for another device
            admin.epoch(wrong, [mine], 2, first, kid=b64(epochs.epoch_kid(right))),  # another secret than it names
            admin.epoch(right, [mine], 2, first, members=boxes),  # the box of the epoch before
        ]
        await session.store(*bad)
        await session.store(admin.text("bogus", wrong, 2), admin.text("bogus", right, 2))
        await session.store(admin.epoch(last, [mine], 3, bad[0]))
        await session.store(admin.text("under the last keys", last, 3))
        await ada.sees("under the last keys")
        await ada.until(f"client.state.conversations[{channel!r}].lock.epoch === 3")
        assert "bogus" not in " ".join(await ada.texts())
        assert await _epochs(ada, channel) == [1, 3]

        await ada.say("I am still here", channel)
        await ada.sees("I am still here")
        answers = [each["message"] for each in await session.fetch(channel)]
        answer = next(each for each in answers if each["header"]["from"] == ada.key)
        key = admin.key(last, 3, answer["header"]["enc"]["win"])
        opened = bodies.open_body(parse_envelope(answer), key, window_ms=epochs.DAY_MS)
        assert json.loads(opened)["text"] == "I am still here"
