"""Trees of a large topic: all of them anew, and the root after one more message."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.homes import ROOT, environment
from benchmarks.measure import Bench, Row

SPANS: Final = {"one day": 0, "a year": 365}  # as the rows are filled in, 20 a second; and a message each half minute
ROOT_AIM_MS: Final = 10
METHODS: Final = {
    "full rebuild": (
        "All branches of the lounge built from the message table and written, in one process without a hub. The limit "
        "is a bare pass: ids read in order of time, `accord.merkle.root_of` over them, nothing kept."
    ),
    "root after one more": (
        "Median of 50: one message is stored (its own commit), then the root is asked for: the arrival is noticed, its "
        "path hashed and committed, the root read. The limit is storing the message."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Dense, then thin."""
    rows = bench.pick(1_000_000, 20_000)
    bench.note(f"trees: {rows:,} rows")
    home = bench.homes.root / "trees"
    shutil.copytree(bench.homes.filled(rows), home)
    for name, days in SPANS.items():
        bench.note(f"trees: {rows:,} rows over {name}")
        found = _measure(home, days)
        yield Row(
            "trees",
            f"full rebuild, {found['count']:,} messages over {name}",
            f"{found['build_seconds']:.2f} s, {found['branches']:,} branches of {found['bytes'] / 2**20:.1f} MiB",
            f"{found['bare_seconds']:.2f} s a bare pass",
            found["bare_seconds"] / found["build_seconds"],
            by_cpu=found["bare_cpu"] / found["build_cpu"],
        )
        yield Row(
            "trees",
            f"root after one more, {found['count']:,} messages over {name}",
            f"{found['root_ms']:.1f} ms",
            f"{found['store_ms']:.1f} ms to store it",
            found["store_ms"] / found["root_ms"],
            f"<= {ROOT_AIM_MS} ms",
        )
    shutil.rmtree(home)


def _measure(home: Path, days: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tree_timing", str(days)],
        cwd=ROOT,
        env=environment(home),
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
