"""What the database refuses by itself, whatever the code above it does."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, ProtectedError

from invites.models import Balance, Invitation
from peers.models import Account, User
from tests.factories import HOUR_MS, NOW, Hub, account_of, person


def refused(**changes: Any) -> None:
    """Each of these changes of all balances is refused."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Balance.objects.update(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"unspent": F("unspent") + 1},
        {"unspent": F("unspent") - 1},
        {"spent": F("spent") + 1},
        {"granted": F("granted") + 1},
        {"unspent": -1, "spent": F("granted") + 1},
        {"unspent": F("granted") + 1, "spent": -1},
        {"granted": -1, "unspent": -1, "spent": 0},
    ],
    ids=str,
)
def test_a_balance_is_conserved_and_never_negative(hub: Hub, changes: dict[str, Any]) -> None:
    hub.member("ann", invites=3)
    refused(**changes)


def test_plain_sql_meets_the_same_constraints(hub: Hub) -> None:
    for statement in ("UPDATE invites_balance SET unspent = unspent - 1", "UPDATE invites_balance SET granted = 0"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_account_has_one_balance(hub: Hub) -> None:
    account = account_of(hub.member("ann", invites=3))
    with pytest.raises(IntegrityError), transaction.atomic():
        Balance.objects.create(account=account, granted=0, unspent=0)


def account(hub: Hub, **fields: Any) -> Account:
    user, _ = User.objects.get_or_create(key=person("new").public)
    parent = Account.objects.get(kind="admin")
    return Account.objects.create(
        **{"user": user, "name": "new", "kind": "real", "parent": parent, "created_at": NOW} | fields
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "admin", "parent": None},
        {"kind": "admin"},
        {"parent": None},
        {"kind": "temp"},
        {"expires_at": NOW + HOUR_MS},
        {"kind": "temp", "parent": None, "expires_at": NOW + HOUR_MS},
        {"name": "ann"},
        {"name": "admin"},
        {"messages_used": -1},
        {"bytes_used": -1},
        {"messages_limit": 1, "messages_used": 2},
        {"bytes_limit": 99, "bytes_used": 100},
        {"reserve_used": -1},
        {"reserve_used": 101},
    ],
    ids=str,
)
def test_accounts_that_cannot_be(hub: Hub, fields: dict[str, Any]) -> None:
    hub.member("ann")
    with pytest.raises(IntegrityError), transaction.atomic():
        account(hub, **fields)


def test_the_account_that_the_others_are_compared_with_can_be(hub: Hub) -> None:
    assert account(hub, messages_limit=2, messages_used=2, bytes_limit=9, bytes_used=9).pk


def test_a_key_has_one_account(hub: Hub) -> None:
    ann = account_of(hub.member("ann"))
    with pytest.raises(IntegrityError), transaction.atomic():
        account(hub, user=ann.user)


def test_an_account_with_children_cannot_be_deleted(hub: Hub) -> None:
    ann = hub.member("ann", invites=1)
    hub.member("bob", by=ann)
    with pytest.raises(ProtectedError):
        account_of(ann).delete()


@pytest.mark.parametrize(
    "changes",
    [
        {"ended_at": NOW},
        {"state": "claimed", "ended_at": NOW},
        {"state": "expired"},
        {"state": "withdrawn", "ended_at": NOW, "claimed_by": "somebody"},
    ],
    ids=str,
)
def test_invites_that_cannot_be(hub: Hub, changes: dict[str, Any]) -> None:
    hub.temporary("guest")
    if "claimed_by" in changes:
        changes = {**changes, "claimed_by": User.objects.get(key=hub.admin.public)}
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.update(**changes)


def test_a_key_waits_once(hub: Hub) -> None:
    hub.temporary("guest")
    row = Invitation.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
