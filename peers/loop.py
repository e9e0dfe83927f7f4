"""From synchronous views to the event loop of this process, where sessions and ingest live.

Views run in threads; whatever they want done on the loop is handed over here. Not here: the other way, from the loop to
the database (db.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeVar

from accord.errors import AccordError

ANSWER_TIMEOUT_SECONDS: Final = 30
RETRY_MS: Final = 1_000

T = TypeVar("T")


class LoopBridge:
    """The loop, while it runs what sockets need; `open` and `close` are called on it, all else from other threads."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[Future[Any]] = set()

    def open(self) -> None:
        """Take work for the running loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Take no more; who still waits is told that the hub is stopping."""
        self._loop = None
        for future in list(self._waiting):
            future.cancel()

    def soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, if it is there, without waiting."""
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(function, *arguments)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on the loop and give what it gives."""

        def begin(future: Future[T]) -> None:
            future.set_result(function(*arguments))

        return self.wait(begin)

    def wait(self, begin: Callable[[Future[T]], None]) -> T:
        """Call `begin` on the loop and wait for the result that it, or whatever it starts, gives the future.

        AccordError("busy") where the loop is not there or gives no answer in ANSWER_TIMEOUT_SECONDS.
        """
        future: Future[T] = Future()

        def run() -> None:
            try:
                begin(future)
            except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
                future.set_exception(error)

        self._waiting.add(future)
        try:
            if (loop := self._loop) is None:
                raise AccordError("busy", "the hub is starting or stopping", retry_ms=RETRY_MS)
            loop.call_soon_threadsafe(run)
            return future.result(ANSWER_TIMEOUT_SECONDS)
        except (TimeoutError, CancelledError) as error:
            raise AccordError("busy", "the hub did not get to it in time", retry_ms=RETRY_MS) from error
        finally:
            self._waiting.discard(future)


loop_bridge = LoopBridge()
