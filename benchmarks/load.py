"""The publishing client: ready bytes go out on several connections as fast as the hub takes them."""

from __future__ import annotations

import gc
import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.measure import Cost, Meter
from benchmarks.members import Community
from benchmarks.wire import READ_BYTES, Connection, FrameReader

STALL_SECONDS: Final = 30
WARM_UP_MESSAGES: Final = 320


@dataclass
class _Stream:
    connection: Connection
    unsent: memoryview
    answers_due: int
    reader: FrameReader
    answers: list[bytes]


@dataclass(frozen=True)
class Ingested:
    """What the hub took, from the first byte sent to the last answer."""

    messages: int
    cost: Cost

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.cost.seconds

    @property
    def rate_by_cpu(self) -> float:
        """Messages a second of the hub's processor time."""
        return self.messages / self.cost.server_cpu


def publish_all(
    community: Community, messages: Sequence[list[dict[str, Any]]], *, batch: int, sealed: bool
) -> Ingested:
    """Publish every member's list on a connection of its own, `batch` messages a frame, and see that all are stored."""
    streams = []
    for index, envelopes in enumerate(messages):
        connection = community.connect(index, sealed=sealed)
        for start in range(0, WARM_UP_MESSAGES, batch):
            frame = {"type": "publish", "ref": start, "messages": envelopes[start : start + batch]}
            connection.call(frame, "published")
        frames = [
            connection.encode({"type": "publish", "ref": start, "messages": envelopes[start : start + batch]})
            for start in range(WARM_UP_MESSAGES, len(envelopes), batch)
        ]
        streams.append(_Stream(connection, memoryview(b"".join(frames)), len(frames), FrameReader(), []))
    cost = _pump(community, streams)
    stored = 0
    for stream in streams:
        for payload in stream.answers:
            results = stream.connection.decode(payload)["results"]
            assert all(result["status"] == "stored" for result in results), results
            stored += len(results)
        stream.connection.close()
    return Ingested(stored, cost)


def _pump(community: Community, streams: list[_Stream]) -> Cost:
    selector = selectors.DefaultSelector()
    for stream in streams:
        stream.connection.sock.setblocking(False)
        selector.register(stream.connection.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, stream)
    open_streams = len(streams)
    gc.collect()
    gc.disable()
    meter = Meter(community.server.process)
    began = time.perf_counter()
    try:
        while open_streams:
            events = selector.select(STALL_SECONDS)
            if not events:
                raise TimeoutError("the hub takes nothing more")
            for key, mask in events:
                stream = key.data
                if mask & selectors.EVENT_WRITE:
                    stream.unsent = stream.unsent[stream.connection.sock.send(stream.unsent) :]
                    if not stream.unsent:
                        selector.modify(stream.connection.sock, selectors.EVENT_READ, stream)
                if mask & selectors.EVENT_READ:
                    data = stream.connection.sock.recv(READ_BYTES)
                    if not data:
                        raise ConnectionError("the hub has closed a connection")
                    stream.answers += stream.reader.feed(data)
                    if len(stream.answers) == stream.answers_due:
                        selector.unregister(stream.connection.sock)
                        open_streams -= 1
        return meter.stop(time.perf_counter() - began)
    finally:
        gc.enable()
        selector.close()
