"""Encrypted channels of spaces in browsers: epochs made, handed out and rotated (protocol.md section 7)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from accord import bodies, epochs, spaces
from accord.devices import device_body
from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.message_types import MAX_EPOCH_MEMBERS
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

MAKE_EPOCH = """async ([secret, what]) => {
  const { makeEpoch } = await import(`${folder}../accord/epochs.js`);
  let made = 0;
  const bodies = await makeEpoch(Uint8Array.from(secret), what, (done) => (made = done));
  return { bodies, made };
}"""


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

    async def begin(self, **roles: str) -> None:
        """Store the space, with members by key."""
        for user, role in roles.items():
            body = {"user": user, "role": role}
            self.deeds.append(self._deed("space.member", body, prev=[id_of(self.deeds[-1])]))
        await self.session.store(*self.deeds)

    async def device_of(self, tab: Browsing) -> epochs.Recipient:
        """A browser with its box key, out of its user's feed."""
        feed = f"feed:{tab.key}"
        await self.session.subscribe(topics=[feed])
        held = await self.session.fetch(feed)

        def is_said(header: Json) -> bool:
            return (header["type"], header["from"]) == ("device.keys", tab.key)

        def published() -> Json | None:
            messages = [item["message"] for item in [*held, *self.session.delivered()]]
            said = [each for each in messages if is_said(each["header"])]
            return said[0] if said else None

        body = json.loads(b64decode((await self.session.until(published))["body"]))
        return epochs.Recipient(b64decode(tab.key), b64decode(body["boxkey"]))

    async def epoch_for(self, number: int, to: set[epochs.Recipient]) -> Json:
        """The first epoch of at least this number that has come for just these devices, one part."""

        def made() -> Json | None:
            for item in self.session.delivered():
                header = item["message"]["header"]
                if (header["type"], header["to"]) != ("space.epoch", self.channel):
                    continue
                (epoch,) = epochs.whole_epochs([parse_envelope(item["message"])])
                if epoch.number >= number and epoch.recipients == to:
                    envelope: Json = item["message"]
                    return envelope
            return None

        envelope: Json = await self.session.until(made)
        return envelope

    def epoch(
        self,
        secret: bytes,
        to: list[epochs.Recipient],
        number: int,
        prev: Json | None,
        *,
        at: int | None = None,
        **wrong: Any,
    ) -> Json:
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
        moment = now_ms() if at is None else at
        body = {**json.loads(made), **wrong}
        envelope = message(self.user, "space.epoch", self.channel, body, created_at=moment)
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


