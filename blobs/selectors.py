"""Reads of blobs."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from blobs import files
from blobs.models import Blob, Upload


def blob_held(ident: bytes) -> Blob | None:
    """A blob that is here, or the trace of one that is gone; None where nothing is known of it."""
    row = Blob.objects.filter(ident=ident).first()
    if row is not None and row.gone_at is None and not files.path_of(ident).exists():
        return None
    return row


def upload_of(account_id: int, ident: bytes) -> Upload | None:
    """What the account is bringing under this id."""
    return Upload.objects.filter(account_id=account_id, ident=ident).first()


def bytes_of(account_id: int) -> int:
    """How much room the account's blobs take, with what is announced."""
    held = Blob.objects.filter(account_id=account_id, gone_at=None).aggregate(all=Sum("size"))["all"] or 0
    coming = Upload.objects.filter(account_id=account_id).aggregate(all=Sum("size"))["all"] or 0
    return int(held + coming)


def blobs_of(account_id: int, *, before: int | None, limit: int) -> list[Blob]:
    """What the account has brought, the newest first."""
    rows = Blob.objects.filter(account_id=account_id, gone_at=None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the blobs held: how many, their bytes; of these copies from other hubs; how many will burn."""

    blobs: int
    bytes: int
    copies: int
    copies_bytes: int
    burning: int


def figures() -> Figures:
    """What is held."""
    is_copy = Q(hub__isnull=False)
    found = Blob.objects.filter(gone_at=None).aggregate(
        blobs=Count("pk"),
        bytes=Sum("size"),
        copies=Count("pk", filter=is_copy),
        copies_bytes=Sum("size", filter=is_copy),
        burning=Count("pk", filter=Q(burn_at__isnull=False)),
    )
    return Figures(**{name: int(value or 0) for name, value in found.items()})


def idents() -> list[bytes]:
    """The ids of all that is held."""
    return [bytes(ident) for ident in Blob.objects.filter(gone_at=None).values_list("ident", flat=True)]
