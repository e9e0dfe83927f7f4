"""Scheduled work on messages."""

from __future__ import annotations

from celery import shared_task

from messaging.services import log_wipe, messages_burn
from peers.clock import now_ms


@shared_task(name="messaging.burn")
def burn() -> None:
    """Drop what has burned, and leave no trace of it or of what was deleted; runs far more often than each 60 s."""
    messages_burn(now=now_ms())
    log_wipe()
