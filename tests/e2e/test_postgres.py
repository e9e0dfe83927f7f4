"""A hub whose store is in PostgreSQL, from joining to pruning; its numbers, its console, what it says of backups."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.console.browser import PlainBrowser
from tests.e2e.plain_client import DAY_MS, Key, id_of, message, now_ms, text
from tests.e2e.spaces import Space, sealed
from tests.e2e.world import World
from tests.hubs import migrated_home, run_command, start_hub
from tests.postgres import MISSING, is_left_out, server

pytestmark = pytest.mark.e2e

OLD = 40
OLD_DAYS = 3


@pytest.fixture
def address() -> Iterator[str]:
    """The address of an empty database."""
    if is_left_out():
        pytest.skip(MISSING)
    with server() as folder:
        yield f"postgres://accord@/postgres?host={quote(folder)}"


async def test_a_hub_on_postgresql(tmp_path: Path, address: str) -> None:
    home = tmp_path / "home"

    def run(*arguments: str, code: int = 0) -> str:
        done = run_command(home, *arguments, DATABASE_URL=address)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    shutil.copytree(migrated_home(), home)  # its database is not looked at
    run("migrate", "--verbosity=0")
    with start_hub(home, DATABASE_URL=address) as process:
        world = World.of(home, process)
        (bob,) = await world.add_members(1)
        ada = Key()
        async with await world.connect(world.admin) as session:
            await session.store(world.add_user(world.admin, ada, "ada", invites=3))
        async with await world.connect(ada) as one, await world.connect(bob) as two:
            (lounge,) = [name for name, row in (await two.topics()).items() if row.get("name") == "lounge"]
            await two.subscribe(topics=[lounge])
            said = text(ada, lounge, "Hello")
            old = [text(ada, lounge, f"old {n}", created_at=now_ms() - OLD_DAYS * DAY_MS + n) for n in range(OLD)]
            await one.store(said, *old)
            await two.until_delivered(said)
            assert id_of(said) in {id_of(item["message"]) for item in await two.fetch(lounge)}

            space = Space(ada)
            await one.store(*space.said, *space.epochs)
            await two.store(space.join(bob, [id_of(space.said[-1])]))
            await two.until(lambda: [frame for frame in two.frames if frame.get("topic") == space.channel])
            await two.subscribe(topics=[space.channel])
            await one.store(letter := sealed(ada, space.channel))
            await two.until_delivered(letter)

            friend = Key()
            await one.store(world.add_user(ada, friend, "eve"))
            removed = message(
                ada, "remove_user", world.topic, {"pubkey": friend.text, "mode": "subtree", "at": now_ms()}
            )
            await one.store(removed)

        for command in ("check_ledger", "verify_audit", "verify_store", "tree", "status"):
            run(command)
        found = json.loads(run("prune", "--json", "--to", "1"))
        assert found["messages"] == OLD, found
        run("verify_store")
        assert "pg_dump" in run("backup", code=1)
        assert "database" not in run("doctor", code=1)

        browser = PlainBrowser(process.url)
        browser.enter(json.loads(run("console_link", "--json"))["link"])
        _, _, text_of = browser.ask("/console/")
        paths = {html.unescape(path) for path in re.findall(r'<li><a href="(/console/[^"]*)"', text_of)}
        paths |= {"/console/storage/simulate/?mib=0&hours=6", "/console/storage/held/", "/readyz", "/metrics"}
        pages = {path: browser.ask(path) for path in sorted(paths)}
        assert {path: status for path, (status, _, _) in pages.items() if status != 200} == {}
        assert "pg_dump" in pages["/console/backups/"][2]
        assert "Error" not in pages["/console/tasks/"][2]
    assert "Traceback" not in process.output
    with start_hub(home, DATABASE_URL=address) as process:
        async with await World.of(home, process).connect(bob) as session:
            held = {id_of(item["message"]) for item in await session.fetch(lounge)}
        assert id_of(said) in held
        assert not held & {id_of(one) for one in old}