async def test_keys_are_taken_if_they_are_what_they_say(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    user = await world.member()
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    async with await world.connect(user) as session:
        admin = Admin(user, session)
        await admin.begin(**{ada.key: "member"})
        channel = admin.channel
        mine = await admin.device_of(ada)
        stranger = epochs.Recipient(mine.user, BoxKey.generate().public)
        right, wrong, last = (epochs.new_secret() for _ in range(3))

        first = admin.epoch(right, [mine], 1, None)
        await session.store(first, admin.text("under the first keys", right, 1))
        await ada.until(f"client.state.conversations[{channel!r}]?.lock.epoch === 1")
        await ada.watch(channel)
        await ada.sees("under the first keys")

        boxes = json.loads(b64decode(first["body"]))["members"]
        now = now_ms()  # of the three the first is the epoch that counts, by its time
        bad = [
            admin.epoch(wrong, [stranger], 2, first, at=now),  # for another device
            # another secret than it names
            admin.epoch(wrong, [mine], 2, first, at=now + 1, kid=b64(epochs.epoch_kid(right))),
            admin.epoch(right, [mine], 2, first, at=now + 2, members=boxes),  # the box of the epoch before
        ]
        await session.store(*bad)
        await session.store(admin.text("bogus", wrong, 2), admin.text("bogus", right, 2))
        third = admin.epoch(last, [mine], 3, bad[0])
        await session.store(third)
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

        # An epoch for more devices than one message holds, made by the page's own code; its first part comes last.
        many = epochs.new_secret()
        others = [{"user": user.text, "boxkey": b64(secrets.token_bytes(32))} for _ in range(MAX_EPOCH_MEMBERS)]
        what = {
            "topic": channel,
            "epoch": 4,
            "from": user.text,
            "windowMs": epochs.DAY_MS,
            "reason": "device",
            "prevEpochHash": id_of(third),
            "devices": [*others, {"user": ada.key, "boxkey": b64(mine.boxkey)}],
        }
        answer = await ada.page.evaluate(MAKE_EPOCH, [list(many), what])
        assert answer["made"] == MAX_EPOCH_MEMBERS + 1
        assert [len(body["members"]) for body in answer["bodies"]] == [MAX_EPOCH_MEMBERS, 1]
        first, rest = (message(user, "space.epoch", channel, body) for body in answer["bodies"])
        admin.w0[4] = epochs.window_at(first["header"]["created_at"], epochs.DAY_MS)
        await session.store(rest)
        await session.store(first, admin.text("under keys for many", many, 4))
        await ada.sees("under keys for many")
        assert await _epochs(ada, channel) == [1, 3, 4]


async def test_admins_who_rotate_at_once_and_a_lost_device(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    user, cleo = await world.add_members(2)
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    bob = await Browsing.join(await open_context(), hub, _name("bob"))
    async with await world.connect(user) as session, await world.connect(cleo) as cleos:
        admin = Admin(user, session)
        channel = admin.channel
        clients, boxes = [Key(), Key()], [BoxKey.generate(), BoxKey.generate()]
        for client, box in zip(clients, boxes, strict=True):
            keys = device_body(box.public, created_at=now_ms(), client=client.public)
            await cleos.store(message(cleo, "device.keys", "feed", keys))
        kept, lost = (epochs.Recipient(cleo.public, box.public) for box in boxes)
        devices = {await admin.device_of(ada), await admin.device_of(bob), kept, lost}
        await admin.begin(**{ada.key: "admin", bob.key: "member", cleo.text: "member"})
        await session.subscribe(topics=[channel])
        first = await admin.epoch_for(1, devices)
        number = json.loads(b64decode(first["body"]))["epoch"]
        for tab in (ada, bob):
            await tab.until(f"client.state.conversations[{channel!r}]?.lock.epoch === {number}")
            await tab.watch(channel)

        # Two of the same number, of which the browser's loses: its admin makes the next one for all.
        await ada.call("channel.rotate", conversation=channel)
        mine = await admin.epoch_for(number + 1, devices)
        await ada.say("under keys that lose", channel)
        await bob.sees("under keys that lose")
        before = mine["header"]["created_at"] - 1
        await session.store(admin.epoch(epochs.new_secret(), sorted(devices), number + 1, first, at=before))
        joined = parse_envelope(await admin.epoch_for(number + 2, devices))
        (epoch,) = epochs.whole_epochs([joined])
        assert (b64(epoch.author), epoch.reason) == (ada.key, "conflict")
        for tab in (ada, bob):
            await tab.until(f"client.state.conversations[{channel!r}].lock.epoch === {number + 2}")
        said = [parse_envelope(item["message"]) for item in await session.fetch(channel)]
        line = epochs.epoch_line(epochs.whole_epochs(each for each in said if each.type == "space.epoch"))
        assert line[-1].ident == joined.id
        await bob.say("under keys of all", channel)
        await ada.sees("under keys of all")
        (text,) = [each for each in await session.fetch(channel) if each["message"]["header"]["from"] == bob.key]
        win = text["message"]["header"]["enc"]["win"]
        key = epochs.first_window_key(epochs.open_epoch(joined, boxes[0], cleo.public), epoch.w0)
        opened = bodies.open_body(
            parse_envelope(text["message"]), epochs.window_key_at(key, epoch.w0, win), window_ms=epoch.window_ms
        )
        assert json.loads(opened)["text"] == "under keys of all"

        # One of cleo's devices is lost: the next keys are not for it.
        await cleos.store(message(cleo, "cert.revoke", "feed", {"clientkey": clients[1].text}))
        after = parse_envelope(await admin.epoch_for(number + 3, devices - {lost}))
        assert epochs.whole_epochs([after])[0].reason == "device"
        with pytest.raises(RemoteError):
            epochs.open_epoch(after, boxes[1], cleo.public)
        for tab in (ada, bob):
            await tab.until(f"client.state.conversations[{channel!r}].lock.epoch === {number + 3}")
        await ada.say("not for what is lost", channel)
        await bob.sees("not for what is lost")
