"""The cable between browsers and a hub: a TCP relay that can be cut, mended, and have the hub's words wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket


class Cable:
    """Listens on a port of its own and passes on to another; once `cut`, connections end and new ones are refused."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._target = 0
        self._flows = asyncio.Event()
        self._flows.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mend(self, target: int) -> None:
        """Pass on to this port from now on."""
        self._target = target
        if self._server is None:
            self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Nothing comes through."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        self._flows.set()

    def hold(self) -> None:
        """What browsers send goes on to the hub; what the hub sends waits for `release`."""
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, hub_writer}
        await asyncio.gather(self._copy(reader, hub_writer), self._copy(hub_reader, writer, self._flows))
        self._writers -= {writer, hub_writer}

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event | None = None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if flows is not None:
                    await flows.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
