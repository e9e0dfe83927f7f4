"""`set_quota`: invites and allowances given to somebody further down, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from accord.keys import SigningKey
from accord.message_types import COUNT_LIMIT
from invites.checking import check_ledger
from invites.models import Balance, Movement
from invites.selectors import invite_of, standing_of
from messaging.admission import Right
from peers import options
from tests.factories import HOUR_MS, NOW, Hub, account_of, admitted, envelope, person, snapshot, store, take


def quota(hub: Hub, author: SigningKey, whose: SigningKey, **fields: Any) -> dict[str, Any]:
    created_at = fields.pop("created_at", NOW)
    return hub.control(author, "set_quota", {"pubkey": whose.public, **fields}, created_at=created_at)


def unspent(*keys: SigningKey) -> list[int]:
    return [Balance.objects.get(account=account_of(key)).unspent for key in keys]


def refused(code: str, value: dict[str, Any], *, now: int = NOW) -> None:
    before = snapshot()
    assert take(value, now=now) == [code]
    assert snapshot() == before


@pytest.fixture
def people(hub: Hub) -> list[SigningKey]:
    """Ann, bob below ann, carl below bob."""
    ann = hub.member("ann", invites=20)
    bob = hub.member("bob", by=ann, invites=10)
    return [ann, bob, hub.member("carl", by=bob, invites=5)]


def test_the_new_number_is_paid_by_whoever_gives(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, carl = people
    (result,), (stored,) = store(quota(hub, ann, carl, invites=8))
    assert result.status == "stored"
    assert stored.concerns == [carl.public]
    assert unspent(ann, bob, carl) == [6, 4, 8]
    assert take(quota(hub, ann, carl, invites=0, created_at=NOW + 1)) == ["stored"]
    assert unspent(ann, bob, carl) == [14, 4, 0]
    row = Movement.objects.filter(reason="grant").latest("pk")
    assert (bytes(row.from_key), bytes(row.to_key), row.amount) == (carl.public, ann.public, 8)
    assert bytes(row.message) != stored.id
    assert check_ledger().problems == []


def test_the_admin_gives_to_anybody(hub: Hub, people: list[SigningKey]) -> None:
    before = unspent(hub.admin)[0]
    assert take(quota(hub, hub.admin, people[2], invites=105)) == ["stored"]
    assert unspent(hub.admin, *people) == [before - 100, 9, 4, 105]
    assert check_ledger().problems == []


def test_nobody_gives_what_is_not_there(hub: Hub, people: list[SigningKey]) -> None:
    ann, _, carl = people
    refused("quota", quota(hub, ann, carl, invites=5 + 9 + 1))
    assert take(quota(hub, ann, carl, invites=5 + 9)) == ["stored"]
    assert unspent(ann, carl) == [0, 14]


def test_only_from_above(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, carl = people
    dora = hub.member("dora", invites=5)
    for author, whose in ((carl, bob), (bob, bob), (dora, carl), (bob, dora), (ann, hub.admin), (hub.admin, hub.admin)):
        refused("denied", quota(hub, author, whose, invites=0))
        refused("denied", quota(hub, author, whose, messages=5))
    refused("denied", quota(hub, person("stranger"), carl, invites=0))
    refused("denied", quota(hub, hub.temporary("guest", by=carl, invites=1), carl, invites=0))
    refused("not_found", quota(hub, ann, person("stranger"), invites=0))


def test_an_invite_that_waits_can_be_given_more_and_less(hub: Hub, people: list[SigningKey]) -> None:
    ann, guest = people[0], hub.temporary("guest", by=people[0], invites=2, expires=NOW + HOUR_MS)
    assert take(quota(hub, ann, guest, invites=4, messages=7, bytes=8)) == ["stored"]
    invite = invite_of(guest.public, now=NOW)
    assert invite
    assert (invite.invites, invite.messages_limit, invite.bytes_limit) == (4, 7, 8)
    assert check_ledger().problems == []
    bob = person("the new one")
    assert take(admitted(hub.claim(guest, bob, "newcomer"), Right.CLAIM)) == ["stored"]
    assert unspent(ann, bob) == [4, 4]
    assert standing_of(bob.public, now=NOW) == {
        "invites": 4, "messages_limit": 7, "messages_used": 0, "bytes_limit": 8, "bytes_used": 0,
    }  # fmt: skip
    assert check_ledger().problems == []


def test_an_expired_invite_is_given_nothing(hub: Hub, people: list[SigningKey]) -> None:
    guest = hub.temporary("guest", by=people[0], expires=NOW + HOUR_MS)
    refused("not_found", quota(hub, people[0], guest, invites=1, created_at=NOW + HOUR_MS), now=NOW + HOUR_MS)


# ---------------------------------------------------------------------------------------------------------- allowances


def said(hub: Hub, author: SigningKey, *texts: str) -> list[str]:
    return take(*(envelope(author, hub.lounge, text) for text in texts))


def test_an_allowance_is_counted_and_refused_when_it_is_used_up(hub: Hub, people: list[SigningKey]) -> None:
    ann, _, carl = people
    assert take(quota(hub, ann, carl, messages=2)) == ["stored"]
    assert said(hub, carl, "one", "two", "three") == ["stored", "stored", "quota"]
    assert standing_of(carl.public, now=NOW)["messages_used"] == 2  # type: ignore[index]
    assert take(quota(hub, ann, carl, messages=3, created_at=NOW + 1)) == ["stored"]
    assert said(hub, carl, "three", "four") == ["stored", "quota"]
    assert take(quota(hub, ann, carl, messages=COUNT_LIMIT, created_at=NOW + 2)) == ["stored"]
    assert said(hub, carl, "four", "five") == ["stored", "stored"]
    assert account_of(carl).messages_limit is None


def test_a_new_allowance_makes_the_reserve_whole_again(hub: Hub, people: list[SigningKey]) -> None:
    ann, _, carl = people
    mark = hub.control(carl, "contact.mark", {"pubkey": ann.public, "state": "muted"})
    assert take(quota(hub, ann, carl, messages=0)) == ["stored"]
    assert take(mark) == ["stored"]
    assert account_of(carl).reserve_used == 1
    assert take(quota(hub, ann, carl, invites=1, created_at=NOW + 1)) == ["stored"]
    assert account_of(carl).reserve_used == 1
    assert take(quota(hub, ann, carl, messages=0, created_at=NOW + 2)) == ["stored"]
    assert account_of(carl).reserve_used == 0


def test_it_is_said_when_counting_begins_anew(hub: Hub, people: list[SigningKey]) -> None:
    options.load({"allowance_reset": "day"})
    try:
        standing = standing_of(people[2].public, now=NOW)
    finally:
        options.load({})
    assert standing
    assert standing["resets_at"] == NOW - NOW % (24 * HOUR_MS) + 24 * HOUR_MS


def test_bytes_are_an_allowance_of_their_own(hub: Hub, people: list[SigningKey]) -> None:
    ann, _, carl = people
    size = admitted(envelope(carl, hub.lounge, "one")).message.size
    assert take(quota(hub, ann, carl, bytes=2 * size)) == ["stored"]
    assert said(hub, carl, "one", "two", "six") == ["stored", "stored", "quota"]
    assert account_of(carl).messages_limit is None


def test_a_limit_below_what_is_used_is_used_up(hub: Hub, people: list[SigningKey]) -> None:
    ann, _, carl = people
    assert said(hub, carl, "one", "two", "three") == ["stored"] * 3
    assert take(quota(hub, ann, carl, messages=1)) == ["stored"]
    row = account_of(carl)
    assert (row.messages_used, row.messages_limit) == (1, 1)
    assert said(hub, carl, "four") == ["quota"]


def test_a_limit_in_the_same_group_as_what_it_forbids(hub: Hub, people: list[SigningKey]) -> None:
    """Whatever the group was loaded with: the table's constraint refuses it, and then one at a time is right."""
    ann, _, carl = people
    assert take(quota(hub, ann, carl, messages=0)) == ["stored"]
    assert take(quota(hub, ann, carl, messages=1, created_at=NOW + 1), envelope(carl, hub.lounge, "x")) in (
        ["stored", "quota"],
        ["stored", "stored"],
    )
    row = account_of(carl)
    assert row.messages_limit == 1
    assert row.messages_used <= 1


def test_nobody_gives_a_larger_allowance_than_the_own_one(hub: Hub, people: list[SigningKey]) -> None:
    ann, bob, carl = people
    assert take(quota(hub, hub.admin, bob, messages=100, bytes=9_000)) == ["stored"]
    for fields in ({"messages": 101}, {"messages": COUNT_LIMIT}, {"bytes": 9_001}):
        refused("quota", quota(hub, bob, carl, **fields))
        refused("quota", hub.add_user(bob, person("dora").public, "dora", **fields))
    assert take(quota(hub, bob, carl, messages=100)) == ["stored"]
    dora = hub.member("dora", by=bob, messages=50)
    assert (account_of(dora).messages_limit, account_of(dora).bytes_limit) == (50, 9_000)
    assert take(quota(hub, ann, dora, messages=COUNT_LIMIT)) == ["stored"]  # ann has no limit
