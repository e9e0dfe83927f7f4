"""Messages on their way to the hub: in order, each until the hub has answered for it.

A message keeps its id, so one that is sent again after a cut is at worst a `duplicate`, which is as good as `stored`.
In memory only: what must outlive the program is the caller's to keep.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from accord.errors import AccordError, RemoteError
from accord.messages import message_uuid, parse_envelope
from accord_client.connection import Connection
from accord_client.wire import MAX_PUBLISH_MESSAGES, publish_batches

MAX_WAITING_MESSAGES: Final = 2_000
MAX_FRAMES_IN_FLIGHT: Final = 8
FIRST_RETRY_SECONDS: Final = 0.5
MAX_RETRY_SECONDS: Final = 30.0
AGAIN_LATER: Final = frozenset({"rate", "busy"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendResult:
    """The hub's answer for one message: `status` stored, duplicate or rejected (then with its `code`)."""

    id: bytes
    status: str
    code: str | None = None

    @property
    def uuid(self) -> uuid.UUID:
        return message_uuid(self.id)

    @property
    def accepted(self) -> bool:
        return self.status != "rejected"


@dataclass(slots=True)
class _Item:
    id: bytes
    envelope: dict[str, Any]
    answered: asyncio.Future[SendResult]
    in_flight: bool = False


class Outbox:
    """A queue of envelopes that `pump` empties over one connection after another.

    `notice` gets a sentence when the hub asks to wait.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._items: dict[bytes, _Item] = {}
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: Exception | None = None
        self._notice = notice
        self._retry_seconds = FIRST_RETRY_SECONDS

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, envelope: dict[str, Any]) -> asyncio.Future[SendResult]:
        """Take an envelope, when fewer than MAX_WAITING_MESSAGES wait; the future is done when the hub has answered."""
        ident = parse_envelope(envelope).id
        while len(self._items) >= MAX_WAITING_MESSAGES:
            self._room.clear()
            await self._room.wait()
        if self._failure is not None:
            raise self._failure
        item = self._items.get(ident)
        if item is None:
            item = _Item(ident, envelope, asyncio.get_running_loop().create_future())
            self._items[ident] = item
            self._changed.set()
        return item.answered

    def fail(self, error: Exception) -> None:
        """Give up on everything that waits, and on what may come."""
        self._failure = error
        for item in self._items.values():
            if not item.answered.done():
                item.answered.set_exception(error)
                item.answered.exception()  # looked at: not everyone who posts waits for the answer
        self._items.clear()
        self._room.set()

    async def pump(self, connection: Connection) -> None:
        """Send what waits and what comes, until the connection ends (ConnectionLost)."""
        for item in self._items.values():
            item.in_flight = False  # the last connection may have ended before the answer
        window = asyncio.Semaphore(MAX_FRAMES_IN_FLIGHT)
        self._changed.set()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    while batch := self._next_batch():
                        await window.acquire()
                        for item in batch:
                            item.in_flight = True
                        task = group.create_task(self._publish(connection, batch))
                        task.add_done_callback(lambda _: window.release())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _next_batch(self) -> list[_Item]:
        waiting = []
        for item in self._items.values():
            if not item.in_flight:
                waiting.append(item)
                if len(waiting) == MAX_PUBLISH_MESSAGES:
                    break
        first = next(publish_batches([item.envelope for item in waiting]), [])
        return waiting[: len(first)]

    async def _publish(self, connection: Connection, batch: list[_Item]) -> None:
        try:
            results = await connection.publish([item.envelope for item in batch])
        except RemoteError:
            raise
        except AccordError as error:
            if error.code not in AGAIN_LATER:
                results = [{"status": "rejected", "code": error.code}] * len(batch)
            else:
                await self._again(batch, error.code, error.retry_ms)
                return
        late, late_ms = [], None
        for item, result in zip(batch, results, strict=True):
            code = str(result["code"]) if "code" in result else None
            if result.get("status") == "rejected" and code in AGAIN_LATER:
                late.append(item)
                late_ms = _longer(late_ms, result.get("retry_ms"))
            else:
                self._done(item, str(result.get("status")), code)
        if late:
            await self._again(late, "rate", late_ms)
        else:
            self._retry_seconds = FIRST_RETRY_SECONDS

    def _done(self, item: _Item, status: str, code: str | None) -> None:
        if status not in ("stored", "duplicate", "rejected"):
            raise RemoteError("bad_request", "published: a status of another name")
        self._items.pop(item.id, None)
        self._room.set()
        if not item.answered.done():
            item.answered.set_result(SendResult(item.id, status, code))

    async def _again(self, batch: list[_Item], code: str, retry_ms: int | None) -> None:
        """Hold this frame's place in the window until the hub may be asked again."""
        if self._retry_seconds == FIRST_RETRY_SECONDS:
            self._notice("the hub asks to go slower; what is left goes out as it allows")
        seconds = min(retry_ms / 1000, MAX_RETRY_SECONDS) if retry_ms is not None else self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, MAX_RETRY_SECONDS)
        log.debug("%d messages wait %.1f s (%s)", len(batch), seconds, code)
        await asyncio.sleep(seconds)
        for item in batch:
            item.in_flight = False
        self._changed.set()


def _longer(one: int | None, other: object) -> int | None:
    if type(other) is not int or other < 0:
        return one
    return other if one is None else max(one, other)
