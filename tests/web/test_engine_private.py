"""The engine's private side in a browser: connections and what is said under their keys (protocol.md section 7)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from accord import bodies, connections
from accord.devices import device_body
from accord.encoding import b64decode
from accord.epochs import first_window_key, window_key_at
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.messages import create, parse_envelope
from tests.e2e.plain_client import Connection, Json, Key, id_of, message, now_ms
from tests.e2e.world import World
from tests.hubs import HubProcess
from tests.web.conftest import OpenContext
from tests.web.engine import Browsing

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

DAY_MS = connections.WINDOW_MS


def _name(word: str) -> str:
    return f"{word}-{secrets.token_hex(4)}"


async def test_what_is_written_waits_until_it_can_be_sealed(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    context = await open_context()
    bob = await Browsing.join(context, hub, _name("bob"))
    to_bob = (await ada.call("direct.open", key=bob.key))["conversation"]
    await ada.until(f"client.state.connections[{bob.key!r}]?.canAsk === true")
    await ada.watch(to_bob)
    for words in ("first", "second"):
        await ada.say(words, to_bob)
    assert (await ada.sees("second", "waiting"))["error"]["code"] == "waiting"
    assert (await ada.conversation(to_bob))["lock"]["state"] == "waiting"
    await ada.reload()  # what waits outlives the tab
    await ada.online()
    await ada.watch(to_bob)
    await ada.sees("first", "waiting")

    to_ada = f"direct:{ada.key}"
    await bob.until(f"client.state.connections[{ada.key!r}]?.state === 'asking'")
    await bob.call("connection.accept", key=ada.key)
    await bob.until(f"client.state.conversations[{to_ada!r}]?.unread === 2")
    await bob.watch(to_ada)
    assert await bob.texts() == ["first", "second"]
    assert (await bob.sees("second"))["isSealed"] is True
    sent = await ada.sees("second")
    assert (sent["isSealed"], (await ada.conversation(to_bob))["lock"]["state"]) == (True, "encrypted")
    world = World.of(hub.home, hub)
    assert not world.holds_bytes(b"second")

    await bob.call("conversation.read", conversation=to_ada, id=sent["id"])
    await bob.page.close()
    await ada.say("while you were away", to_bob)
    await ada.sees("while you were away")
    bob = await Browsing.open(context, hub.url)
    await bob.online()
    await bob.until(f"client.state.conversations[{to_ada!r}]?.unread === 1")
    await bob.watch(to_ada)
    await bob.sees("while you were away")


async def test_whether_it_will_be_sealed_is_known_before_the_first_word(
    hub: HubProcess, open_context: OpenContext
) -> None:
    """Also when the other's client publishes its keys later than somebody looks."""
    world = World.of(hub.home, hub)
    user = await world.member()
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    lock = f"client.state.conversations['direct:{user.text}']?.lock.state"
    await ada.call("direct.open", key=user.text)
    await ada.until(f"{lock} === 'open'")
    async with await world.connect(user) as session:
        keys = device_body(BoxKey.generate().public, created_at=now_ms())
        await session.store(message(user, "device.keys", "feed", keys))
    await ada.until(f"{lock} === 'ready'")
    assert await ada.page.evaluate(f"client.state.connections[{user.text!r}].canAsk") is True


class Program:
    """Another user of the hub, who seals with the library, and may do so wrongly."""

    def __init__(self, user: Key, session: Connection) -> None:
        self.user, self.session = user, session
        self.topic, self.secret, self.w0 = "", b"", 0

    async def connect(self, tab: Browsing) -> None:
        """Ask, be accepted, make the key."""
        half = BoxKey.generate()
        asked = connections.request_body(half.public, connections.new_conn_id())
        request = message(self.user, "connection.request", f"user:{tab.key}", asked)
        await self.session.subscribe(topics=[f"user:{self.user.text}"])
        await self.session.store(request)
        await tab.until(f"client.state.connections[{self.user.text!r}]?.state === 'asking'")
        await tab.call("connection.accept", key=self.user.text)
        (accept,) = await self.session.until(lambda: self.of_type("connection.accept"))
        other = json.loads(b64decode(accept["body"]))["conn_pub"]
        one, two = parse_envelope(request), parse_envelope(accept)
        epoch = connections.connection_epoch(
            connections.connection_key(half, b64decode(other), one, two), two.created_at
        )
        self.topic = connections.connection_topic(one.id, two.id)
        self.secret, self.w0 = epoch.secret, epoch.w0

    def of_type(self, type_: str) -> list[Json]:
        messages = [item["message"] for item in self.session.delivered()]
        return [each for each in messages if each["header"]["type"] == type_]

    def sealed(self, body: bytes, *, key: bytes | None = None, off: int = 0, **fields: Any) -> Json:
        """A text with this body; sealed with another key, or so many windows off the right one."""
        at = now_ms()
        win = at // connections.WINDOW_MS + off
        right = window_key_at(first_window_key(self.secret, self.w0), self.w0, win) if win >= self.w0 else bytes(32)
        signer = SigningKey(self.user.seed)
        options = {"type": "chat.text", "to": self.topic, "created_at": at, "epoch": 1, "win": win, **fields}
        return bodies.create_encrypted(signer, body=body, window_key=key or right, **options)

    def resealed(self, envelope: Json) -> Json:
        """The same sealed body under a header of another moment."""
        header = envelope["header"]
        return create(
            SigningKey(self.user.seed),
            type="chat.text",
            to=self.topic,
            body=b64decode(envelope["body"]),
            created_at=header["created_at"] + 1,
            salt=b64decode(envelope["salt"]),
            enc=header["enc"],
        )


