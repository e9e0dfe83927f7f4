"""The books of the currency, one movement at a time, and what the check finds when somebody has changed a table."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from accord.errors import AccordError
from invites import ledger
from invites.checking import check_ledger
from invites.ledger import Reason
from invites.models import Balance, Invitation, Movement
from invites.services import temporary_expire
from tests.factories import HOUR_MS, NOW, Hub, account_of, ident_of, person, take

ID = bytes(range(32))


def moves(reason: str) -> list[tuple[str, bytes, str, bytes, int]]:
    rows = Movement.objects.filter(reason=reason).order_by("pk")
    return [(row.from_book, bytes(row.from_key), row.to_book, bytes(row.to_key), row.amount) for row in rows]


def balance(key: Any) -> tuple[int, int, int]:
    row = Balance.objects.get(account=account_of(key))
    return row.granted, row.unspent, row.spent


def test_every_movement_says_which_message_caused_it(hub: Hub) -> None:
    ann, guest, bob = hub.member("ann", invites=9), person("guest"), person("bob")
    invite = hub.add_user(ann, guest.public, "guest", kind="temp", invites=2)
    claim = hub.claim(guest, bob, "bob")
    assert take(invite, claim) == ["stored", "stored"]
    assert moves("add") == [
        ("wallet", hub.admin.public, "slot", ann.public, 1),
        ("wallet", hub.admin.public, "wallet", ann.public, 9),
    ]
    assert moves("invite") == [("wallet", ann.public, "escrow", guest.public, 3)]
    assert moves("claim") == [
        ("escrow", guest.public, "slot", bob.public, 1),
        ("escrow", guest.public, "wallet", bob.public, 2),
    ]
    causes = {row.reason: row.message and bytes(row.message) for row in Movement.objects.all()}
    assert (causes["invite"], causes["claim"]) == (ident_of(invite), ident_of(claim))
    assert causes["install"] is None
    assert check_ledger().problems == []


def test_what_waited_comes_back_when_it_expires_or_is_withdrawn(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    one = hub.temporary("one", by=ann, invites=2, expires=NOW + HOUR_MS)
    two = hub.temporary("two", by=ann, expires=NOW + HOUR_MS)
    assert take(hub.remove(ann, one.public)) == ["stored"]
    assert temporary_expire(now=NOW + HOUR_MS) == 1
    assert moves("withdraw") == [("escrow", one.public, "wallet", ann.public, 3)]
    assert moves("expire") == [("escrow", two.public, "wallet", ann.public, 1)]
    assert balance(ann) == (9, 9, 0)
    assert check_ledger().problems == []


def test_a_refused_message_moves_nothing(hub: Hub) -> None:
    ann = hub.member("ann", invites=1)
    before = Movement.objects.count()
    assert take(hub.add_user(ann, person("bob").public, "bob", invites=1)) == ["quota"]
    assert take(hub.add_user(ann, person("bob").public, "ann")) == ["conflict"]
    assert Movement.objects.count() == before


@pytest.fixture
def chain(hub: Hub) -> list[Any]:
    """The admin, ann, bob and carl, each below the one before, and an invite of carl's that waits."""
    ann = hub.member("ann", invites=20)
    bob = hub.member("bob", by=ann, invites=10)
    carl = hub.member("carl", by=bob, invites=5)
    hub.temporary("guest", by=carl, invites=1)
    return [hub.admin, ann, bob, carl]


def test_a_grant_keeps_every_balance_on_the_way_true(hub: Hub, chain: list[Any]) -> None:
    _, ann, bob, carl = chain
    with transaction.atomic():
        ledger.grant(account_of(ann).pk, account_of(carl), 4, message_id=ID, now=NOW)
    assert [balance(key) for key in (ann, bob, carl)] == [(20, 5, 15), (14, 4, 10), (9, 7, 2)]
    assert moves("grant") == [("wallet", ann.public, "wallet", carl.public, 4)]
    with transaction.atomic():
        ledger.grant(account_of(ann).pk, account_of(carl), -7, message_id=ID, now=NOW)
    assert [balance(key) for key in (ann, bob, carl)] == [(20, 12, 8), (7, 4, 3), (2, 0, 2)]
    assert check_ledger().problems == []


@pytest.mark.parametrize(
    ("sender", "receiver", "difference", "code"),
    [
        (1, 3, 10, "quota"),
        (1, 3, -4, "quota"),
        (3, 1, 1, "denied"),
        (1, 1, 1, "denied"),
        (2, 0, -1, "denied"),
    ],
)
def test_a_grant_is_of_what_is_there_and_from_above(
    hub: Hub, chain: list[Any], sender: int, receiver: int, difference: int, code: str
) -> None:
    with pytest.raises(AccordError, match=code), transaction.atomic():
        ledger.grant(account_of(chain[sender]).pk, account_of(chain[receiver]), difference, message_id=ID, now=NOW)
    assert check_ledger().problems == []


