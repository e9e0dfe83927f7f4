"""A hub killed in the middle of its work keeps what it has acknowledged, once (protocol.md section 4), and its ledger
of invites is balanced (section 8).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.plain_client import Connection, Json, Key, Left, id_of, message, now_ms, text
from tests.e2e.world import SERVERS, World, new_name
from tests.hubs import HubProcess, run_command, start_hub

pytestmark = pytest.mark.e2e

KILLS = 20
SEED = 20
BATCH = 16
BATCHES_UNDER_WAY = 8
MAX_BUSY_SECONDS = 0.5


@dataclass
class Ledger:
    """What the publisher and a reader know, over all the lives of the hub."""

    stored: set[str] = field(default_factory=set)
    unsure: list[Json] = field(default_factory=list)
    seen: dict[int, str] = field(default_factory=dict)  # by arrival number, whatever was delivered
    resent: dict[str, int] = field(default_factory=lambda: {"stored": 0, "duplicate": 0})
    number: int = 0
    invite: Key | None = None

    def next_batch(self, user: Key, channel: str, hub: str) -> list[Json]:
        """New messages, an invite, and the withdrawal of the one before; unsure until they are acknowledged."""
        before, self.invite = self.invite, Key()
        given = {"pubkey": self.invite.text, "account_name": new_name(), "kind": "temp", "invites": 1}
        batch = [message(user, "add_user", hub, given)]
        if before is not None:
            withdrawn = {"pubkey": before.text, "mode": "subtree", "at": now_ms()}
            batch.append(message(user, "remove_user", hub, withdrawn))
        batch += [text(user, channel, f"number {self.number + i}") for i in range(BATCH - len(batch))]
        self.number += BATCH
        self.unsure += batch
        return batch

    def acknowledge(self, results: list[Json]) -> None:
        """Take the hub at its word."""
        assert {result["status"] for result in results} <= {"stored", "duplicate"}, results
        known = {result["id"] for result in results}
        self.stored |= known
        self.unsure = [envelope for envelope in self.unsure if id_of(envelope) not in known]

    def see(self, items: list[Json]) -> None:
        """An arrival number means one message, in every life of the hub."""
        for item in items:
            assert self.seen.setdefault(item["cursor"], id_of(item["message"])) == id_of(item["message"])


async def publish_until_killed(session: Connection, user: Key, channel: str, hub: str, ledger: Ledger) -> None:
    """Batches of signed messages, several under way, until the connection breaks."""
    under_way: list[asyncio.Future[Json]] = []
    try:
        while True:
            while len(under_way) < BATCHES_UNDER_WAY:
                under_way.append(await session.begin("publish", messages=ledger.next_batch(user, channel, hub)))
            ledger.acknowledge((await under_way.pop(0))["results"])
    finally:
        for future in under_way:
            with contextlib.suppress(Left):
                ledger.acknowledge((await future)["results"])


async def send_again(session: Connection, ledger: Ledger) -> None:
    """Whatever was not acknowledged may be sent again; afterwards it is there once."""
    while ledger.unsure:
        results = await session.publish(*ledger.unsure[:100])
        for result in results:
            ledger.resent[result["status"]] += 1
        ledger.acknowledge(results)


async def check_held(session: Connection, topics: list[str], ledger: Ledger, since: int = 0) -> int:
    """All that was acknowledged or delivered after `since` is there, once and in order; gives how far it goes."""
    await session.subscribe(topics=topics, since=since, store=session.result["store"])
    items = session.delivered()
    assert all(a["cursor"] < b["cursor"] for a, b in pairwise(items))
    held = {item["cursor"]: id_of(item["message"]) for item in items}
    earlier = {ident for cursor, ident in ledger.seen.items() if cursor <= since}
    assert len(set(held.values()) - earlier) == len(items), "a message is there twice"
    lost = ledger.stored - earlier - set(held.values())
    assert not lost, f"{len(lost)} acknowledged messages are lost"
    delivered = {cursor: ident for cursor, ident in ledger.seen.items() if cursor > since}
    assert delivered.items() <= held.items(), "something delivered is lost"
    ledger.see(items)
    return max(held, default=since)


async def one_life(
    world: World, process: HubProcess, user: Key, channel: str, ledger: Ledger, *, since: int, seconds: float
) -> int:
    """Check what came after `since`, publish, kill the hub in the middle of it; gives how far was checked."""
    session = await world.connect(user, frames="clear")
    checked = await check_held(session, [channel, world.topic], ledger, since)
    await send_again(session, ledger)
    publishing = asyncio.create_task(publish_until_killed(session, user, channel, world.topic, ledger))
    busy = len(ledger.stored) + BATCH
    await session.until(lambda: len(ledger.stored) >= busy)
    asyncio.get_running_loop().call_later(seconds, process.process.kill)
    with pytest.raises(Left):
        await publishing
    await session.closed()
    await session.leave()
    ledger.see(session.delivered())
    process.kill()
    return checked


def check_database(home: Path, user: Key, ledger: Ledger) -> None:
    """The tables agree with each other and with the ledger."""
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        ((count, distinct, newest),) = database.execute(
            "SELECT count(*), count(DISTINCT ident), max(cursor) FROM messaging_message"
        )
        assert count == distinct
        assert database.execute("SELECT cursor FROM messaging_store").fetchall() == [(newest,)]
        wrong_totals = database.execute(
            "SELECT t.id FROM messaging_topic t LEFT JOIN messaging_message m ON m.topic_id = t.id"
            " GROUP BY t.id HAVING t.count != count(m.cursor) OR t.cursor != coalesce(max(m.cursor), 0)"
        ).fetchall()
        assert wrong_totals == []
        ((used, written),) = database.execute(
            "SELECT a.messages_used, (SELECT count(*) FROM messaging_message WHERE author_id = u.id)"
            " FROM peers_account a JOIN peers_user u ON u.id = a.user_id WHERE u.key = ?",
            (user.public,),
        )
        assert used == written == len(ledger.stored)


async def test_twenty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    home, chance, ledger = tmp_path / "home", random.Random(SEED), Ledger()
    process = start_hub(home)
    try:
        world = World.of(home, process)
        user, channel = await world.member(invites=500), await world.channel()
        checked = 0
        for number in range(KILLS):
            seconds = chance.uniform(0, MAX_BUSY_SECONDS)
            checked = await one_life(world, process, user, channel, ledger, since=checked, seconds=seconds)
            process = await asyncio.to_thread(start_hub, home, SERVERS[number % 2])
            world = World.of(home, process)
        async with await world.connect(user, frames="clear") as session:
            await check_held(session, [channel, world.topic], ledger, checked)
            await send_again(session, ledger)
        async with await world.connect(user, frames="clear") as session:
            await check_held(session, [channel, world.topic], ledger)
            items = [*await session.fetch(channel), *await session.fetch(world.topic)]
            own = [item["message"] for item in items if item["message"]["header"]["from"] == user.text]
            assert {id_of(value) for value in own} == ledger.stored
        assert await asyncio.to_thread(process.stop) == 0
    finally:
        process.kill()
    check_database(home, user, ledger)
    checked_ledger = run_command(home, "check_ledger")
    assert checked_ledger.returncode == 0, checked_ledger.stderr
    # The kills came in the middle: some of what was unsure had been stored, some not.
    assert min(ledger.resent.values()) > 0, ledger.resent