async def test_what_does_not_fit_is_never_shown_as_said(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    user = await world.member()
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    async with await world.connect(user) as session:
        program = Program(user, session)
        await program.connect(ada)
        conversation = f"direct:{user.text}"
        await ada.watch(conversation)
        good = program.sealed(b'{"text":"made by a program"}')
        await session.store(good)
        assert (await ada.sees("made by a program"))["isSealed"] is True

        wrong = {
            "another key": program.sealed(b'{"text":"bogus"}', key=bytes(32)),
            "a window not of its time": program.sealed(b'{"text":"bogus"}', off=2),
            "an epoch that is none": program.sealed(b'{"text":"bogus"}', epoch=7),
            "a body under another header": program.resealed(good),
            "no body of a text": program.sealed(b'{"words":"bogus"}'),
            "no JSON": program.sealed(b"\xff"),
        }
        for envelope in wrong.values():
            await session.outcome(envelope)  # whether the hub sees it or not
        await session.store(program.sealed(b'{"text":"the last one"}'))
        await ada.sees("the last one")
        assert "bogus" not in " ".join(await ada.texts())
        for envelope in wrong.values():
            item = await ada.item(id_of(envelope))
            assert item is None or (item["lock"] in ("untrusted", "waiting") and item["canEdit"] is False)

        await ada.say("sealed by a browser", conversation)
        await ada.sees("sealed by a browser")
        answers = [each for each in await session.fetch(program.topic) if each["message"]["header"]["from"] == ada.key]
        opened = bodies.open_body(
            parse_envelope(answers[0]["message"]),
            window_key_at(first_window_key(program.secret, program.w0), program.w0, now_ms() // connections.WINDOW_MS),
            window_ms=connections.WINDOW_MS,
        )
        assert json.loads(opened)["text"] == "sealed by a browser"


async def test_who_declines_is_written_to_openly_if_one_says_so(hub: HubProcess, open_context: OpenContext) -> None:
    world = World.of(hub.home, hub)
    user = await world.member()
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    async with await world.connect(user) as session:
        program = Program(user, session)
        await session.subscribe(topics=[f"user:{user.text}"])
        keys = device_body(BoxKey.generate().public, created_at=now_ms())
        await session.store(message(user, "device.keys", "feed", keys))
        standing = f"client.state.connections[{user.text!r}]"

        # The page declines what a program asks.
        half = connections.request_body(BoxKey.generate().public, connections.new_conn_id())
        await session.store(message(user, "connection.request", f"user:{ada.key}", half))
        await ada.until(f"{standing}?.state === 'asking'")
        await ada.call("connection.decline", key=user.text)
        (answer,) = await session.until(lambda: program.of_type("connection.decline"))
        assert json.loads(b64decode(answer["body"]))["conn_id"] == json.loads(half)["conn_id"]
        await ada.until(f"{standing}.state === 'none'")

        # And the program what the page asks, for somebody who has written already.
        conversation = (await ada.call("direct.open", key=user.text))["conversation"]
        await ada.until(f"{standing}?.canAsk === true")
        await ada.watch(conversation)
        for words in ("for nobody else", "for whoever listens"):
            await ada.say(words, conversation)
            await ada.sees(words, "waiting")

        (request,) = await session.until(lambda: program.of_type("connection.request"))
        asked = json.loads(b64decode(request["body"]))
        decline = {"conn_id": asked["conn_id"]}
        await session.store(message(user, "connection.decline", f"user:{ada.key}", decline))
        await ada.until("timeline.items.filter(({ error }) => error?.code === 'declined').length === 2")
        assert await ada.page.evaluate(f"{standing}.state") == "declined"
        waiting = await ada.sees("for whoever listens", "waiting")
        await ada.call("message.openly", id=waiting["id"])
        assert (await ada.sees("for whoever listens"))["isSealed"] is False
        (text,) = await session.until(lambda: program.of_type("chat.text"))
        assert json.loads(b64decode(text["body"]))["text"] == "for whoever listens"
        assert (await ada.sees("for nobody else", "waiting"))["error"]["code"] == "declined"


async def test_what_burns_is_gone_on_both_sides(hub: HubProcess, open_context: OpenContext) -> None:
    ada = await Browsing.join(await open_context(), hub, _name("ada"))
    bob = await Browsing.join(await open_context(), hub, _name("bob"))
    to_bob = await ada.connect(bob)
    await ada.watch(to_bob)
    await bob.watch(f"direct:{ada.key}")
    ident = await ada.say("for five seconds", to_bob, burnMs=5_000)
    await ada.call("conversation.burn", conversation=to_bob, burnMs=3_600_000)
    await ada.until(f"client.state.conversations[{to_bob!r}].lock.burnMs === 3_600_000")
    await ada.say("for an hour", to_bob)
    later = await bob.sees("for an hour")
    assert later["burnAt"] == later["at"] + 3_600_000
    await bob.call("message.react", conversation=f"direct:{ada.key}", id=later["id"], emoji="👀", on=True)
    await ada.item_until(later["id"], "item.reactions.length === 1")
    for tab in (ada, bob):
        await tab.until(f"timeline.items.every(({{ id }}) => id !== {ident!r})")
