"""A space of members of two hubs is on both, also when one was off; who was put out reads nothing more there."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from tests.e2e.plain_client import Json, Key, b64, id_of
from tests.e2e.rest import Rest
from tests.e2e.spaces import Space, sealed
from tests.links.pair import Hub, pair, until
from tests.links.test_people import meet, parcels


def held(hub: Hub, *envelopes: Json) -> list[bool]:
    """Which messages are on a hub's disk."""
    idents = {b64(ident) for (ident,) in hub.rows("SELECT ident FROM messaging_message")}
    return [id_of(envelope) in idents for envelope in envelopes]


async def join_from_outside(hub: Hub, space: Space, user: Key, home: Hub) -> str:
    """Join by the space's link, which leads to another hub."""
    rest = await asyncio.to_thread(Rest.login, hub.world, user)
    path, home_key = f"spaces/{space.ident}", b64(home.world.key)
    nowhere = await asyncio.to_thread(rest.get, f"{path}/invite", pubkey=user.text, hub=home_key)
    assert nowhere.code == "404 not_found"
    elsewhere = await asyncio.to_thread(rest.get, f"{path}/invite", pubkey=space.invite_key.text, hub=user.text)
    assert elsewhere.code == "421 wrong_server"
    shown = await asyncio.to_thread(rest.get, f"{path}/invite", pubkey=space.invite_key.text, hub=home_key)
    assert (shown.value["name"], shown.value["hub"]) == ("Garden", home_key), shown
    join = space.join(user, shown.value["heads"])
    answer = await asyncio.to_thread(rest.post, f"{path}/join", {"hub": home_key, "message": join})
    if answer.status != 202:
        space.said.remove(join)
        return answer.code
    return str(answer.value["id"])


async def test_a_space_of_two_hubs_and_a_removal_while_one_is_off(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob, at_far, at_near = await meet(both)
        space = Space(ann)
        before = sealed(ann, space.channel)
        await at_far.store(*space.said, *space.epochs, before)
        eve = await both.near.world.member()
        assert await join_from_outside(both.near, space, eve, both.far) == "403 denied"  # nothing is carried for her
        assert await join_from_outside(both.near, space, bob, both.far) == id_of(space.said[-1])
        await at_near.until(lambda: at_near.first("topic_added", topic=space.channel))
        await until(lambda: all(held(both.near, *space.said, *space.epochs, before)), "all that is there has come")
        await at_near.subscribe(topics=[space.channel])
        await at_far.subscribe(topics=[space.channel])

        hello = sealed(ann, space.channel, attention_keys=[eve.text])
        await at_far.store(hello)
        await at_near.until_delivered(hello)
        answer = sealed(bob, space.channel)
        await at_near.store(answer)
        await at_far.until_delivered(answer)
        async with await both.near.world.connect(eve) as outside:
            assert not {space.topic, space.channel} & (await outside.topics()).keys()

        # Near is off: what is said is there afterwards.
        await at_near.leave()
        await both.near.kill()
        missed = sealed(ann, space.channel)
        await at_far.store(missed)
        await both.near.start()
        await until(lambda: all(held(both.near, missed)), "what was missed has come")

        # Near is off while Bob is put out: it learns of that, and of nothing that came after.
        await both.near.kill()
        removal = space.say(ann, "space.member", {"user": bob.text, "role": "none"})
        space.epochs.append(space.epoch(2))
        after = sealed(ann, space.channel, 2)
        await at_far.store(removal, space.epochs[-1], after)
        await both.near.start()
        await until(lambda: all(held(both.near, removal)), "the removal has come")
        await until(lambda: parcels(both.far) + parcels(both.near) == 0, "nothing waits any more")
        assert held(both.near, space.epochs[-1], after) == [False, False]
        async with await both.near.world.connect(bob) as again:
            assert not {space.topic, space.channel} & (await again.topics()).keys()
            assert await again.outcome(sealed(bob, space.channel)) == "not_found"


async def set_aside(hub: Hub, to: Path) -> None:
    """Copy a hub's home as it is, and go on."""
    await hub.kill()
    await asyncio.to_thread(shutil.copytree, hub.home, to)
    await hub.start()


async def put_back(hub: Hub, was: Path) -> None:
    """Give a hub the home that was set aside."""
    await hub.kill()
    await asyncio.to_thread(shutil.rmtree, hub.home)
    await asyncio.to_thread(shutil.copytree, was, hub.home)
    await hub.start()


async def test_hubs_that_were_put_back_to_an_old_backup_catch_up(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob, at_far, at_near = await meet(both)
        await at_near.leave()
        await set_aside(both.near, tmp_path / "near as it was")
        space = Space(ann)
        said = [sealed(ann, space.channel), sealed(ann, space.channel)]
        await at_far.store(*space.said, *space.epochs, *said)
        await at_far.leave()
        await set_aside(both.far, tmp_path / "far as it was")
        both.proxy.target = both.far.process.port
        added = space.say(ann, "space.member", {"user": bob.text, "role": "member"})
        async with await both.far.world.connect(ann) as session:
            await session.store(added)
        await both.ask_near()
        await until(lambda: all(held(both.near, *space.said, *space.epochs, *said)), "all that is there has come")
        said.append(sealed(bob, space.channel))
        async with await both.near.world.connect(bob) as session:
            await session.store(said[-1])
        everything = [*space.said, *space.epochs, *said]
        await until(lambda: all(held(both.far, *everything)), "what Bob said has come")

        # One that knows nothing of the space.
        await put_back(both.near, tmp_path / "near as it was")
        assert not any(held(both.near, *everything))
        await until(lambda: all(held(both.near, *everything)), "near has all of it again")

        # One that does not know of Bob: nothing of what it has is shown to his hub, but what that has is taken.
        await put_back(both.far, tmp_path / "far as it was")
        assert held(both.far, added, said[-1]) == [False, False]
        both.proxy.target = both.far.process.port
        await both.ask_near()
        await until(lambda: all(held(both.far, *everything)), "far has all of it again")
        async with await both.far.world.connect(ann) as session:
            again = sealed(ann, space.channel)
            await session.store(again)
        await until(lambda: all(held(both.near, again)), "they go on")
