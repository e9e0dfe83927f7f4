"""Scheduled work of plugins. Rows in the outbox are the truth; a wake-up only shortens the wait for them."""

from __future__ import annotations

import threading

from celery import shared_task

from peers.clock import now_ms
from plugins.running import runner
from plugins.services import jobs_sweep

_woken = threading.Event()


@shared_task(name="plugins.run")
def run() -> None:
    """Run the handlers of what is due; what is left goes behind the tasks of others."""
    _woken.clear()
    if runner.run_due():
        wake()


@shared_task(name="plugins.sweep")
def sweep() -> None:
    """Forget what is done, and what was about messages that are gone."""
    jobs_sweep(now=now_ms())


def wake() -> None:
    """Have `run` run soon, once for all who ask before it does."""
    if not _woken.is_set():
        _woken.set()
        run.delay()
