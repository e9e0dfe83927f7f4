"""Messages a second from socket to disk, beside what one core can verify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.load import publish_all
from benchmarks.measure import Bench, Row
from benchmarks.members import Community, measure_verification, settle
from benchmarks.servers import hub

CONNECTIONS: Final = 4
BATCH: Final = 16
SAMPLE: Final = 2_000

METHODS: Final = {
    "single": (
        "Four members publish at once, each message (300 bytes of header and body) a `publish` frame of its own, "
        "the next sent without waiting for answers; everything is signed and encoded beforehand. Messages a "
        "second from the first byte to the last `published` (so every message is committed), over the signatures "
        "of the same messages that one thread checks a second with `accord.keys.verify_raw` while the hub idles, "
        "mean of before and after."
    ),
    "batches of 16": "The same with 16 messages a frame.",
    "sealed": ("The same in sealed frames (the default of programs); the other rows are in clear frames on loopback."),
}


def run(bench: Bench) -> Iterator[Row]:
    """Single messages and batches, clear and sealed."""
    with hub(bench.homes.empty()) as server:
        community = settle(server, CONNECTIONS)
        for name, batch, aim in (("single", 1, 0.7), (f"batches of {BATCH}", BATCH, 1.0)):
            for sealed in (False, True):
                yield measure(bench, community, name + (", sealed" if sealed else ", clear"), batch, aim, sealed=sealed)


def measure(bench: Bench, community: Community, name: str, batch: int, aim: float, *, sealed: bool) -> Row:
    """One row."""
    bench.note(f"ingest: {name}")
    each = bench.pick(12_000, 1_600)
    messages = [community.write(index, each) for index in range(CONNECTIONS)]
    sample = messages[0][:SAMPLE]
    seconds = 0.3 if bench.quick else 1.0
    before = measure_verification(sample, seconds)
    ingested = publish_all(community, messages, batch=batch, sealed=sealed)
    after = measure_verification(sample, seconds)
    bound = (before.rate + after.rate) / 2
    return Row(
        "ingest",
        name,
        f"{ingested.rate:,.0f} messages/s",
        f"{bound:,.0f} verifications/s on one core",
        ingested.rate / bound,
        f">= {aim}",
        2 * ingested.rate_by_cpu / (before.rate_by_cpu + after.rate_by_cpu),
        ingested.cost,
    )
