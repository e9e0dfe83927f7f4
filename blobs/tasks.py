"""Scheduled work on blobs."""

from __future__ import annotations

from celery import shared_task

from blobs.services import blobs_burn, blobs_keep, strays_sweep
from peers.clock import now_ms


@shared_task(name="blobs.burn")
def burn() -> None:
    """Drop what has burned; runs far more often than each 60 s."""
    blobs_burn(now=now_ms())


@shared_task(name="blobs.keep")
def keep() -> None:
    """Keep blobs within the operator's room."""
    blobs_keep(now=now_ms())


@shared_task(name="blobs.strays")
def sweep_strays() -> None:
    """Remove files that belong to nothing."""
    strays_sweep(now=now_ms())
