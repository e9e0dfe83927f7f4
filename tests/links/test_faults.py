"""Links on bad lines: cut at any message, garbled, slow; another hub in the place of the right one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.plain_client import Key, text
from tests.links.outside import root_from_outside
from tests.links.pair import Hub, Pair, pair, until
from tests.links.proxy import Faults

SEVERAL = 12  # cuts, at ever later messages


async def fill(both: Pair, user: Key, topic: str, hub: Hub, count: int) -> None:
    async with await hub.world.connect(user) as session:
        for start in range(0, count, 50):
            await session.store(*(text(user, topic, f"{number}") for number in range(start, min(count, start + 50))))


async def same_root(both: Pair, topic: str, *users: Key) -> None:
    roots = set()
    for hub, user in zip((both.far, both.near), users, strict=True):
        async with await hub.world.connect(user) as session:
            roots.add(await root_from_outside(session, topic))
    assert len(roots) == 1


async def test_cut_at_any_message_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        ann, bob = await both.far.world.member(), await both.near.world.member()
        garden = await both.far.world.channel()
        await both.link("--all")
        await both.equal()
        both.proxy.target = 0
        both.proxy.cut()
        await fill(both, ann, garden, both.far, 400)
        both.proxy.target = both.far.process.port
        for number in range(SEVERAL):
            both.proxy.faults = Faults(cut_after=4 + 3 * number)
            await dialled_again(both)
        both.proxy.faults = Faults(garble=9)
        await dialled_again(both)
        both.proxy.faults = Faults(delay_seconds=0.02)
        await dialled_again(both)
        await both.equal()
        both.proxy.faults = Faults()
        await same_root(both, garden, ann, bob)


async def dialled_again(both: Pair) -> None:
    """Cut what there is, and wait until near has dialled anew and that has ended or become equal."""
    connections = both.proxy.connections
    both.proxy.cut()
    await both.ask_near()
    await until(lambda: both.proxy.connections > connections, "it has dialled again")
    await until(
        lambda: both.proxy.is_idle or both.state()[0] == "equal",
        "the session has been cut, or it had nothing left to do",
    )


async def test_another_hub_in_its_place_is_refused(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        await both.link()
        await both.equal()
        # The near hub is reachable at far's address: its key is a wrong one.
        both.proxy.target = both.near.process.port
        both.proxy.cut()
        await until(lambda: both.state()[0] != "equal", "the session has ended")
        await both.ask_near()
        await until(lambda: both.state() == ("refused", "wrong_server"), "refused")
        (row,) = json.loads(await both.near.run("links", "--json"))["links"]
        assert row["text"].startswith("refused: wrong key, next try in ")
        # The right one is back.
        both.proxy.target = both.far.process.port
        await both.ask_near()
        await both.equal()


async def test_a_link_that_is_switched_off_there_is_refused_and_let_in_again(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        await both.link()
        await both.equal()
        await until(lambda: both.state(both.far)[0] == "equal", "far knows it too")
        set_enabled(both.far, False)
        await until(lambda: both.state() == ("refused", "denied"), "the session is ended at once, and refused")
        connections = both.proxy.connections
        await both.ask_near()
        await until(lambda: both.proxy.connections > connections, "it has dialled again")
        await until(lambda: both.state() == ("refused", "denied"), "it is not let in")
        set_enabled(both.far, True)
        await both.ask_near()
        await both.equal()


def set_enabled(hub: Hub, enabled: bool) -> None:
    """Switch a hub's link off or on, as its console does."""
    state = "listening" if enabled else "off"
    with closing(sqlite3.connect(hub.home / "hub.sqlite3", timeout=60)) as database, database:
        database.execute("UPDATE links_link SET enabled = ?, state = ?", (enabled, state))
