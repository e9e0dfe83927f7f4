"""Reads of the invite tree."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Sum

from invites.models import Balance
from peers.models import Account


@dataclass(frozen=True, slots=True)
class Tally:
    """The whole currency of a hub: `accounts` without the admin's, temporary ones included."""

    capacity: int
    accounts: int
    unspent: int


def tally() -> Tally:
    """Count the currency; accounts + unspent = capacity at every moment."""
    capacity = Balance.objects.filter(account__kind=Account.Kind.ADMIN).values_list("granted", flat=True).first()
    return Tally(
        capacity=capacity or 0,
        accounts=Account.objects.exclude(kind=Account.Kind.ADMIN).count(),
        unspent=Balance.objects.aggregate(total=Sum("unspent"))["total"] or 0,
    )


def has_members() -> bool:
    """Whether anybody but the admin has joined."""
    return Account.objects.filter(kind=Account.Kind.REAL).exists()


def is_pending(temporary: bytes, *, now: int) -> bool:
    """Whether the invite with this temporary key can still be claimed at `now` (ms)."""
    return Account.objects.filter(user__key=temporary, kind=Account.Kind.TEMP, expires_at__gt=now).exists()
