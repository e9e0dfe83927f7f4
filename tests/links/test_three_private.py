"""One private space of three people on three hubs, two of which know each other only by way of the third: all is on
all, also when one was killed; whoever is put out has nothing of the new epoch, on any hub, with all old keys in hand.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from accord import bodies, epochs
from accord.errors import RemoteError
from accord.hpke import BoxKey
from accord.keys import SigningKey
from accord.messages import parse_envelope
from tests.e2e.plain_client import DAY_MS, Json, Key, Refused, id_of, message, now_ms, unb64
from tests.e2e.spaces import Space
from tests.hubs import migrated_home
from tests.links.outside import root_from_outside
from tests.links.pair import Hub, look_nowhere, until
from tests.links.test_private import held, join_from_outside

_SERVED = "SELECT 1 FROM peers_blessing b JOIN peers_user u ON u.id = b.user_id WHERE u.key = ? AND b.hub = ?"


@dataclass
class Person:
    """A member of one hub, and the keys of one device: what they have of epochs, by number."""

    hub: Hub
    key: Key
    box: BoxKey = field(default_factory=BoxKey.generate)
    windows: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    @property
    def recipient(self) -> epochs.Recipient:
        return epochs.Recipient(self.key.public, self.box.public)

    def open_epoch(self, value: Json) -> None:
        """Take the key of an epoch; RemoteError where there is no box for this device."""
        said = parse_envelope(value)
        secret = epochs.open_epoch(said, self.box, self.key.public)
        win = epochs.window_at(said.created_at, DAY_MS)
        self.windows[json.loads(unb64(value["body"]))["epoch"]] = win, epochs.first_window_key(secret, win)

    def says(self, channel: str, words: str) -> Json:
        """A message sealed under the newest epoch that is known."""
        number = max(self.windows)
        first, key = self.windows[number]
        at = now_ms()
        win = epochs.window_at(at, DAY_MS)
        return bodies.create_encrypted(
            SigningKey(self.key.seed), type="chat.text", to=channel, created_at=at, epoch=number, win=win,
            window_key=epochs.window_key_at(key, first, win), body=json.dumps({"text": words}).encode(),
        )  # fmt: skip

    def reads(self, value: Json) -> str:
        """What a message says; KeyError or RemoteError where this device cannot tell."""
        said = parse_envelope(value)
        first, key = self.windows[said.header["enc"]["epoch"]]
        key = epochs.window_key_at(key, first, said.header["enc"]["win"])
        return str(json.loads(bodies.open_body(said, key, window_ms=DAY_MS))["text"])

    async def stores(self, *values: Json) -> None:
        async with await self.hub.world.connect(self.key) as session:
            await session.store(*values)

    async def fetches(self, channel: str) -> list[Json]:
        async with await self.hub.world.connect(self.key) as session:
            return [item["message"] for item in await session.fetch(channel)]


def new_keys(space: Space, founder: Key, number: int, people: list[Person]) -> Json:
    """An epoch for these people."""
    prev = unb64(id_of(space.epochs[-1])) if number > 1 else None
    (body,) = epochs.make_epoch(
        epochs.new_secret(), [person.recipient for person in people], chan=space.channel, author=founder.public,
        epoch=number, window_ms=DAY_MS, reason="removed" if prev else "create", prev=prev,
    )  # fmt: skip
    value = message(founder, "space.epoch", space.channel, body)
    space.epochs = [*space.epochs, value] if prev else [value]
    return value


async def blessed(person: Person, *others: Hub) -> None:
    """A member's client has its hub carry to these others and back; all have heard of it."""
    for other in others:
        await (await person.hub.bless(person.key, other)).leave()
        await until(lambda other=other: other.rows(_SERVED, person.key.public, person.hub.world.key), "they are served")


async def on_all(hubs: list[Hub], *values: Json) -> None:
    await until(lambda: all(all(held(hub, *values)) for hub in hubs), "all hubs hold it")


@pytest.mark.timeout(240)
async def test_a_private_space_of_three_hubs(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        hubs = [Hub(tmp_path / name) for name in ("club", "school", "press")]
        for hub in hubs:
            await asyncio.to_thread(shutil.copytree, migrated_home(), hub.home)
            look_nowhere(hub.home)
            await hub.start()
            stack.push_async_callback(hub.stop)
        club, school, press = hubs
        ann, bob, cat = people = [Person(hub, await hub.world.member()) for hub in hubs]
        for near in (school, press):
            await near.run("link", await asyncio.to_thread(club.world.invite))
        await blessed(ann, school, press)
        await blessed(bob, club)
        await blessed(cat, club)

        space = Space(ann.key)
        first = new_keys(space, ann.key, 1, people)
        await ann.stores(*space.said, first)
        for person in (bob, cat):
            assert await join_from_outside(person.hub, space, person.key, club) == id_of(space.said[-1])
            await until(lambda: all(held(club, space.said[-1])), "the join is there")
        await on_all(hubs, *space.said, first)
        for person in people:
            person.open_epoch(first)
        said = [person.says(space.channel, f"from {place}") for place, person in enumerate(people)]
        for person, value in zip(people, said, strict=True):
            await person.stores(value)
        await on_all(hubs, *said)
        for person in people:
            there = await person.fetches(space.channel)
            words = sorted(person.reads(value) for value in there if value["header"]["type"] == "chat.text")
            assert words == ["from 0", "from 1", "from 2"]

        # One is killed, and Bob is put out meanwhile; what he says then counts nowhere.
        await press.kill()
        removal = space.say(ann.key, "space.member", {"user": bob.key.text, "role": "none"})
        second = new_keys(space, ann.key, 2, [ann, cat])
        ann.open_epoch(second)
        secret = ann.says(space.channel, "not for Bob")
        await ann.stores(removal, second, secret)
        await until(lambda: all(held(school, removal)), "Bob's hub knows")
        async with await school.world.connect(bob.key) as session:
            assert await session.outcome(bob.says(space.channel, "am I here?")) == "not_found"
        await press.start()
        await on_all([club, press], removal, second, secret)
        cat.open_epoch(second)
        assert cat.reads(secret) == "not for Bob"
        answer = cat.says(space.channel, "not for Bob either")
        await cat.stores(answer)
        await on_all([club, press], answer)

        # His hub has none of it, other hubs show him nothing, and his keys open none of it.
        assert held(school, second, secret, answer) == [False] * 3
        for hub in (club, press):
            async with await hub.world.connect(hub.world.admin) as session:
                await session.store(hub.world.add_user(hub.world.admin, bob.key))
            async with await hub.world.connect(bob.key) as session:
                assert not {space.topic, space.channel} & (await session.topics()).keys()
                with pytest.raises(Refused, match="not_found"):
                    await session.fetch(space.channel)
        with pytest.raises(RemoteError):
            bob.open_epoch(second)
        for value in (secret, answer):
            with pytest.raises(KeyError):
                bob.reads(value)
            bob.windows[2] = bob.windows[1]
            with pytest.raises(RemoteError):
                bob.reads(value)
            del bob.windows[2]

        roots = set()
        for person in (ann, cat):
            async with await person.hub.world.connect(person.key) as session:
                roots.add(
                    (await root_from_outside(session, space.topic), await root_from_outside(session, space.channel))
                )
        assert len(roots) == 1
