"""A running hub is pruned: what its members see of it, what the receipts say, and kills in the middle (section 5)."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from accord.merkle import HORIZON_MS
from accord.pruned import check_receipts
from tests.e2e.plain_client import Json, Key, id_of, now_ms, text, unb64
from tests.e2e.rest import Rest
from tests.e2e.world import World, running
from tests.hubs import ROOT, environment, run_command, wait_until

pytestmark = pytest.mark.e2e

WORDS = "x" * 1_500
KILLS = int(os.environ.get("ACCORD_KILLS", "4"))
BUCKETS = max(10, KILLS)
MESSAGES = 60 * BUCKETS


def spread(author: Key, channel: str) -> list[Json]:
    """Messages of the BUCKETS before the present one, rising."""
    first = now_ms() // HORIZON_MS * HORIZON_MS - BUCKETS * HORIZON_MS
    step = BUCKETS * HORIZON_MS // MESSAGES
    return [text(author, channel, f"{number} {WORDS}", created_at=first + number * step) for number in range(MESSAGES)]


async def publish(world: World, author: Key, messages: list[Json]) -> None:
    async with await world.connect(author, frames="clear") as session:
        for start in range(0, len(messages), 100):
            await session.store(*messages[start : start + 100])


def used(home: Path) -> int:
    return int(json.loads(run_command(home, "prune", "--dry-run", "--json").stdout)["used"])


def accord(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program `accord`, with a home of its own."""
    return subprocess.run(
        [sys.executable, "-m", "accord_client.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "ACCORD_CLIENT_HOME": str(home)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_members_see_what_went_and_can_check_it(tmp_path: Path) -> None:
    with running(tmp_path / "home") as world:
        ann, channel = await world.member(), await world.channel()
        messages = spread(ann, channel)
        empty = used(world.home)
        await publish(world, ann, messages)
        goal = (empty + used(world.home)) // 2  # half of what the messages take: an empty database takes room too
        copy = tmp_path / "copy.jsonl"
        copy.write_text(world.command("export_messages"), encoding="utf-8")
        planned = json.loads(world.command("prune", "--dry-run", "--json", "--to", str(goal)))
        assert [part["messages"] for part in planned["topics"]] == [planned["messages"]]
        done = json.loads(world.command("prune", "--json", "--to", str(goal)))
        assert done["messages"] >= planned["messages"] > 0
        assert done["used_after"] <= done["goal"]
        assert done["free_after"] == 0
        async with await world.connect(ann, frames="clear") as session:
            row = (await session.topics())[channel]
            kept = [message for message in messages if message["header"]["created_at"] >= row["horizon"]]
            assert row["horizon"] % HORIZON_MS == 0
            assert row["count"] == len(kept) == MESSAGES - done["messages"]
            assert {id_of(item["message"]) for item in await session.fetch(channel)} == set(map(id_of, kept))
            await session.subscribe(topics=[channel], since=0, store=session.result["store"])
            assert {id_of(item["message"]) for item in session.delivered()} == set(map(id_of, kept))
            assert await session.outcome(messages[0]) == "gone"
            assert await session.outcome(kept[0]) == "duplicate"
        exported = [json.loads(line)["id"] for line in world.command("export_messages").splitlines()]
        assert set(map(id_of, messages)) & set(exported) == set(map(id_of, kept))
        receipts = Rest.login(world, ann).items(f"topics/{channel}/pruned")
        check_receipts(receipts, hub=world.key, topic=channel, horizon=row["horizon"])
        assert sum(receipt["count"] for receipt in receipts) == done["messages"]
        await asyncio.to_thread(check_with_the_program, world, tmp_path, channel, copy)


def check_with_the_program(world: World, folder: Path, channel: str, copy: Path) -> None:
    joined = accord(folder / "client", "join", world.invite(), "--name", "carl")
    assert joined.returncode == 0, joined.stderr
    good = accord(folder / "client", "pruned", channel, "--against", str(copy))
    assert (good.returncode, good.stderr) == (0, "")
    assert "removed" in good.stdout
    lines = copy.read_text(encoding="utf-8").splitlines(keepends=True)
    lost = next(place for place, line in enumerate(lines) if json.loads(line)["message"]["header"]["to"] == channel)
    copy.write_text("".join(lines[:lost] + lines[lost + 1 :]), encoding="utf-8")
    bad = accord(folder / "client", "pruned", channel, "--against", str(copy))
    assert bad.returncode == 1
    assert "do not agree" in bad.stderr


def begin(home: Path, goal: int) -> subprocess.Popen[bytes]:
    """A `prune` that is under way."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "prune", "--to", str(goal)],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_kills_in_the_middle_lose_nothing_that_no_receipt_names(tmp_path: Path) -> None:
    with running(tmp_path / "home") as world:
        ann, channel = await world.member(), await world.channel()
        messages = spread(ann, channel)
        empty = used(world.home)
        await publish(world, ann, messages)
        start = used(world.home)
        half = (start - empty) // 2
        for kill in range(1, KILLS + 1):
            before = count(world, channel)
            process = begin(world.home, start - kill * half // KILLS)
            await asyncio.to_thread(
                wait_until,
                lambda process=process, before=before: process.poll() is not None or count(world, channel) < before,
                what="messages go",
            )
            process.kill()
            process.wait()
            check_receipts_cover(world, messages, channel)
        last = json.loads(world.command("prune", "--json", "--to", str(start - half)))
        assert last["is_done"]
        left = check_receipts_cover(world, messages, channel)
        ((horizon,),) = world.rows("SELECT horizon FROM messaging_topic WHERE ident = ?", unb64(channel[5:]))
        assert all(message["header"]["created_at"] >= horizon for message in messages if id_of(message) in left)
        world.command("verify_store")
        with closing(sqlite3.connect(world.home / "hub.sqlite3")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def count(world: World, channel: str) -> int:
    ((found,),) = world.rows("SELECT count FROM messaging_topic WHERE ident = ?", unb64(channel[5:]))
    return int(found)


def check_receipts_cover(world: World, messages: list[Json], channel: str) -> set[str]:
    """Whatever is not held is older than the last receipt says; gives the ids that are held."""
    rows = world.rows(
        "SELECT m.ident, t.horizon, t.count FROM messaging_message m JOIN messaging_topic t ON t.id = m.topic_id"
        " WHERE t.ident = ?",
        unb64(channel[5:]),
    )
    receipts = world.rows("SELECT statement FROM messaging_receipt ORDER BY horizon")
    horizon = rows[0][1]
    check_receipts([json.loads(row[0]) for row in receipts], hub=world.key, topic=channel, horizon=horizon)
    held = {bytes(row[0]) for row in rows}
    assert len(held) == rows[0][2]
    missing = [message for message in messages if unb64(id_of(message)) not in held]
    assert all(message["header"]["created_at"] < horizon for message in missing)
    return {id_of(message) for message in messages if unb64(id_of(message)) in held}
