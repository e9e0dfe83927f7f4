"""The receiving client: one thread that reads hundreds of sockets and does next to nothing with what comes.

One socket, the first, is read properly: it tells how many messages and frames have come, and what bytes. All sockets
of a measurement get the same frames, so of the others only bytes are counted: a socket has everything when it has as
many as the first. Not for longer than a WebSocket may leave pings unanswered (a minute).
"""

from __future__ import annotations

import gc
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.measure import Cost, Meter
from benchmarks.servers import Server
from benchmarks.wire import READ_BYTES, FrameReader

MARK: Final = b'{"cursor":'
MAX_LAG_BYTES: Final = 256 * 1024  # that a socket may be behind the first one before more is published
STALL_SECONDS: Final = 20
READ_PAUSE_SECONDS: Final = 0.0001  # or the server would pay for waking this process, often for every single frame


@dataclass(frozen=True)
class Parcel:
    """Ready bytes for the publisher's socket, and how many messages the audience gets for them."""

    data: bytes
    messages: int


@dataclass(frozen=True)
class Delivered:
    """What came of a measurement; `frames` are as the first socket got them.

    `delivering` are the seconds in which some sockets had a message and others waited for it.
    """

    messages: int
    sockets: int
    frames: list[bytes]
    delivering: float
    cost: Cost

    @property
    def rate(self) -> float:
        """Deliveries a second: messages times sockets."""
        return self.messages * self.sockets / self.cost.seconds

    @property
    def rate_while_delivering(self) -> float:
        """The same for the time between a message's first arrival and its last."""
        return self.messages * self.sockets / self.delivering

    @property
    def rate_by_cpu(self) -> float:
        """Deliveries a second of the server's processor time."""
        return self.messages * self.sockets / self.cost.server_cpu

    @property
    def messages_a_frame(self) -> float:
        """How many messages shared a frame, on average."""
        return self.messages / len(self.frames)


def count_messages(payload: bytes) -> int:
    """How many messages a frame carries."""
    return payload.count(MARK)


@dataclass
class _First:
    """The socket that is read properly."""

    reader: FrameReader = field(default_factory=FrameReader)
    frames: list[bytes] = field(default_factory=list)
    bytes: int = 0
    messages: int = 0

    def take(self, data: memoryview) -> None:
        self.bytes += len(data)
        for payload in self.reader.feed(data):
            self.frames.append(payload)
            self.messages += count_messages(payload)


class Audience:
    """Publishes parcels on one socket and reads what the others get, as fast as both sides can."""

    def __init__(self, server: Server, publisher: socket.socket, listeners: Sequence[socket.socket]) -> None:
        self._server = server
        self._publisher = publisher
        self._listeners = {sock.fileno(): sock for sock in listeners}
        self._first_fd = listeners[0].fileno()
        self._buffer = bytearray(READ_BYTES)
        self._poll = select.epoll()
        for sock in listeners:
            sock.setblocking(False)
            self._poll.register(sock.fileno(), select.EPOLLIN)
        self._poll.register(publisher.fileno(), select.EPOLLIN)

    def run(self, parcels: Sequence[Parcel], *, window: int, seconds: float, sealing: int = 0) -> Delivered:
        """Publish for so many seconds, with at most `window` messages on their way; read until everybody has all.

        `sealing` is what each frame is longer on every socket but the first.
        """
        first = _First()
        counts = dict.fromkeys(self._listeners, 0)
        gc.collect()
        gc.disable()
        meter = Meter(self._server.process)
        began = time.perf_counter()
        last = began
        sent = sent_parcels = received = 0
        sockets = len(counts)
        delivering = 0.0
        burst_began: float | None = None
        try:
            while True:
                now = time.perf_counter()
                more = sent_parcels < len(parcels) and now - began < seconds
                sent_before = sent
                lag = (first.bytes + sealing * len(first.frames)) * (sockets - 1) + first.bytes - received
                while (
                    more
                    and (sent == first.messages or sent + parcels[sent_parcels].messages - first.messages <= window)
                    and lag < MAX_LAG_BYTES * sockets
                ):
                    self._publisher.sendall(parcels[sent_parcels].data)
                    sent += parcels[sent_parcels].messages
                    sent_parcels += 1
                    more = sent_parcels < len(parcels)
                if burst_began is not None and sent_before == first.messages and lag <= 0:
                    delivering += last - burst_began
                    burst_began = None
                if not more and sent == first.messages and lag <= 0:
                    break
                if now - last > STALL_SECONDS:
                    raise TimeoutError(f"{sent} published, {first.messages} delivered, {lag} bytes outstanding")
                got = self._read(first, counts)
                if got:
                    received += got
                    last = time.perf_counter()
                    burst_began = last if burst_began is None else burst_began
            cost = meter.stop(last - began)
        finally:
            gc.enable()
        return Delivered(first.messages, sockets, first.frames, delivering, cost)

    def _read(self, first: _First, counts: dict[int, int]) -> int:
        got = 0
        buffer, listeners, first_fd = self._buffer, self._listeners, self._first_fd
        time.sleep(READ_PAUSE_SECONDS)
        for fd, _ in self._poll.poll(0.1):
            sock = listeners.get(fd)
            if sock is None:
                self._publisher.recv(READ_BYTES)
                continue
            size = sock.recv_into(buffer)
            if not size:
                raise ConnectionError("the server has closed a socket")
            counts[fd] += size
            got += size
            if fd == first_fd:
                first.take(memoryview(buffer)[:size])
        return got

    def close(self) -> None:
        """Leave the poll; the sockets stay open."""
        self._poll.close()


def run_audience(
    server: Server,
    publisher: socket.socket,
    listeners: Sequence[socket.socket],
    parcels: Sequence[Parcel],
    *,
    window: int,
    seconds: float,
    sealing: int = 0,
) -> Delivered:
    """One measurement with these sockets, which are closed at its end."""
    audience = Audience(server, publisher, listeners)
    try:
        return audience.run(parcels, window=window, seconds=seconds, sealing=sealing)
    finally:
        audience.close()
        for sock in (publisher, *listeners):
            sock.close()
