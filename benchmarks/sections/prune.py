"""What pruning costs: time, bytes written, how long writers wait, what the disk gets back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.homes import ROOT, environment
from benchmarks.measure import Bench, Row

SPACING_MS: Final = 13_000  # 200,000 messages are a month

METHODS: Final = {
    "messages/s": (
        "A store of a month is pruned to half its size, as `manage.py prune` does it: plan, receipt, rows in short "
        "transactions with pauses as long as they are, pages back to the disk, log emptied. The limit: the same half "
        "by one DELETE, all pages at once."
    ),
    "bytes written": "By the process, log and file, for each byte by which the store shrank; the limit: that DELETE.",
    "longest wait": (
        "Of a second connection that takes the lock of writers each 5 ms, nothing else running; the limit: while that "
        "DELETE runs. The median is in brackets."
    ),
    "disk": "The database's files after pruning; the limit: their size before it.",
}


def run(bench: Bench) -> Iterator[Row]:
    """The way it is done, and the plain way."""
    rows = bench.pick(200_000, 10_000)
    bench.note(f"prune: half of {rows:,} messages")
    home = bench.homes.spread(rows, SPACING_MS)
    pruned = _measure(home, str((home / "hub.sqlite3").stat().st_size // 2))
    bench.note("prune: the same by one statement")
    plain = _measure(bench.homes.spread(rows, SPACING_MS), "delete")
    rate, limit = (found["removed"] / found["seconds"] for found in (pruned, plain))
    yield Row(
        "prune",
        f"{pruned['removed']:,} messages/s",
        f"{rate:,.0f}/s, {pruned['seconds']:.1f} s",
        f"{limit:,.0f}/s, {plain['seconds']:.1f} s",
        rate / limit,
    )
    amplified, least = (found["written"] / found["freed"] for found in (pruned, plain))
    yield Row("prune", "bytes written", f"{amplified:.2f} a byte", f"{least:.2f} a byte", amplified / least)
    yield Row(
        "prune",
        "longest wait",
        f"{_ms(pruned['wait_most'])} ({_ms(pruned['wait_median'])})",
        _ms(plain["wait_most"]),
        pruned["wait_most"] / plain["wait_most"],
    )
    yield Row(
        "prune",
        "disk",
        f"{pruned['files_after'] / 2**20:,.1f} MiB",
        f"{pruned['files_before'] / 2**20:,.1f} MiB",
        pruned["files_after"] / pruned["files_before"],
        "<= 0.5",
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def _measure(home: Path, asked: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.prune_once", asked],
        cwd=ROOT,
        env=environment(home),
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
