"""Scheduled work of the console."""

from __future__ import annotations

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from console.services import Sampler, audit_check, days_count
from peers.clock import now_ms
from peers.counters import counters

_sampler = Sampler()


@shared_task(name="console.count")
def count() -> None:
    """Count messages by day, and note what the last minute brought."""
    days_count()
    _sampler.sample_take(counters, now=now_ms())


@shared_task(name="console.sweep")
def sweep() -> None:
    """Drop sessions of the console that have ended."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@shared_task(name="console.audit")
def audit() -> None:
    """Check that the audit log is whole."""
    audit_check(now=now_ms())
