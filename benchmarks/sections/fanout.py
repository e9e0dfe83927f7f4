"""Deliveries a second to many sockets, beside a bare socket loop and beside Channels' group_send."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.audience import Delivered, Parcel, count_messages, run_audience
from benchmarks.measure import Bench, Row
from benchmarks.members import Community, settle
from benchmarks.servers import hub, other
from benchmarks.wire import SEAL_BYTES, client_frame, connect, open_websocket, server_frame

MEMBERS: Final = 50
BARE_AIM: Final = ">= 0.4"
GROUP_AIM: Final = ">= 8"
SEALED_SOCKETS: Final = 500
REPEATS: Final = 50  # of the recorded frames, so that the bare loop does not run out of them


@dataclass(frozen=True)
class Mode:
    """How messages are published: how many a frame, how many on their way at once, here and for the bare loop.

    `deliveries` and `messages`: a second; no more than that are signed beforehand.
    """

    name: str
    batch: int
    window: int
    bare_window: int
    deliveries: int
    messages: int


SHARED: Final = Mode("shared frames", 16, 64, 512, 3_000_000, 12_000)
SINGLE: Final = Mode("one at a time", 1, 1, 1, 400_000, 1_200)

METHODS: Final = {
    "shared frames": (
        "All sockets are clear sessions of 50 members subscribed to the lounge; a further session publishes "
        "batches of 16 as fast as they are delivered (at most 64 messages on their way). Deliveries (messages "
        "times sockets) a second until the last socket has the last byte, publishing, verification and commit "
        "included. The limit is a bare asyncio loop (uvloop) that writes the same frames, recorded on one of the "
        "sockets, to as many sockets of the same reading client, with up to 512 messages on their way."
    ),
    "one at a time": (
        "The same, but each message is published only when the one before has arrived everywhere, so each is a "
        "frame of its own; only the time between a message's first arrival and its last is counted."
    ),
    "one at a time, in all": (
        "The same measurement by the whole time: publishing, verification and commit of each message included."
    ),
    "sealed": (
        "The same with sealed sessions: each frame is encrypted for each socket. The limit writes the clear frames."
    ),
    "Daphne": (
        "The hub under `manage.py runserver` (Daphne); the limit is Channels' `group_send` over its in-memory "
        "layer to plain AsyncWebsocketConsumers under Daphne, messages of the same size one at a time (shared "
        "frames are not known to it)."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """Both servers, all sizes."""
    sizes = (100,) if bench.quick else (100, 500, 1000)
    with hub(bench.homes.empty()) as server:
        community = settle(server, MEMBERS)
        for sockets in sizes:
            for mode in (SHARED, SINGLE):
                yield from _beside_bare(bench, community, mode, sockets)
        yield from _beside_bare(bench, community, SHARED, min(SEALED_SOCKETS, sizes[-1]), sealed=True)
    with hub(bench.homes.empty(), daphne=True) as server:
        community = settle(server, MEMBERS)
        for sockets in sizes:
            yield from _beside_group_send(bench, community, sockets)


def _seconds(bench: Bench) -> float:
    return 0.6 if bench.quick else 4.0


def deliver(bench: Bench, community: Community, mode: Mode, sockets: int, *, sealed: bool = False) -> Delivered:
    """The hub's part of a row. The first listener is clear in any case: its frames are read."""
    seconds = _seconds(bench)
    publisher = community.connect(0)
    envelopes = community.write(0, int(min(mode.messages, mode.deliveries // sockets) * seconds))
    parcels = [
        Parcel(
            publisher.encode({"type": "publish", "ref": start, "messages": envelopes[start : start + mode.batch]}),
            len(envelopes[start : start + mode.batch]),
        )
        for start in range(0, len(envelopes), mode.batch)
    ]
    listeners = community.listen(1) + community.listen(sockets - 1, sealed=sealed)
    return run_audience(
        community.server,
        publisher.sock,
        [listener.sock for listener in listeners],
        parcels,
        window=mode.window,
        seconds=seconds,
        sealing=SEAL_BYTES if sealed else 0,
    )


def _bare(bench: Bench, frames: list[bytes], mode: Mode, sockets: int) -> Delivered:
    parcels = []
    for payload in frames:
        frame = server_frame(payload)
        parcels.append(Parcel(struct.pack("!I", len(frame)) + frame, count_messages(payload)))
    with other(bench.homes.root, "-m", "benchmarks.relay", "{port}") as server:
        listeners = [connect(server.port) for _ in range(sockets)]
        return run_audience(
            server,
            connect(server.port),
            listeners,
            parcels * REPEATS,
            window=mode.bare_window,
            seconds=_seconds(bench) / 2,
        )


def _beside_bare(
    bench: Bench, community: Community, mode: Mode, sockets: int, *, sealed: bool = False
) -> Iterator[Row]:
    name = f"{sockets:,} sockets, {mode.name}" + (", sealed" if sealed else "")
    bench.note(f"fanout: {name}")
    ours = deliver(bench, community, mode, sockets, sealed=sealed)
    bare = _bare(bench, ours.frames, mode, sockets)
    yield from _rows(mode, name, ours, "bare loop", bare, BARE_AIM)


def _beside_group_send(bench: Bench, community: Community, sockets: int) -> Iterator[Row]:
    bench.note(f"fanout: {sockets:,} sockets, Daphne")
    single = deliver(bench, community, SINGLE, sockets)
    shared = deliver(bench, community, SHARED, sockets)
    parcels = [Parcel(client_frame(payload), 1) for payload in single.frames]
    daphne = ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", "benchmarks.group_send:application")
    with other(bench.homes.root, *daphne) as server:
        listeners = [open_websocket(server.port, "/listen")[0] for _ in range(sockets)]
        publisher = open_websocket(server.port, "/publish")[0]
        theirs = run_audience(server, publisher, listeners, parcels, window=1, seconds=_seconds(bench))
    for mode, ours in ((SHARED, shared), (SINGLE, single)):
        yield from _rows(mode, f"{sockets:,} sockets, {mode.name}, Daphne", ours, "group_send", theirs, GROUP_AIM)


def _rows(mode: Mode, name: str, ours: Delivered, limit: str, theirs: Delivered, aim: str) -> Iterator[Row]:
    frames = f", {ours.messages_a_frame:.1f} messages a frame" if mode.batch > 1 else ""
    by_cpu = ours.rate_by_cpu / theirs.rate_by_cpu

    def row(name: str, our_rate: float, their_rate: float, aim: str) -> Row:
        figure = f"{our_rate:,.0f} deliveries/s{frames}"
        return Row(
            "fanout", name, figure, f"{their_rate:,.0f} of {limit}", our_rate / their_rate, aim, by_cpu, ours.cost
        )

    if mode is SINGLE:
        yield row(name, ours.rate_while_delivering, theirs.rate_while_delivering, aim)
        yield row(f"{name}, in all", ours.rate, theirs.rate, "")
    else:
        yield row(name, ours.rate, theirs.rate, aim)
