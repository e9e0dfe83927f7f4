"""Tables of the console: its entry and second factors, what the operator has set and refused, counts over time.

None of it is signed, and none of it replicates: it is this hub's own.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class EntryLink(models.Model):
    """A link that opens the console once; only the hash of its secret is kept."""

    digest = models.BinaryField(max_length=32, unique=True)
    expires_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    name = models.CharField(max_length=32, default="operator", help_text="who enters by it")
    role = models.CharField(max_length=16, default="operator", help_text="as what")

    class Meta:
        default_permissions = ()
        permissions = [
            ("see_people", "see people and what is about them"),
            ("see_hub", "see everything else"),
            ("moderate", "do what is about people"),
            ("operate", "do everything else"),
        ]


class Factor(models.Model):
    """A second factor of a console user: a passkey, or the secret of an authenticator app."""

    class Kind(models.TextChoices):
        """What the operator has at hand."""

        PASSKEY = "passkey", "Passkey"
        TOTP = "totp", "Authenticator app"

    owner = models.CharField(max_length=32, default="operator", help_text="the console user's name")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=64)
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    used_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC")
    is_confirmed = models.BooleanField(default=False, help_text="asked for from then on")
    secret = models.BinaryField(help_text="of an app: its secret, encrypted; of a passkey: its public key")
    credential = models.BinaryField(null=True, unique=True, help_text="of a passkey: its id")
    counter = models.BigIntegerField(default=0, help_text="of an app: the last time step used; of a passkey: its count")

    def __str__(self) -> str:
        return self.name


class Block(models.Model):
    """A device, by its key, or one certificate, by its serial, that the operator refuses on this hub."""

    client = models.BinaryField(max_length=32, null=True, unique=True)
    serial = models.BinaryField(max_length=16, null=True, unique=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(serial__isnull=True) ^ Q(client__isnull=True), name="block_names_one"),
        ]

    def __str__(self) -> str:
        return bytes(self.client or self.serial or b"").hex()[:16]


class Setting(models.Model):
    """A value that the operator has set; a setting without a row has its default."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()
    changed_at = models.BigIntegerField(help_text="ms since 1970 UTC")

    def __str__(self) -> str:
        return self.name


class AuditCheck(models.Model):
    """The one row that says when the hub's audit log was last checked, and what was found."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    entries = models.BigIntegerField(help_text="how many there were")
    fault = models.TextField(blank=True, help_text="the first thing that is wrong")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_audit_check")]


class DayCount(models.Model):
    """How many messages bear the date of a day (UTC), counted as they arrive; what is deleted or burned later stays."""

    day = models.IntegerField(primary_key=True, help_text="days since 1970 UTC")
    messages = models.BigIntegerField(default=0)


class Counted(models.Model):
    """The one row that says up to which arrival number messages are in DayCount."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    cursor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_counted")]


class Sample(models.Model):
    """What the hub was like in one minute; kept for two days."""

    minute = models.BigIntegerField(primary_key=True, help_text="minutes since 1970 UTC")
    people = models.IntegerField()
    bytes = models.BigIntegerField(help_text="of all messages held")
    sockets = models.IntegerField()
    stored = models.IntegerField(help_text="messages stored since the sample before")
    delivered = models.IntegerField(help_text="messages delivered since the sample before")
    refused = models.IntegerField(help_text="messages refused since the sample before")
