"""Scheduled work on links. The rows say what is wanted; the driver in the server's process notices them."""

from __future__ import annotations

from celery import shared_task

from links.services import history_prune, links_due
from messaging.spaces.unseated import unseated_sweep
from peers.clock import now_ms


@shared_task(name="links.compare")
def compare() -> None:
    """Want a comparison wherever the last one is long ago, or the wait after an unequal one is over."""
    links_due(now=now_ms())


@shared_task(name="links.sweep")
def sweep() -> None:
    """Forget old history, and spaces that were brought for nobody here."""
    history_prune(now=now_ms())
    unseated_sweep()
