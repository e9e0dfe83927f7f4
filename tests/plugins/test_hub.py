"""Handlers in real hubs: an installed package's, killed in the middle, answered over the socket."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.plain_client import Json, message, text
from tests.e2e.world import World
from tests.hubs import ROOT, start_hub, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

KILLS = 5
A_LIFE = 30  # messages
SEED = 4


def install(folder: Path, module: str, source: str, *entries: str) -> str:
    """A package with entry points, as pip would leave it; gives the folder for PYTHONPATH."""
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    facts = folder / f"{module}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("\n".join(["[accord.plugins]", *entries, ""]), encoding="utf-8")
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def children(pid: int) -> list[int]:
    """Of a process, on all its threads."""
    return [
        int(child)
        for tasks in Path(f"/proc/{pid}/task").glob("*/children")
        for child in tasks.read_text(encoding="ascii").split()
    ]


def page_code(language: str, *, containing: str) -> str:
    """A block of docs/plugins.md."""
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    (found,) = [block for block in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if containing in block]
    return str(found)


async def test_the_example_of_the_documents_works(tmp_path: Path) -> None:
    source = page_code("python", containing="@handler")
    (entry,) = re.findall(r"^\w+ = \"(\w+:\w+)\"$", page_code("toml", containing="accord.plugins"), re.MULTILINE)
    path = install(tmp_path, "accord_dice", source, f"dice = {entry}", "gone = accord_dice:nobody")
    process = await asyncio.to_thread(start_hub, tmp_path / "home", PYTHONPATH=path)
    with process:
        world = World.of(tmp_path / "home", process)
        assert children(process.pid) == [], "no process before the first job"
        assert not (world.home / "bot.key").exists()
        member, channel = await world.member(name="alice"), await world.channel()
        async with await world.connect(member) as session:
            await session.ask("subscribe", topics=[channel])
            asked = text(member, channel, "/roll 3")
            await session.store(text(member, channel, "hello"), asked)
            await session.until(lambda: any("🎲" in said for said in texts(session.delivered())))
            (answer,) = [item["message"] for item in session.delivered() if "🎲" in text_of(item)]
            assert re.fullmatch(r"🎲 alice: \d( \+ \d){2} = \d+", text_of({"message": answer}))
            await session.store(text(member, channel, "/remind 1s the kettle"))
            await session.until(lambda: "@alice ⏰ the kettle" in texts(session.delivered()))
            rows = await session.topics()
            assert "hub" in [row.get("name") for row in rows.values() if row["kind"] == "feed"]
        assert (world.home / "bot.key").stat().st_mode & 0o777 == 0o600
        assert len(children(process.pid)) == 1
        assert "the plugin gone (accord_dice:nobody) is left out" in process.output
        assert set(world.rows("SELECT state FROM plugins_job")) == {("done",)}
        (child,) = children(process.pid)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), what="the process of the handlers has ended")


def text_of(item: Json) -> str:
    import base64
    import json

    body = item["message"].get("body")
    return str(json.loads(base64.urlsafe_b64decode(body + "==")).get("text", "")) if body else ""


def texts(items: list[Json]) -> list[str]:
    return [text_of(item) for item in items]


COUNTING = """
import time
from plugins.handlers import handler

@handler("counting", types=["test.count"], title="Counting", explains="Says every number once.")
def counting(message, context):
    if context.data is None and message.body["number"] % 3 == 0:
        context.later(context.now, {"again": True})
    context.answer(f"{message.body['number']} {'again' if context.data else 'once'}")
    context.answer(f"{message.body['number']} more")
    time.sleep(0.004)
"""


async def test_a_hub_killed_in_the_middle_of_jobs_loses_none_and_says_nothing_twice(tmp_path: Path) -> None:
    path = install(tmp_path, "accord_counting", COUNTING, "counting = accord_counting:counting")
    home, luck = tmp_path / "home", random.Random(SEED)
    process = await asyncio.to_thread(start_hub, home, PYTHONPATH=path)
    try:
        world = World.of(home, process)
        member, channel = await world.member(), await world.channel()
        for life in range(KILLS):
            world = World.of(home, process)
            async with await world.connect(member) as session:
                numbers = range(life * A_LIFE, (life + 1) * A_LIFE)
                await session.store(*(message(member, "test.count", channel, {"number": each}) for each in numbers))
            enough = luck.randrange(1, A_LIFE)
            done = f"SELECT count(*) >= {life * A_LIFE // 2 + enough} FROM plugins_job WHERE state = 'done'"  # noqa: S608
            await asyncio.to_thread(
                wait_until,
                lambda world=world, query=done: world.rows(query) == [(1,)],
                what="some are done",
            )
            pids = children(process.pid)
            await asyncio.to_thread(process.kill)
            wait_until(lambda pids=pids: not any(_runs(pid) for pid in pids), what="its child is gone too")
            process = await asyncio.to_thread(start_hub, home, PYTHONPATH=path)
        world = World.of(home, process)
        unfinished = "SELECT count(*) FROM plugins_job WHERE state <> 'done'"
        assert world.rows("SELECT tries, error FROM plugins_job WHERE tries > 0") == [], "a kill is no failure"
        await asyncio.to_thread(
            wait_until,
            lambda world=world: world.rows(unfinished) == [(0,)],
            what="all jobs are done",
        )
        async with await world.connect(member) as session:
            said = Counter(filter(None, texts(await session.fetch(channel))))
        expected = Counter()
        for number in range(KILLS * A_LIFE):
            runs = 2 if number % 3 == 0 else 1
            expected[f"{number} once"] = 1
            expected[f"{number} more"] = runs
            if runs == 2:
                expected[f"{number} again"] = 1
        assert said == expected
    finally:
        process.kill()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
