"""Celery's worker and beat inside the hub's process, for hubs without a broker.

Both are daemon threads: the worker with the solo pool (one task at a time, in its own thread), beat with its schedule
in memory. What the in-memory broker forgets when the hub stops, the sweeps find again in the database.

Plain `memory://` is not used: Celery's loop for it waits up to 2 s before it looks whether it shall stop, and finds a
new task by polling. WakingTransport waits for an event that a new task and a stop both set: a task starts within
milliseconds, and the hub is gone within a second.
"""

from __future__ import annotations

import socket
import threading
import time
from queue import Empty
from typing import Any, Final

from celery import Celery
from celery.beat import Scheduler, Service
from celery.worker import WorkController
from celery.worker import state as worker_state
from kombu.transport import memory

STOP_TIMEOUT_SECONDS: Final = 1.0
BEAT_INTERVAL_SECONDS: Final = 60

_wake = threading.Event()


class WakingChannel(memory.Channel):
    """Wakes the worker when something is queued."""

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        _wake.set()


class WakingTransport(memory.Transport):
    """The in-memory transport, waiting for an event instead of polling; named by CELERY_BROKER_TRANSPORT."""

    Channel = WakingChannel

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver one message; TimeoutError when there was none for `timeout` seconds or the worker shall stop."""
        deadline = time.monotonic() + (threading.TIMEOUT_MAX if timeout is None else timeout)
        cycle: Any = self.cycle  # the transport's channels in turn
        while True:
            _wake.clear()
            try:
                cycle.get(self._deliver, timeout=timeout)
                return
            except Empty:
                left = deadline - time.monotonic()
                if left <= 0 or worker_state.should_stop is not None or not _wake.wait(left):
                    raise socket.timeout from None  # noqa: UP041 - the name by which Celery's loop knows it


class Beat(Service):
    """Celery's beat (5.7), but it ends as soon as it is stopped instead of after a sleep, and it writes no file."""

    scheduler_cls = Scheduler

    def start(self, embedded_process: bool = False) -> None:
        """Send what is due, until stopped; first of all everything once, for it may have fallen due before."""
        for entry in self.scheduler.schedule.values():
            self.scheduler.apply_async(entry, advance=False)
        while not self._is_shutdown.is_set():
            self._is_shutdown.wait(self.scheduler.tick())
        self.sync()


class Background:
    """The two threads; `start` once, `stop` once."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._beat = Beat(app, max_interval=BEAT_INTERVAL_SECONDS)
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for name, target in (("celery-worker", self._run_worker), ("celery-beat", self._run_beat))
        ]

    def start(self) -> None:
        worker_state.should_stop = None
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the running task end, for a second at most; a task cut short is done again, like any that failed."""
        self._beat.stop()
        worker_state.should_stop = 0  # the exit code
        _wake.set()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run_worker(self) -> None:
        # Made in the thread where it works: making it closes the database connections of the thread that does.
        # A WorkController is Celery's worker without banner, signal handlers, set-up of logging or process title.
        self._app.set_current()
        WorkController(
            app=self._app,
            hostname="hub@local",
            pool_cls="solo",
            concurrency=1,
            loglevel="WARNING",
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        ).start()

    def _run_beat(self) -> None:
        self._app.set_current()
        self._beat.start()
