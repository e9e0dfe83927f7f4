"""Many at the same moment, each in a thread with a connection of its own: nobody wins twice, nothing is overspent.

On SQLite and on PostgreSQL, whose transactions run beside each other: there, what the hub's one writer keeps apart is
also tried without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import connection, connections, transaction
from pytest_django import DjangoDbBlocker

from accord.errors import AccordError
from accord.message_types import read_body
from accord.messages import parse_envelope, verify
from invites.checking import check_ledger
from invites.models import Balance, Invitation
from invites.selectors import tally
from invites.services import temporary_expire
from messaging.models import Store
from peers import registry
from peers.models import Account
from tests.factories import (
    HOUR_MS,
    NOW,
    Hub,
    account_of,
    admitted,
    check_totals,
    cursors,
    in_threads,
    install,
    person,
    take,
)
from tests.postgres import MISSING, is_left_out, postgresql

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 50
PATIENCE_SECONDS = 120  # of SQLite, until the others have written
DATABASES = ["sqlite"] if is_left_out() else ["sqlite", "postgresql"]

if is_left_out():

    def test_all_of_this_on_postgresql_too() -> None:
        pytest.skip(MISSING)


@pytest.fixture(scope="module", params=DATABASES)
def database(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """Django's database for as long as the tests with it take."""
    if request.param == "postgresql":
        with django_db_blocker.unblock(), postgresql():
            yield request.param
        return
    options = connections.settings["default"]["OPTIONS"]
    before = options["timeout"]
    options["timeout"] = PATIENCE_SECONDS
    yield request.param
    options["timeout"] = before


@pytest.fixture
def hub(database: str, transactional_db: None) -> Hub:
    """A fresh hub, which other threads see too."""
    assert connection.vendor == database
    return install()


def alone(value: dict[str, Any]) -> list[str]:
    """Do what a message says in a transaction of its own, without the lock of the store; gives the word for it."""
    message = verify(parse_envelope(value))
    try:
        with transaction.atomic():
            registry.store_handlers[message.type][0](message, read_body(message), NOW)
    except AccordError as error:
        return [error.code]
    return ["stored"]


def check_conserved() -> None:
    found = tally()
    assert found.accounts + found.unspent == found.capacity
    assert check_ledger().problems == []
    check_totals()
    assert cursors() == list(range(1, Store.objects.get().cursor + 1))


def test_one_invite_is_claimed_once(hub: Hub) -> None:
    temporary = hub.temporary("guest", invites=2)
    claims = [
        admitted(hub.claim(temporary, person(f"claimer {number}"), f"name-{number}")) for number in range(THREADS)
    ]
    words = in_threads([partial(take, claim) for claim in claims])
    assert Counter("".join(word) for word in words) == {"stored": 1, "denied": THREADS - 1}
    (winner,) = (number for number, word in enumerate(words) if word == ["stored"])
    account = Account.objects.get(kind="real")
    assert (bytes(account.user.key), account.name) == (person(f"claimer {winner}").public, f"name-{winner}")
    check_conserved()


def test_the_last_invites_are_spent_once(hub: Hub) -> None:
    ann, rng = hub.member("ann", invites=14), Random(1)
    costs = [rng.randrange(4) for _ in range(THREADS)]
    adds = [
        admitted(hub.add_user(ann, person(f"invited {number}").public, f"name-{number}", kind="temp", invites=invites))
        for number, invites in enumerate(costs)
    ]
    words = ["".join(word) for word in in_threads([partial(take, add) for add in adds])]
    assert set(words) == {"stored", "quota"}
    spent = sum(1 + invites for invites, word in zip(costs, words, strict=True) if word == "stored")
    balance = Balance.objects.get(account=account_of(ann))
    assert (balance.spent, balance.unspent) == (spent, 14 - spent)
    # Unspent invites only fell, so whoever was refused could not be paid from what is left either.
    assert all(1 + invites > balance.unspent for invites, word in zip(costs, words, strict=True) if word == "quota")
    check_conserved()


def test_one_name_goes_to_one_of_many(hub: Hub) -> None:
    temporaries = [hub.temporary(f"guest-{number}") for number in range(THREADS)]
    claims = [
        admitted(hub.claim(temporary, person(f"claimer {number}"), "ann"))
        for number, temporary in enumerate(temporaries)
    ]
    words = in_threads([partial(take, claim) for claim in claims])
    assert Counter("".join(word) for word in words) == {"stored": 1, "conflict": THREADS - 1}
    assert Account.objects.filter(name="ann", kind="real").count() == 1
    assert Account.objects.filter(kind="temp").count() == THREADS - 1
    check_conserved()


