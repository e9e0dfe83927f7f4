"""The limit of fan-out: `python -m benchmarks.relay PORT` writes what one socket sends to all the others.

A bare asyncio protocol on uvloop, nothing else. Who sends is the publisher: a parcel is four bytes
of length and a WebSocket frame.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final, cast

import uvloop

MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024  # as much as the hub keeps for a socket


class Relay(asyncio.Protocol):
    """One connection; all of them know each other."""

    everyone: Final[set[Relay]] = set()

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(MAX_UNSENT_BYTES)
        self.everyone.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.everyone.discard(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._data
        buffer += data
        transports = [other.transport for other in self.everyone if other is not self and other.transport is not None]
        at = 0
        while len(buffer) - at >= 4:
            end = at + 4 + int.from_bytes(buffer[at : at + 4], "big")
            if end > len(buffer):
                break
            frame = bytes(buffer[at + 4 : end])
            for transport in transports:
                transport.write(frame)
            at = end
        del buffer[:at]


async def serve(port: int) -> None:
    """Listen until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
