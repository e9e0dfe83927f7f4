"""The currency of the invite tree (protocol.md section 8)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from peers.models import Account


class Balance(models.Model):
    """An account's invitations: what it was granted is what it has left plus what it has spent.

    Adding a user with n invites costs its parent 1 + n: one for the account, n that the child may spend. So over the
    whole tree accounts (the admin's not counted) + unspent invites = capacity, which is the admin's `granted`.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="balance")
    granted = models.BigIntegerField()
    unspent = models.BigIntegerField()
    spent = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(granted=F("unspent") + F("spent")), name="invites_conserved"),
            models.CheckConstraint(condition=Q(unspent__gte=0, spent__gte=0), name="invites_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.unspent} of {self.granted}"