def test_an_account_goes_and_its_children_are_adopted(hub: Hub, chain: list[Any]) -> None:
    _, ann, bob, carl = chain
    going, child, parent = account_of(bob), account_of(carl), account_of(ann)
    with transaction.atomic():
        ledger.adopt(child, from_=going.pk, to=parent.pk)
        child.parent = parent
        child.save(update_fields=["parent"])
        ledger.give_back(going, to=parent.pk, message_id=ID, reason=Reason.REMOVE, now=NOW)
        going.delete()
    assert [balance(key) for key in (ann, carl)] == [(20, 14, 6), (5, 3, 2)]
    assert moves("remove") == [
        ("slot", bob.public, "wallet", ann.public, 1),
        ("wallet", bob.public, "wallet", ann.public, 4),
    ]
    assert check_ledger().problems == []


@pytest.mark.parametrize("to", [0, 1])
def test_a_branch_goes_whole_to_its_parent_or_above(hub: Hub, chain: list[Any], to: int) -> None:
    going = [account_of(key) for key in (chain[2], chain[3], person("guest"))]
    with transaction.atomic():
        amount = ledger.give_back_branch(
            going[0], going, to=account_of(chain[to]).pk, message_id=ID, reason=Reason.REMOVE, now=NOW
        )
        assert amount == 11
        Invitation.objects.update(state="withdrawn", ended_at=NOW)
        for account in reversed(going):
            account.delete()
    assert balance(chain[1]) == ((20, 20, 0) if to == 1 else (9, 9, 0))
    assert check_ledger().problems == []


def test_half_a_branch_is_not_given_back(hub: Hub, chain: list[Any]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.give_back(account_of(chain[2]), to=account_of(chain[1]).pk, message_id=ID, reason=Reason.REMOVE, now=NOW)


def test_an_account_goes_on_under_another_key(hub: Hub, chain: list[Any]) -> None:
    account, new = account_of(chain[3]), person("carl again")
    with transaction.atomic():
        ledger.rename(account, old=chain[3].public, new=new.public, message_id=ID, now=NOW)
        account.user.key = new.public
        account.user.save()
    assert check_ledger().problems == []


def test_the_capacity_grows_and_shrinks_by_what_the_admin_has(hub: Hub, chain: list[Any]) -> None:
    with transaction.atomic():
        assert ledger.capacity_change(2_000, now=NOW) == 1_000
        assert ledger.capacity_change(21, now=NOW) == 2_000
        assert ledger.capacity_change(21, now=NOW) == 21
    assert [row[-1] for row in moves("capacity")] == [1_000, 1_979]
    with pytest.raises(AccordError, match="quota"), transaction.atomic():
        ledger.capacity_change(20, now=NOW)
    assert check_ledger().problems == []


def test_a_movement_is_never_changed(hub: Hub) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Movement.objects.update(amount=F("amount") + 1)
    for fields in ({"amount": 0}, {"amount": -1}, {"to_book": "mint", "to_key": b""}):
        row = Movement(at=NOW, reason="grant", from_book="mint", from_key=b"", to_book="wallet", to_key=ID, amount=1)
        for name, value in fields.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


def test_a_movement_is_never_taken_away(hub: Hub) -> None:
    """The trigger is not in the tests' database, which is emptied row by row."""
    with connection.cursor() as cursor:
        cursor.execute(importlib.import_module("invites.migrations.0008_movements_stay").STAY_SQLITE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Movement.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER invites_movement_no_delete")


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM invites_movement WHERE reason = 'claim' OR reason = 'invite'", "escrow of guest"),
        ("DELETE FROM invites_movement WHERE reason = 'install'", "the mint"),
        ("UPDATE invites_balance SET unspent = unspent + 1, granted = granted + 1", "are not the capacity"),
        (
            "UPDATE invites_balance SET unspent = unspent + 1, spent = spent - 1 WHERE spent > 0",
            "those below are worth",
        ),
        (
            "UPDATE peers_account SET parent_id = (SELECT id FROM peers_account WHERE kind = 'admin') "
            "WHERE name = 'carl'",
            "The branch of bob",
        ),
        (
            "DELETE FROM invites_balance WHERE account_id = (SELECT id FROM peers_account WHERE name = 'guest')",
            "guest has an account, but no balance",
        ),
        ("DELETE FROM invites_invitation", "no invite with 1 invites waits behind it"),
        (
            "INSERT INTO invites_movement (at, reason, from_book, from_key, to_book, to_key, amount) "
            "VALUES (0, 'grant', 'wallet', x'00', 'wallet', x'01', 5)",
            "holds less than nothing: -5",
        ),
    ],
)
def test_the_check_finds_what_was_changed_behind_its_back(
    hub: Hub, chain: list[Any], statement: str, says: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert says in " ".join(check_ledger().problems)


def test_a_hub_that_exists_already_opens_its_books(hub: Hub, chain: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM invites_movement")
    assert check_ledger().problems != []
    importlib.import_module("invites.migrations.0003_ledger").open_books(apps, None)
    assert set(Movement.objects.values_list("reason", "from_book")) == {("opening", "mint")}
    assert check_ledger().problems == []
