"""Two linked hubs: how fast an empty one comes to hold what the other has, and what an idle link costs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from accord import messages
from accord.encoding import canonical
from benchmarks.homes import ROOT, environment
from benchmarks.load import publish_all
from benchmarks.measure import Bench, Cost, Meter, Row
from benchmarks.members import Community, measure_verification, now_ms, settle
from benchmarks.servers import Server, hub

AUTHORS: Final = 4
BATCH: Final = 16
SPACING_MS: Final = 500
SAMPLE: Final = 2_000
POLL_SECONDS: Final = 0.02
DEADLINE_SECONDS: Final = 300
EMPTY_COUNT: Final = 100  # messages that a hub without conversations has at most

METHODS: Final = {
    "into an empty hub": (
        "A hub is linked (`link --all`) to one that holds so many messages (300 bytes of header and body, half a "
        "second apart) of four members in one channel. Messages a second from the moment at which the first of them is "
        "committed on the new hub until all are, over the signatures of the same messages that one thread checks a "
        "second, mean of before and after. Both hubs and the frames between them, sealed, are on the same machine: "
        "server CPU is that of the new hub, others includes the other hub's."
    ),
    "idle": (
        "Processor time of one of two hubs that are linked and equal, while nobody does anything, over that of the "
        "same hub before it was linked."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Becoming equal, then idling."""
    count = bench.pick(40_000, 2_000)
    with hub(bench.homes.empty()) as far, hub(bench.homes.empty()) as near:
        bench.note(f"links: {count:,} messages")
        community = settle(far, AUTHORS)
        written = [_spread(community, index, count // AUTHORS) for index in range(AUTHORS)]
        publish_all(community, written, batch=BATCH, sealed=False)
        seconds = 0.3 if bench.quick else 1.0
        alone = _idle(bench, near)
        before = measure_verification(written[0][:SAMPLE], seconds)
        cost = _become_equal(far, near, count)
        after = measure_verification(written[0][:SAMPLE], seconds)
        bound = (before.rate + after.rate) / 2
        yield Row(
            "links",
            f"into an empty hub, {count:,} messages",
            f"{count / cost.seconds:,.0f} messages/s",
            f"{bound:,.0f} verifications/s on one core",
            count / cost.seconds / bound,
            ">= 0.8",
            2 * count / cost.server_cpu / (before.rate_by_cpu + after.rate_by_cpu),
            cost,
        )
        bench.note("links: idle")
        linked = _idle(bench, near)
        share = linked.server_cpu / linked.seconds
        base = alone.server_cpu / alone.seconds
        yield Row("links", "idle", f"{share:.2%} of a core", f"{base:.2%} not linked", share / base, "", None, linked)


def _spread(community: Community, index: int, count: int) -> list[dict[str, Any]]:
    author, last = community.members[index].user, now_ms()
    return [
        messages.create(
            author,
            type="chat.text",
            to=community.lounge,
            body=canonical({"text": f"{number:08d}".ljust(34, ".")}),
            created_at=last - (count - number) * SPACING_MS,
        )
        for number in range(count)
    ]


def _become_equal(far: Server, near: Server, count: int) -> Cost:
    invite = json.loads(_command(far.home, "invite", "--json"))["link"]
    _command(near.home, "link", "--all", invite)
    meter, began = None, 0.0
    deadline = time.monotonic() + DEADLINE_SECONDS
    with closing(sqlite3.connect(f"file:{near.home}/hub.sqlite3?mode=ro", uri=True, timeout=20)) as database:
        while (held := _held(database)) < count:
            if meter is None and held > EMPTY_COUNT:
                meter, began, first = Meter(near.process), time.perf_counter(), held
            assert time.monotonic() < deadline, f"{held:,} of {count:,} messages have come"
            time.sleep(POLL_SECONDS)
    assert meter is not None
    seconds = (time.perf_counter() - began) * count / (count - first)
    return meter.stop(seconds)


def _held(database: sqlite3.Connection) -> int:
    (held,) = database.execute("SELECT max(count) FROM messaging_topic WHERE kind = 'chan'").fetchone()
    return int(held)


def _idle(bench: Bench, server: Server) -> Cost:
    time.sleep(3)  # what has just ended is still tidied up
    meter = Meter(server.process)
    time.sleep(bench.pick(20, 3))
    return meter.stop()


def _command(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(home),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
