"""Scheduled work on vaults and stores."""

from __future__ import annotations

from celery import shared_task

from messaging.services import log_wipe
from peers.clock import now_ms
from vault.attempts import attempts_forget
from vault.services import shards_burn


@shared_task(name="vault.burn")
def burn() -> None:
    """Drop shards that have burned, and leave no trace of them or of what was replaced."""
    shards_burn(now=now_ms())
    log_wipe()


@shared_task(name="vault.sweep")
def sweep() -> None:
    """Forget attempts of an hour ago."""
    attempts_forget(now=now_ms())
