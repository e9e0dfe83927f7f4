"""Blobs that this hub lacks, from the hubs that it is linked with (protocol.md section 11). On the event loop.

Who knows the links registers itself in `sources`. Not here: the frames (links/blobs.py).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

from accord.errors import AccordError
from accord_client.errors import HubUnreachable
from blobs import files
from blobs.room import most_bytes
from blobs.services import copy_keep
from peers.clock import now_ms
from peers.db import in_db

logger = logging.getLogger(__name__)

MISSED_SECONDS: Final = 30.0  # how long a blob that nobody has is not asked for again
MAX_FETCHING: Final = 16
MAX_MISSED: Final = 10_000


class Source(Protocol):
    """A linked hub that can be asked now."""

    @property
    def hub(self) -> bytes: ...

    def blob(self, ident: bytes) -> AsyncIterator[tuple[int, int | None, bytes]]:
        """Size of the blob, burn_at, and the next bytes; AccordError, ConnectionLost where it does not come."""


sources: list[Callable[[], Sequence[Source]]] = []
told: list[Callable[[Sequence[bytes], bytes], None]] = []  # (hubs, id): these are to hear that a blob is gone


class Fetcher:
    """What is being fetched, and what nobody had."""

    def __init__(self) -> None:
        self._running: dict[bytes, asyncio.Task[None]] = {}
        self._missed: dict[bytes, float] = {}

    def begin(self, ident: bytes) -> bool:
        """See to it that a blob comes; False where nobody has it."""
        if ident in self._running:
            return True
        found = [source for listed in sources for source in listed()]
        if not found or self._missed.get(ident, 0.0) > time.monotonic():
            return False
        if len(self._running) >= MAX_FETCHING:
            raise AccordError("busy", "other files are being fetched", retry_ms=1_000)
        task = asyncio.create_task(self._fetch(ident, found))
        self._running[ident] = task
        task.add_done_callback(lambda _: self._running.pop(ident, None))
        return True

    async def _fetch(self, ident: bytes, found: list[Source]) -> None:
        secrets.SystemRandom().shuffle(found)
        for source in found:
            try:
                if await self._take(ident, source):
                    self._missed.pop(ident, None)
                    return
            except (AccordError, HubUnreachable, OSError) as error:
                logger.info("a blob did not come from a linked hub: %s", error)
        if len(self._missed) >= MAX_MISSED:
            self._missed.clear()
        self._missed[ident] = time.monotonic() + MISSED_SECONDS

    async def _take(self, ident: bytes, source: Source) -> bool:
        part_name = f"copy-{secrets.token_hex(8)}"
        part = files.part_of(part_name)
        received = 0
        burn_at: int | None = None
        try:
            async for size, until, data in source.blob(ident):
                burn_at = until
                if size > most_bytes() or received + len(data) > size:
                    raise AccordError("too_big", "larger than a file may be here")
                await asyncio.to_thread(files.append, part, data, at=received)
                received += len(data)
            return received > 0 and await in_db(
                copy_keep, ident=ident, hub=source.hub, part_name=part_name, burn_at=burn_at, now=now_ms()
            )
        finally:
            files.drop(part)

    def gone(self, hubs: Sequence[bytes], ident: bytes) -> None:
        """A blob has been deleted here: who was given it is told."""
        for tell in told:
            tell(hubs, ident)


fetcher = Fetcher()
