"""Celery's workers and beat inside the hub's process, for hubs without a broker.

All are daemon threads: three workers with the solo pool (one task at a time, in its own thread), so that handlers of
plugins, which may take their time, what burns, which must be gone within 60 s whatever else there is to do, and
everything else do not wait for each other; beat with its schedule in memory. A sweep that still waits for its turn is
not queued once more: on a machine where all takes long, the queue would grow without end. What the in-memory broker
forgets when the hub stops, the sweeps find again in the database.

Plain `memory://` is not used: Celery's loop for it waits up to 2 s before it looks whether it shall stop, and finds a
new task by polling. WakingTransport waits for a bell that a new task and a stop both ring: a task starts within
milliseconds, and the hub is gone within a second.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from queue import Empty
from typing import Any, Final

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler, Service
from celery.signals import task_prerun
from celery.worker import WorkController
from celery.worker import state as worker_state
from kombu.transport import memory

STOP_TIMEOUT_SECONDS: Final = 1.0
BEAT_INTERVAL_SECONDS: Final = 60

# Queues with a worker of their own, as CELERY_TASK_ROUTES names them.
OWN_QUEUES: Final = ("burning", "plugins")

LOST_SECONDS: Final = 30  # a task that has not begun by then may be lost: the broker promises nothing

_waiting: dict[str, float] = {}  # when (monotonic) scheduled tasks were queued that have not begun


class Bell:
    """Wakes all who wait. Who has read `rings` before looking for work misses nothing by waiting for another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.rings = 0

    def ring(self) -> None:
        """Wake everybody."""
        with self._changed:
            self.rings += 1
            self._changed.notify_all()

    def wait(self, heard: int, seconds: float) -> bool:
        """Wait until it has rung more often than `heard`; whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self.rings != heard, seconds)


_bell = Bell()


class WakingChannel(memory.Channel):
    """Wakes the workers when something is queued."""

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        _bell.ring()


class WakingTransport(memory.Transport):
    """The in-memory transport, waiting for a bell instead of polling; named by CELERY_BROKER_TRANSPORT."""

    Channel = WakingChannel

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver one message; TimeoutError when there was none for `timeout` seconds or the worker shall stop."""
        deadline = time.monotonic() + (threading.TIMEOUT_MAX if timeout is None else timeout)
        cycle: Any = self.cycle  # the transport's channels in turn
        while True:
            heard = _bell.rings
            try:
                cycle.get(self._deliver, timeout=timeout)
                return
            except Empty:
                left = deadline - time.monotonic()
                if left <= 0 or worker_state.should_stop is not None or not _bell.wait(heard, left):
                    raise socket.timeout from None  # noqa: UP041 - the name by which Celery's loop knows it


@task_prerun.connect
def _begun(task: Any = None, **others: Any) -> None:
    _waiting.pop(task.name, None)


class OnceScheduler(Scheduler):
    """Queues no task that still waits in its queue."""

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Queue it, or leave it to the one that waits; a task may begin, and be queued again, at any moment."""
        now = time.monotonic()
        if now - _waiting.get(entry.task, -math.inf) < LOST_SECONDS:
            return self.reserve(entry) if advance else None
        _waiting[entry.task] = now
        try:
            return super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        except Exception:
            _waiting.pop(entry.task, None)
            raise


class Beat(Service):
    """Celery's beat (5.7), but it ends as soon as it is stopped instead of after a sleep, and it writes no file."""

    scheduler_cls = OnceScheduler

    def start(self, embedded_process: bool = False) -> None:
        """Send what is due, until stopped; first of all everything once, for it may have fallen due before."""
        for entry in self.scheduler.schedule.values():
            self.scheduler.apply_async(entry, advance=False)
        while not self._is_shutdown.is_set():
            self._is_shutdown.wait(self.scheduler.tick())
        self.sync()


def _copy(app: Celery, queue: str) -> Celery:
    """Another application of the same tasks and settings: which queues a worker consumes is kept in its application."""
    copy = Celery(f"{app.main}_{queue}", set_as_current=False)
    copy.config_from_object("django.conf:settings", namespace="CELERY")
    copy.autodiscover_tasks()
    return copy


class Background:
    """The threads; `start` once, `stop` once."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._beat = Beat(app, max_interval=BEAT_INTERVAL_SECONDS)
        workers = [("celery-worker", app, app.conf.task_default_queue)]
        routed = {app.conf.task_routes.get(entry["task"], {}).get("queue") for entry in app.conf.beat_schedule.values()}
        workers += [(f"celery-{queue}", _copy(app, queue), queue) for queue in OWN_QUEUES if queue in routed]
        self._apps = [own for _, own, _ in workers]
        self._threads = [
            *(
                threading.Thread(target=self._run_worker, args=(own, queue), name=name, daemon=True)
                for name, own, queue in workers
            ),
            threading.Thread(target=self._run_beat, name="celery-beat", daemon=True),
        ]

    def start(self) -> None:
        worker_state.should_stop = None
        _waiting.clear()
        for app in self._apps:
            # In the threads it would race: a task is registered with every application that is ready, and a worker that
            # starts meanwhile goes through the table of its tasks, or misses some of them.
            app.loader.import_default_modules()
            app.finalize()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the running task end, for a second at most; a task cut short is done again, like any that failed."""
        self._beat.stop()
        worker_state.should_stop = 0  # the exit code
        _bell.ring()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @staticmethod
    def _run_worker(app: Celery, queue: str) -> None:
        # Made in the thread where it works: making it closes the database connections of the thread that does.
        # A WorkController is Celery's worker without banner, signal handlers, set-up of logging or process title.
        app.set_current()
        WorkController(
            app=app,
            hostname=f"{queue}@local",
            queues=[queue],
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
