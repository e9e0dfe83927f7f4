"""A backup of a real hub that is written to meanwhile, restored on an empty machine."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.plain_client import Connection, Json, Key, id_of, text, unb64
from tests.e2e.world import World
from tests.hubs import run_command, start_hub

pytestmark = pytest.mark.e2e

WORDS = "correct horse battery staple"


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    """A file with the passphrase."""
    path = tmp_path / "passphrase"
    path.write_text(f"{WORDS}\n")
    path.chmod(0o600)
    return str(path)


def run(home: Path, *arguments: str) -> str:
    done = run_command(home, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(home: Path, upto: int) -> list[bytes]:
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        query = "SELECT ident FROM messaging_message WHERE cursor <= ? ORDER BY cursor"
        return [row[0] for row in database.execute(query, [upto])]


def newest(home: Path) -> int:
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        return int(database.execute("SELECT cursor FROM messaging_store").fetchone()[0])


async def write(session: Connection, author: Key, channel: str, stop: asyncio.Event) -> list[Json]:
    """Store messages, one after the other, until it is enough."""
    written: list[Json] = []
    while not stop.is_set() or not written:
        written.append(text(author, channel, f"while it is read {len(written)}"))
        await session.store(written[-1])
    return written


async def test_a_hub_that_is_written_to_meanwhile(tmp_path: Path, passphrase: str) -> None:
    """What was stored when the backup began is in it, and what came meanwhile is whole or not there."""
    home, files, copy = tmp_path / "home", tmp_path / "backups", tmp_path / "copy"
    files.mkdir()
    with start_hub(home) as process:
        world = World.of(home, process)
        ann = await world.member()
        channel = await world.channel()
        stop = asyncio.Event()
        async with await world.connect(ann) as session:
            before = text(ann, channel, "before the backup")
            await session.store(before)
            writing = asyncio.create_task(write(session, ann, channel, stop))
            arguments = ("backup", "--to", str(files), "--passphrase-file", passphrase, "--json")
            made = json.loads(await asyncio.to_thread(run, home, *arguments))
            stop.set()
            assert await writing, "the hub stored on while it was read"
    arguments = ("restore", made["file"], "--passphrase-file", passphrase, "--json")
    told = json.loads(run(copy, *arguments))
    assert (told["hub"], told["messages"]) == (process.key, made["messages"])
    assert len(told["lost"]) == 3
    assert ids(copy, newest(copy)) == ids(home, newest(copy))
    assert unb64(id_of(before)) in ids(copy, newest(copy))
    assert "as they were signed" in run(copy, "verify_store")
    assert json.loads(run(copy, "check_ledger", "--json"))["problems"] == []
    assert json.loads(run(copy, "verify_audit", "--json"))["ok"] is True
    with start_hub(copy) as process:
        again = World.of(copy, process)
        assert again.key == world.key
        async with await again.connect(ann) as session:
            assert id_of(before) in [id_of(item["message"]) for item in await session.fetch(channel)]
            await session.store(text(ann, channel, "after the restore"))
