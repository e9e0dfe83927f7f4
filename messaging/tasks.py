"""Scheduled work on messages."""

from __future__ import annotations

from celery import shared_task

from messaging.services import messages_burn
from peers.clock import now_ms


@shared_task(name="messaging.burn")
def burn() -> None:
    """Drop what has burned; runs far more often than the 60 s that the protocol allows."""
    messages_burn(now=now_ms())
