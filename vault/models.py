"""Tables of the vault and the stores: ciphertext, and what must be known about it (protocol.md section 9)."""

from __future__ import annotations

import secrets
from typing import Final

from django.db import models
from django.db.models import Q

from peers.models import Account

MAX_ENCLAVES: Final = 256  # of an account
MAX_ENCLAVE_BYTES: Final = 16 * 1024 * 1024  # bodies of an account's enclaves together
MAX_SHARD_BYTES_A_DAY: Final = 32 * 1024 * 1024  # of an account
MAX_SHARD_BYTES: Final = 1024 * 1024 * 1024  # of all together


def _any_number() -> int:
    return secrets.randbits(63)


class Vault(models.Model):
    """An account's user enclave, and the hashes of what opens it. The hashes come first: they are read without it."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="vault")
    name = models.CharField(max_length=32, unique=True, help_text="by which it is opened")
    auth_hash = models.BinaryField(max_length=32, help_text="of what the password becomes")
    recovery_hash = models.BinaryField(
        max_length=32, null=True, help_text="of what the recovery code becomes; empty: there is none"
    )
    version = models.BigIntegerField(help_text="only grows")
    size = models.IntegerField(help_text="bytes of the enclave")
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    updated_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    enclave = models.BinaryField(help_text="as canonical JSON")

    def __str__(self) -> str:
        return self.name


class Attempt(models.Model):
    """How often somebody has tried to open the vault of a name, or from an address, within an hour (attempts.py)."""

    tag = models.BinaryField(primary_key=True, max_length=16, help_text="stands for the name or the address")
    tries = models.SmallIntegerField()
    since = models.BigIntegerField(db_index=True, help_text="ms since 1970 UTC: the first of them")
    heard_from = models.BigIntegerField(help_text="ms since 1970 UTC: when the next one is heard")


class Enclave(models.Model):
    """The newest version of a durable document. Its head stays when the body is emptied, so nothing is rolled back."""

    class Type(models.IntegerChoices):
        """Who reads it."""

        PRIVATE = 1, "private"
        EXCHANGE = 2, "key exchange"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="enclaves")
    ident = models.BinaryField(max_length=32, unique=True)
    type = models.SmallIntegerField(choices=Type.choices)
    version = models.BigIntegerField()
    key = models.BinaryField(max_length=32, help_text="that signs the next version")
    hash = models.BinaryField(max_length=32, help_text="of this version, for the next one to name")
    size = models.IntegerField(help_text="bytes of the body")
    updated_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    document = models.BinaryField(help_text="as canonical JSON")

    class Meta:
        indexes = [models.Index(fields=["account", "ident"], name="enclave_by_account")]

    def __str__(self) -> str:
        return bytes(self.ident).hex()[:16]


class Shard(models.Model):
    """A piece of ciphertext that burns. Nothing here leads to who brought it: no account, no hour, and the rows do not
    stand in the order in which they came.
    """

    number = models.BigIntegerField(primary_key=True, default=_any_number)
    ident = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the body")
    attach = models.BinaryField(max_length=32, help_text="the pseudonym that it hangs on")
    day = models.IntegerField(help_text="days since 1970 UTC: when it came")
    burn_at = models.BigIntegerField(db_index=True, help_text="ms since 1970 UTC")
    size = models.IntegerField(help_text="bytes of the body")
    body = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["day", "ident"], name="shard_by_day"),
            models.Index(fields=["attach", "ident"], name="shard_by_attach"),
        ]

    def __str__(self) -> str:
        return bytes(self.ident).hex()[:16]


class StoreUse(models.Model):
    """How much of the stores an account takes: its enclaves, and the bytes of shards that it has brought on a day."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="store_use")
    enclaves = models.IntegerField(default=0)
    enclave_bytes = models.BigIntegerField(default=0)
    day = models.IntegerField(default=0, help_text="days since 1970 UTC")
    day_bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(enclaves__gte=0, enclaves__lte=MAX_ENCLAVES), name="enclaves_bounded"),
            models.CheckConstraint(
                condition=Q(enclave_bytes__gte=0, enclave_bytes__lte=MAX_ENCLAVE_BYTES), name="enclave_bytes_bounded"
            ),
            models.CheckConstraint(
                condition=Q(day_bytes__gte=0, day_bytes__lte=MAX_SHARD_BYTES_A_DAY), name="day_bytes_bounded"
            ),
        ]


class ShardRoom(models.Model):
    """How much room all shards take: the one row of a hub."""

    bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_shard_room"),
            models.CheckConstraint(condition=Q(bytes__gte=0, bytes__lte=MAX_SHARD_BYTES), name="shards_bounded"),
        ]
