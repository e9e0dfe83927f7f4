"""A proxy between two hubs that can cut, delay and garble: it knows no more than where a WebSocket message ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass

NEVER = 1 << 60


@dataclass
class Faults:
    """What happens to connections from now on; messages are counted both ways together, from 1."""

    cut_after: int = NEVER
    garble: int = NEVER  # this message has one byte changed
    delay_seconds: float = 0.0


class Proxy:
    """Listens on a port of its own and passes on to `target`; 0: nothing answers there."""

    def __init__(self, target: int = 0) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.target = target
        self.faults = Faults()
        self.messages = 0  # of the newest connection
        self.bytes = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_idle(self) -> bool:
        """Whether nothing is connected."""
        return not self._writers

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End what is connected."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", self.target or 1)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, hub_writer}
        self._writers |= both
        count = [0]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            ways = [
                asyncio.create_task(self._copy(reader, hub_writer, count)),
                asyncio.create_task(self._copy(hub_reader, writer, count)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        for one in both:
            one.transport.abort()
        self._writers -= both

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: list[int]) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        if b"pgrade: websocket" not in head and b" 101 " not in head:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            return
        if b" 101 " in head:
            self.connections += 1
        while True:
            frame = await _read_frame(reader)
            count[0] += 1
            self.messages = count[0]
            self.bytes += len(frame)
            if count[0] > self.faults.cut_after:
                return
            if count[0] == self.faults.garble:
                frame = frame[:-1] + bytes([frame[-1] ^ 1])
            if self.faults.delay_seconds:
                await asyncio.sleep(self.faults.delay_seconds)
            writer.write(frame)
            await writer.drain()


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    if size == 126:
        head += await reader.readexactly(2)
        size = int.from_bytes(head[2:4], "big")
    elif size == 127:
        head += await reader.readexactly(8)
        size = int.from_bytes(head[2:10], "big")
    if head[1] & 0x80:
        head += await reader.readexactly(4)
    return head + await reader.readexactly(size)
