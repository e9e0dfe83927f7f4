"""Two hubs, linked: what one holds the other comes to hold, and it flows both ways from then on."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.e2e.plain_client import Connection, Key, id_of, message, now_ms, text, unb64
from tests.links.outside import root_from_outside, roots_claimed
from tests.links.pair import Pair, pair, until


async def write(session: Connection, user: Key, topic: str, count: int) -> None:
    for start in range(0, count, 100):
        await session.store(*(text(user, topic, f"line {number}") for number in range(start, min(count, start + 100))))


async def open_sessions(both: Pair, ann: Key, bob: Key) -> tuple[Connection, Connection]:
    return await both.far.world.connect(ann), await both.near.world.connect(bob)


async def test_a_fresh_hub_becomes_equal_and_stays_so(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob = await both.far.world.member(), await both.near.world.member()
        garden = await both.far.world.channel()
        at_far, at_near = await open_sessions(both, ann, bob)
        async with at_far, at_near:
            await write(at_far, ann, garden, 250)
            await at_far.store(message(ann, "profile", "feed", {"display_name": "Ann"}))
            await at_near.store(message(bob, "profile", "feed", {"display_name": "Bob"}))
            await both.link("--all")
            await both.equal()
            for topic in (garden, f"feed:{ann.text}", f"feed:{bob.text}"):
                roots = {await root_from_outside(at_far, topic), await root_from_outside(at_near, topic)}
                roots |= {(await roots_claimed(session))[topic] for session in (at_far, at_near)}
                assert len(roots) == 1, topic

            # From now on what is written on one side is delivered on the other, both ways, once.
            await at_near.subscribe(topics=[garden])
            await at_far.subscribe(topics=[garden])
            there, here = text(ann, garden, "from far"), text(bob, garden, "from near")
            await at_far.store(there)
            await at_near.until_delivered(there)
            await at_near.store(here)
            await at_far.until_delivered(here)

            # Both know the root: the next comparison is one trip.
            await both.compare()
            last = both.exchanges()[-1]
            assert (last["outcome"], last["trips"], last["received"], last["sent"]) == ("equal", 1, 0, 0), last
            for session in (at_far, at_near):
                idents = [id_of(item["message"]) for item in session.delivered()]
                assert len(idents) == len(set(idents))

            # What burns is gone from the files of both, and they are equal still.
            words = await burning(both, at_far, ann, garden)
            await until(
                lambda: not any(hub.world.holds_bytes(words.encode()) for hub in (both.far, both.near)),
                "it is burned on both disks",
            )
            await both.compare()
            assert both.exchanges()[-1]["outcome"] == "equal"


async def burning(both: Pair, at_far: Connection, author: Key, topic: str) -> str:
    """Words that both hubs have held and that burn soon; later where the machine is slow."""
    for seconds in (5, 50, 500):
        words = f"burns on both {secrets.token_hex(8)}"
        said = text(author, topic, words, burn_at=now_ms() + seconds * 1000)
        ends = said["header"]["burn_at"]
        if await at_far.outcome(said) == "stored":
            await until(lambda: both.near.world.stored(id_of(said)) or now_ms() >= ends, "it has come", 2 * seconds)  # noqa: B023
            if now_ms() < ends:
                break
    return words


async def test_only_what_people_use_is_carried(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob = await both.far.world.member(), await both.near.world.member()
        garden, cellar = await both.far.world.channel(), await both.far.world.channel()
        at_far, at_near = await open_sessions(both, ann, bob)
        async with at_far, at_near:
            await write(at_far, ann, garden, 3)
            await write(at_far, ann, cellar, 3)
            await both.link()
            await both.equal()
            rows = await at_near.topics()
            assert garden in rows, "a channel of the other hub is shown"
            # Somebody here looks into one of them.
            assert await at_near.fetch(garden) is not None
            await until(lambda: held(both, garden) == 3, "the channel that is used has come")
            await both.compare()
            assert held(both, cellar) == 0


def held(both: Pair, topic: str) -> int:
    (row,) = both.near.rows("SELECT count FROM messaging_topic WHERE ident = ?", unb64(topic.partition(":")[2]))
    return int(row[0])
