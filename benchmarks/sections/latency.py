"""How long a message takes to hundreds of screens when the hub is not busy."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarks.audience import count_messages
from benchmarks.measure import Bench, Meter, Row
from benchmarks.members import Community, settle
from benchmarks.servers import Server, hub, other
from benchmarks.wire import READ_BYTES, FrameReader, connect, server_frame

MEMBERS: Final = 50
PER_SECOND: Final = 10
LAST_SECONDS: Final = 1.0  # after the last message, for what is late

METHODS: Final = {
    "p50, p99": (
        "Ten messages a second, each signed at once before it is sent, to sockets that are subscribed to the "
        "lounge, clear frames. One process sends and receives, so one clock stamps both: a delivery lasts from "
        "the write of the message to the read of the frame that brings it, verification, commit and the reading "
        "of the sockets before it included. The limit is the bare loop, which passes on the same frames at the "
        "same pace."
    ),
}


def run(bench: Bench) -> Iterator[Row]:
    """The hub, then the bare loop."""
    sockets = bench.pick(500, 100)
    messages = bench.pick(200, 20)
    bench.note(f"latency: {sockets} sockets")
    with hub(bench.homes.empty()) as server:
        community = settle(server, MEMBERS)
        meter, ours, frames = _hub(community, sockets, messages)
        cost = meter.stop()
    with other(bench.homes.root, "-m", "benchmarks.relay", "{port}") as server:
        theirs = _bare(server, sockets, frames)
    for percent in (50, 99):
        mine, limit = _percentile(ours, percent), _percentile(theirs, percent)
        yield Row(
            "latency",
            f"p{percent}, {sockets} sockets, {PER_SECOND} messages/s",
            f"{mine * 1000:.2f} ms",
            f"{limit * 1000:.2f} ms of bare loop",
            mine / limit,
            cost=cost,
        )


def _percentile(samples: list[float], percent: int) -> float:
    return sorted(samples)[min(len(samples) - 1, len(samples) * percent // 100)]


def _hub(community: Community, sockets: int, messages: int) -> tuple[Meter, list[float], list[bytes]]:
    publisher = community.connect(0)
    listeners = [listener.sock for listener in community.listen(sockets)]

    def parcel(number: int) -> bytes:
        return publisher.encode({"type": "publish", "ref": number, "messages": community.write(0, 1)})

    meter = Meter(community.server.process)
    samples, frames = _pace(publisher.sock, listeners, parcel, messages)
    return meter, samples, frames


def _bare(server: Server, sockets: int, payloads: list[bytes]) -> list[float]:
    frames = [server_frame(payload) for payload in payloads]
    listeners = [connect(server.port) for _ in range(sockets)]

    def parcel(number: int) -> bytes:
        return struct.pack("!I", len(frames[number])) + frames[number]

    return _pace(connect(server.port), listeners, parcel, len(frames))[0]


def _pace(
    publisher: socket.socket, listeners: Sequence[socket.socket], parcel: Callable[[int], bytes], messages: int
) -> tuple[list[float], list[bytes]]:
    """Send parcels at the pace; the deliveries' seconds, and the frames as the first socket got them.

    While it runs, what comes is only stamped and kept: it is cut into frames afterwards.
    """
    by_fd = {sock.fileno(): sock for sock in listeners}
    poll = select.epoll()
    for sock in (publisher, *listeners):
        sock.setblocking(False)
        poll.register(sock.fileno(), select.EPOLLIN)
    sent: list[float] = []
    arrived: dict[int, list[tuple[float, bytes]]] = {fd: [] for fd in by_fd}
    began = time.perf_counter()
    end = began + messages / PER_SECOND + LAST_SECONDS
    while (now := time.perf_counter()) < end:
        due = began + len(sent) / PER_SECOND if len(sent) < messages else end
        if now >= due:
            data = parcel(len(sent))
            sent.append(time.perf_counter())
            publisher.send(data)
            continue
        for fd, _ in poll.poll(due - now):
            if fd in by_fd:
                data = by_fd[fd].recv(READ_BYTES)
                arrived[fd].append((time.perf_counter(), data))
            else:
                publisher.recv(READ_BYTES)
    poll.close()
    samples, first = _cut(list(arrived.values()), sent)
    for sock in (publisher, *listeners):
        sock.close()
    return samples, first


def _cut(streams: list[list[tuple[float, bytes]]], sent: list[float]) -> tuple[list[float], list[bytes]]:
    samples: list[float] = []
    first: list[bytes] = []
    for index, stream in enumerate(streams):
        reader = FrameReader()
        number = 0
        for at, data in stream:
            for payload in reader.feed(data):
                for _ in range(count_messages(payload)):
                    samples.append(at - sent[number])
                    number += 1
                if index == 0:
                    first.append(payload)
        assert number == len(sent), f"{number} of {len(sent)} messages came"
    return samples, first
