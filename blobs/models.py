"""Tables of blobs; their bytes are files (files.py)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from peers.models import Account


class Blob(models.Model):
    """A whole blob, or the trace of one that is gone: then its id is taken no more, and its file is not there."""

    ident = models.BinaryField(max_length=32, unique=True)
    size = models.BigIntegerField(help_text="bytes")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, help_text="who brought it")
    hub = models.BinaryField(max_length=32, null=True, help_text="key of the linked hub that it is a copy from")
    chunks = models.BinaryField(help_text="SHA-256 of each chunk, joined")
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    burn_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC")
    gone_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC; when it was deleted, burned, or dropped")

    class Meta:
        indexes = [
            models.Index(fields=["account"], name="blob_by_account"),
            models.Index(fields=["burn_at"], condition=Q(burn_at__isnull=False), name="blob_by_burn"),
            models.Index(fields=["created_at"], condition=Q(gone_at__isnull=True), name="blob_by_age"),
        ]

    def __str__(self) -> str:
        return bytes(self.ident).hex()[:16]


class Upload(models.Model):
    """A blob that is being brought. How far it has come is the size of its file."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False)
    ident = models.BinaryField(max_length=32)
    size = models.BigIntegerField(help_text="bytes")
    burn_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC")
    begun_at = models.BigIntegerField(help_text="ms since 1970 UTC")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "ident"], name="upload_once")]

    def __str__(self) -> str:
        return bytes(self.ident).hex()[:16]


class Asker(models.Model):
    """A linked hub that was given a blob, and is told when that is gone."""

    blob = models.ForeignKey(Blob, on_delete=models.CASCADE)
    hub = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "hub"], name="asker_once")]

    def __str__(self) -> str:
        return bytes(self.hub).hex()[:16]
