"""Who stands where in the invite tree: reads that several services share."""

from __future__ import annotations

from peers.models import Account


def ancestors_of(account: Account) -> list[tuple[int, bytes]]:
    """(id, user key) of the accounts above one, the inviter first, the admin last."""
    found = []
    above = account.parent_id
    while above is not None:
        parent_id, key = Account.objects.values_list("parent_id", "user__key").get(pk=above)
        found.append((above, bytes(key)))
        above = parent_id
    return found


def eligible_vouchers(account: Account) -> list[int]:
    """The accounts whose word counts for a new key of this one: those above it, and whom it has invited, as far as they
    are not frozen.
    """
    above = [pk for pk, _ in ancestors_of(account)]
    below = account.children.filter(kind=Account.Kind.REAL).values_list("pk", flat=True)
    return list(Account.objects.filter(pk__in=[*above, *below], frozen_at__isnull=True).values_list("pk", flat=True))
