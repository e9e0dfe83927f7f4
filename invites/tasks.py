"""Scheduled work of the invite tree."""

from __future__ import annotations

from celery import shared_task

from invites.services import temporary_expire
from peers.clock import now_ms


@shared_task(name="invites.expire")
def expire() -> None:
    """Give back what invites that nobody claimed hold."""
    temporary_expire(now=now_ms())
