"""Tables of links: the hubs that this one is linked to, what was exchanged with them, what waits for them (protocol.md
sections 4 and 5).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from links.states import State
from messaging.models import Topic


class Link(models.Model):
    """Another hub with which this one becomes and stays equal. One row a hub, whoever dials."""

    key = models.BinaryField(max_length=32, unique=True, help_text="the other hub's peer key")
    name = models.CharField(max_length=64, blank=True, help_text="what it calls itself")
    origin = models.CharField(max_length=300, blank=True, help_text="where we dial it; empty: it dials us")
    everything = models.BooleanField(default=False, help_text="carries all that it may, not only what is used here")
    enabled = models.BooleanField(default=True)
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    state = models.CharField(max_length=9, choices=State.choices, default=State.NEW)
    since = models.BigIntegerField(help_text="in this state, ms since 1970 UTC")
    code = models.CharField(max_length=32, blank=True, help_text="why the last try or session ended")
    next_at = models.BigIntegerField(null=True, help_text="next try, to dial or to compare, ms since 1970 UTC")
    asked_at = models.BigIntegerField(null=True, help_text="a comparison is wanted since then, ms since 1970 UTC")
    equal_at = models.BigIntegerField(null=True, help_text="last found equal, ms since 1970 UTC")
    failures = models.IntegerField(default=0, help_text="tries in a row that ended unequal")
    behind = models.BigIntegerField(default=0, help_text="messages that the other hub has and this one has not")
    refused = models.BigIntegerField(default=0, help_text="messages that one of the two refuses")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="link_state_known"),
            models.CheckConstraint(condition=Q(behind__gte=0, refused__gte=0), name="link_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name or bytes(self.key).hex()[:16]


class Exchange(models.Model):
    """A session of sync that has ended, for the history."""

    class Outcome(models.TextChoices):
        """How it ended."""

        EQUAL = "equal"
        UNEQUAL = "unequal"
        CUT = "cut"

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="exchanges")
    began_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    ended_at = models.BigIntegerField(db_index=True, help_text="ms since 1970 UTC")
    outcome = models.CharField(max_length=7, choices=Outcome.choices)
    code = models.CharField(max_length=32, blank=True, help_text="why it was cut")
    topics = models.IntegerField(default=0, help_text="compared")
    differing = models.IntegerField(default=0, help_text="topics whose roots differed")
    received = models.IntegerField(default=0, help_text="messages that were new here")
    sent = models.IntegerField(default=0, help_text="messages that were sent")
    refused = models.IntegerField(default=0, help_text="messages that either side refused")
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    trips = models.IntegerField(default=0, help_text="frames that were answered by one")

    class Meta:
        indexes = [models.Index(fields=["link", "began_at"], name="exchange_by_link")]


class Base(models.Model):
    """The last root of a topic that both hubs had (section 5, "Index")."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="bases")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    root = models.BinaryField(max_length=32)
    horizon = models.BigIntegerField(help_text="ms since 1970 UTC; of this root")
    cursor = models.BigIntegerField(help_text="this hub's arrival number up to which the root counts")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "topic"], name="base_once")]


class Refusal(models.Model):
    """A message that one of the two hubs refuses: left out of the comparison for a while."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="refusals")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    ident = models.BinaryField(max_length=32)
    at = models.BigIntegerField(db_index=True, help_text="ms since 1970 UTC")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "ident"], name="refusal_once")]


class Parcel(models.Model):
    """A message of somebody's inbox that a hub of theirs has not been given yet. The message may have burned."""

    hub = models.BinaryField(max_length=32, help_text="the peer key of the hub that it is for")
    cursor = models.BigIntegerField(help_text="the message's arrival number here")
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    tries = models.IntegerField(default=0)
    next_at = models.BigIntegerField(default=0, help_text="not before, ms since 1970 UTC")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hub", "cursor"], name="parcel_once")]
        indexes = [models.Index(fields=["hub", "next_at"], name="parcel_by_hub")]
