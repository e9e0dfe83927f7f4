"""Scheduled work of the invite tree."""

from __future__ import annotations

from celery import shared_task

from invites.removal import removal_finish
from invites.replacing import replacements_finish
from invites.services import temporary_expire
from peers.clock import now_ms


@shared_task(name="invites.expire")
def expire() -> None:
    """Give back what invites that nobody claimed hold."""
    temporary_expire(now=now_ms())


@shared_task(name="invites.replace")
def replace() -> None:
    """Hand over the accounts whose replacement has waited long enough."""
    replacements_finish(now=now_ms())


@shared_task(name="invites.removals")
def removals() -> None:
    """Finish removals that can be undone no more."""
    removal_finish(now=now_ms())
