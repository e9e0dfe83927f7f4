"""Whether the store is as fast with a million messages as with none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.load import Ingested, publish_all
from benchmarks.measure import Bench, Row
from benchmarks.members import settle
from benchmarks.sections.ingest import BATCH, CONNECTIONS
from benchmarks.servers import hub

METHODS: Final = {
    "rows": (
        "The run of `ingest` in batches of 16, clear, against a hub whose lounge holds so many messages (random "
        "ids, the hub started anew); the limit is the same run against an empty store."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Empty, then full."""
    rows = bench.pick(1_000_000, 20_000)
    bench.note("store: empty")
    empty = _ingest(bench, bench.homes.empty())
    bench.note(f"store: {rows:,} rows")
    full = _ingest(bench, bench.homes.filled(rows))
    yield Row(
        "store",
        f"{rows:,} rows",
        f"{full.rate:,.0f} messages/s",
        f"{empty.rate:,.0f} messages/s at 0 rows",
        full.rate / empty.rate,
        ">= 0.6",
        full.rate_by_cpu / empty.rate_by_cpu,
        full.cost,
    )


def _ingest(bench: Bench, home: Path) -> Ingested:
    with hub(home) as server:
        community = settle(server, CONNECTIONS)
        each = bench.pick(12_000, 1_600)
        messages = [community.write(index, each) for index in range(CONNECTIONS)]
        return publish_all(community, messages, batch=BATCH, sealed=False)
