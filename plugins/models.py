"""Tables of plugins: the outbox of jobs, and what a handler has put before the operator.

A row goes with its message: the ORM deletes both in one transaction, and what is deleted or pruned otherwise is found
by the sweep (services.jobs_sweep), so the database holds no constraint that would be in the way of bulk deletes.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from messaging.models import Message


class Job(models.Model):
    """One handler's work on one message. `serial` 0 is for the message itself, more for what the handler put off."""

    class State(models.TextChoices):
        """Waiting for its time (a first try, or another one); done; given up after the last try."""

        WAITING = "waiting"
        DONE = "done"
        DEAD = "dead"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    handler = models.CharField(max_length=24)
    serial = models.IntegerField(default=0)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    at = models.BigIntegerField(help_text="ms since 1970 UTC: the time that what it says bears")
    due_at = models.BigIntegerField(help_text="ms since 1970 UTC: when to try, or when it was done or given up")
    data = models.TextField(blank=True, help_text="what the handler has put off for itself, as JSON")
    tries = models.PositiveSmallIntegerField(default=0, help_text="that failed")
    error = models.TextField(blank=True, help_text="of the last try")
    took_ms = models.IntegerField(default=0, help_text="the last try")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "handler", "serial"], name="job_once")]
        indexes = [models.Index(fields=["state", "due_at"], name="job_by_due")]

    def __str__(self) -> str:
        return f"{self.handler} {self.message_id}.{self.serial}"


class Proposal(models.Model):
    """Another hub, by an invite link that somebody wrote to the admin. The link's secret stays in the message."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    hub = models.BinaryField(max_length=32, help_text="the other hub's key")
    origin = models.CharField(max_length=255, help_text="the other hub's address, as the link says")
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hub"], condition=Q(is_open=True), name="proposal_open_once"),
            models.UniqueConstraint(fields=["message", "hub"], name="proposal_once"),
        ]

    def __str__(self) -> str:
        return self.origin
