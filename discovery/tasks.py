"""Scheduled work of discovery."""

from __future__ import annotations

from celery import shared_task

from discovery.finder import finder


@shared_task(name="discovery.look")
def look(eager: bool = False) -> None:
    """Look for other hubs once. In a process that serves no hub it does nothing."""
    finder.round(eager=eager)
