"""How long a hub takes to start, and what it takes of memory, as a full hub and in gossip mode."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.homes import ROOT, environment
from benchmarks.measure import Bench, Row
from benchmarks.servers import hub

TRIES: Final = 5
SETTLE_SECONDS: Final = 3.0
MIB: Final = 2**20

METHODS: Final = {
    "start": (
        "Seconds from exec until `hub.json` says where the hub listens, median of several starts of a hub that "
        "has run before, with its files in the page cache. The limit of the empty hub is a Python process that "
        "imports the hub's ASGI application and ends; the limit of the full one is the empty one. The limit of gossip "
        "mode is the same empty hub in full mode."
    ),
    "idle memory": (
        f"Resident memory of an empty hub, {SETTLE_SECONDS:.0f} s after it has started, median of several starts."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Imports alone, the empty hub, the full one."""
    rows = bench.pick(1_000_000, 20_000)
    tries = bench.pick(TRIES, 2)
    bench.note("start: empty")
    home = bench.homes.empty()
    imports = statistics.median(_import(home) for _ in range(tries))
    empty, empty_bytes = _start(home, tries)
    bench.note("start: gossip mode")
    mirror = bench.homes.empty()
    (mirror / "mode").write_text("gossip\n", encoding="utf-8")
    gossip, gossip_bytes = _start(mirror, tries)
    bench.note(f"start: {rows:,} rows")
    full, _ = _start(bench.homes.filled(rows), tries)
    yield Row("start", "empty", f"{empty:.2f} s", f"{imports:.2f} s to import it", empty / imports)
    yield Row("start", "gossip mode", f"{gossip:.2f} s", f"{empty:.2f} s in full mode", gossip / empty)
    against = f"{empty_bytes / MIB:.1f} MiB in full mode"
    yield Row("start", "idle memory, gossip mode", f"{gossip_bytes / MIB:.1f} MiB", against, gossip_bytes / empty_bytes)
    yield Row("start", f"{rows:,} rows", f"{full:.2f} s", f"{empty:.2f} s empty", full / empty)


def _import(home: Path) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import accord_hub.asgi"], cwd=ROOT, env=environment(home), check=True)
    return time.perf_counter() - began


def _start(home: Path, tries: int) -> tuple[float, float]:
    """Seconds until it serves; bytes once it has settled."""
    with hub(home):
        pass  # the first start makes what a hub begins with
    seconds, resident = [], []
    for _ in range(tries):
        with hub(home) as server:
            seconds.append(server.started_in)
            time.sleep(SETTLE_SECONDS)
            resident.append(server.rss())
    return statistics.median(seconds), statistics.median(resident)
