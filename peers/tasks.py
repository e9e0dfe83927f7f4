"""Scheduled work of peers."""

from __future__ import annotations

from celery import shared_task

from peers.allowances import allowances_reset
from peers.blessings import blessings_expire
from peers.clock import now_ms
from peers.services import tokens_expire
from peers.status import status_keep


@shared_task(name="peers.allowances")
def allowances() -> None:
    """Count what accounts store anew, when the operator's day, week or month has begun."""
    allowances_reset(now=now_ms())


@shared_task(name="peers.sweep")
def sweep() -> None:
    """Drop bearer tokens and blessings that have expired; renew what the hub states of its removals."""
    tokens_expire(now=now_ms())
    blessings_expire(now=now_ms())
    status_keep(now=now_ms())