def test_expiry_gives_back_once(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    for number in range(3):
        hub.temporary(f"guest-{number}", by=ann, invites=2, expires=NOW + HOUR_MS)
    counts = in_threads([partial(temporary_expire, now=NOW + HOUR_MS)] * 8)
    assert sorted(counts) == [0] * 7 + [3]
    assert Balance.objects.get(account=account_of(ann)).unspent == 9
    check_conserved()


@pytest.mark.parametrize("expires", [False, True], ids=["in time", "while it expires"])
def test_an_invite_is_claimed_or_withdrawn(hub: Hub, expires: bool) -> None:
    """Claims, withdrawals by both ancestors and the sweep at the same moment: exactly one has its way."""
    ann = hub.member("ann", invites=9)
    temporary = hub.temporary("guest", by=ann, invites=2, expires=NOW + HOUR_MS)
    claims = [admitted(hub.claim(temporary, person(f"claimer {n}"), f"name-{n}")) for n in range(8)]
    removals = [
        admitted(hub.remove(by, temporary.public, created_at=NOW + n)) for n in range(8) for by in (ann, hub.admin)
    ]
    jobs = [partial(take, item) for item in [*claims, *removals]]
    sweep = [partial(temporary_expire, now=NOW + HOUR_MS)] * 4 if expires else []
    found = in_threads([*jobs, *sweep])
    words, swept = ["".join(word) for word in found[: len(jobs)]], sum(found[len(jobs) :])
    assert words.count("stored") + swept == 1
    invite = Invitation.objects.get()
    claimed, withdrawn = words[: len(claims)].count("stored"), words[len(claims) :].count("stored")
    assert invite.state == ("claimed" if claimed else "withdrawn" if withdrawn else "expired")
    assert set(words[: len(claims)]) <= {"stored", "denied"}
    assert set(words[len(claims) :]) <= {"stored", "unsupported" if claimed else "not_found", "not_found"}
    assert Balance.objects.get(account=account_of(ann)).unspent == (6 if claimed else 9)
    assert Account.objects.filter(kind="temp").count() == 0
    check_conserved()


@pytest.mark.parametrize("do", [take, alone], ids=["one writer", "side by side"])
def test_fifty_deeds_of_all_kinds(hub: Hub, do: Callable[[dict[str, Any]], list[str]]) -> None:
    """Adding, claiming, withdrawing, giving and expiring, each more often than there is room for."""
    ann, bob = hub.member("ann", invites=60), hub.member("bob", invites=3)
    waiting = [hub.temporary(f"waiting-{n}", by=ann, invites=1, expires=NOW + HOUR_MS) for n in range(4)]
    left = Balance.objects.get(account=account_of(ann)).unspent
    ann_gives = [
        hub.control(ann, "set_quota", {"pubkey": waiting[n % 4].public, "invites": n}, created_at=NOW + n)
        for n in range(6)
    ]
    deeds = [
        *(hub.add_user(ann, person(f"new {n}").public, f"new-{n}", invites=n % 5) for n in range(14)),
        *(hub.add_user(bob, person(f"temp {n}").public, f"temp-{n}", kind="temp") for n in range(6)),
        *(hub.claim(waiting[n % 4], person(f"claimer {n}"), f"claimer-{n}") for n in range(12)),
        *(hub.remove(by, waiting[n].public, created_at=NOW + n) for n in range(4) for by in (ann, hub.admin)),
        *ann_gives,
    ]
    sweep = [partial(temporary_expire, now=NOW + HOUR_MS)] * (THREADS - len(deeds))
    order = [partial(do, deed) for deed in deeds]
    Random(2).shuffle(order)
    in_threads([*order, *sweep])
    rows = {bytes(row.key): row for row in Invitation.objects.all()}
    assert all(rows[key.public].state in ("claimed", "withdrawn", "expired", "waiting") for key in waiting)
    claimed = sum(row.state == "claimed" for row in rows.values())
    assert Account.objects.filter(name__startswith="claimer-").count() == claimed
    assert Balance.objects.get(account=account_of(bob)).unspent == 0
    ann_now = Balance.objects.get(account=account_of(ann))
    assert (ann_now.granted, ann_now.unspent >= 0, left) == (60, True, 52)
    found = tally()
    assert found.accounts + found.unspent == found.capacity == 1_000
    assert check_ledger().problems == []


def test_one_invite_is_claimed_once_side_by_side(hub: Hub) -> None:
    guest = hub.temporary("guest", invites=2)
    claims = [hub.claim(guest, person(f"claimer {n}"), f"name-{n}") for n in range(THREADS)]
    words = in_threads([partial(alone, claim) for claim in claims])
    assert Counter("".join(word) for word in words) == {"stored": 1, "denied": THREADS - 1}
    assert check_ledger().problems == []


def test_the_last_invites_are_spent_once_side_by_side(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    adds = [hub.add_user(ann, person(f"new {n}").public, f"name-{n}") for n in range(THREADS)]
    words = in_threads([partial(alone, add) for add in adds])
    assert Counter("".join(word) for word in words) == {"stored": 9, "quota": THREADS - 9}
    assert check_ledger().problems == []
