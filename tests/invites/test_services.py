"""Invites by signed messages, one case at a time: who may, what it costs, what is refused and with which code."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from accord.invites import make_proof
from accord.message_types import TEMPORARY_LIFE_MS
from invites.models import Balance, Invitation
from invites.selectors import Claimed, has_members, invite_of, invites_of, is_pending, tally, unspent
from invites.services import temporary_expire
from messaging.admission import Right
from messaging.models import Topic
from peers.keyring import keyring
from peers.selectors import member_of
from tests.factories import HOUR_MS, NOW, Hub, account_of, admitted, person, snapshot, store, take


def balance(key: Any) -> tuple[int, int, int]:
    row = Balance.objects.get(account=account_of(key))
    return row.granted, row.unspent, row.spent


def refused(code: str, value: dict[str, Any], *, now: int = NOW) -> None:
    """The message is refused with that code and changes nothing."""
    before = snapshot()
    assert take(value, now=now) == [code]
    assert snapshot() == before


def test_a_new_hub_has_its_whole_capacity(hub: Hub) -> None:
    found = tally()
    assert (found.capacity, found.accounts, found.unspent) == (settings.ACCORD_CAPACITY, 0, settings.ACCORD_CAPACITY)
    assert not has_members()


def test_adding_a_user_costs_one_and_its_invites(hub: Hub) -> None:
    ann = hub.member("ann", invites=5, messages=10, bytes=1000)
    bob = hub.member("bob", by=ann, invites=2)
    assert balance(ann) == (5, 2, 3)
    assert balance(bob) == (2, 2, 0)
    row = account_of(ann)
    assert (row.kind, row.messages_limit, row.bytes_limit, row.expires_at) == ("real", 10, 1000, None)
    assert account_of(bob).parent == row
    assert has_members()


@pytest.mark.parametrize(("invites", "word"), [(2, "stored"), (3, "quota"), (2**53 - 1, "quota")])
def test_exactly_what_is_left_can_be_spent(hub: Hub, invites: int, word: str) -> None:
    ann = hub.member("ann", invites=3)
    assert take(hub.add_user(ann, person("bob").public, "bob", invites=invites)) == [word]


def test_a_member_without_invites_adds_nobody(hub: Hub) -> None:
    refused("quota", hub.add_user(hub.member("ann"), person("bob").public, "bob"))


def test_a_stranger_and_a_temporary_account_add_nobody(hub: Hub) -> None:
    guest = hub.temporary("guest", invites=3)
    refused("denied", hub.add_user(person("stranger"), person("bob").public, "bob"))
    refused("denied", hub.add_user(guest, person("bob").public, "bob"))


@pytest.mark.parametrize("name", ["ann", "admin", "guest"])
def test_a_name_is_taken_once(hub: Hub, name: str) -> None:
    hub.member("ann")
    hub.temporary("guest")
    refused("conflict", hub.add_user(hub.admin, person("bob").public, name))


def test_a_key_is_taken_once(hub: Hub) -> None:
    for key in (hub.member("ann"), hub.temporary("guest"), hub.admin):
        refused("conflict", hub.add_user(hub.admin, key.public, "other"))


def test_the_hubs_own_key_is_no_users(hub: Hub) -> None:
    refused("denied", hub.add_user(hub.admin, hub.key, "other"))
    guest = hub.temporary("guest")
    refused("denied", hub.claim(guest, keyring().hub, "other"))


@pytest.mark.parametrize(
    ("expires", "word"),
    [
        (NOW, "bad_request"),
        (NOW + 1, "stored"),
        (NOW + TEMPORARY_LIFE_MS, "stored"),
        (NOW + TEMPORARY_LIFE_MS + 1, "bad_request"),
    ],
)
def test_a_temporary_account_lives_at_most_72_hours(hub: Hub, expires: int, word: str) -> None:
    assert take(hub.add_user(hub.admin, person("guest").public, "guest", kind="temp", expires=expires)) == [word]


def test_only_a_temporary_account_expires(hub: Hub) -> None:
    refused("bad_request", hub.add_user(hub.admin, person("bob").public, "bob", expires=NOW + HOUR_MS))


def test_a_claim_hands_the_account_over(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    guest, bob = hub.temporary("guest", by=ann, invites=4), person("bob")
    before = account_of(guest)
    (result,), (stored,) = store(hub.claim(guest, bob, "bob"))
    assert result.status == "stored"
    assert set(stored.concerns) == {bob.public, ann.public}
    after = account_of(bob)
    assert (after.pk, after.name, after.kind, after.expires_at) == (before.pk, "bob", "real", None)
    assert balance(bob) == (4, 4, 0)
    assert balance(ann) == (9, 4, 5)
    assert member_of(guest.public, now=NOW) is None
    assert not is_pending(guest.public, now=NOW)
    assert Topic.objects.filter(ident=bob.public).count() == 2
    assert take(hub.claim(guest, person("carl"), "carl")) == ["denied"]


def test_a_claim_may_leave_the_name_as_it_is(hub: Hub) -> None:
    bob = person("bob")
    assert take(hub.claim(hub.temporary("guest"), bob)) == ["stored"]
    assert account_of(bob).name == "guest"


def test_a_temporary_session_may_claim_and_no_more(hub: Hub) -> None:
    guest = hub.temporary("guest")
    assert take(admitted(hub.claim(guest, person("bob"), "bob"), Right.CLAIM)) == ["stored"]


def test_an_invite_that_allows_little_can_be_claimed(hub: Hub) -> None:
    guest, bob = hub.temporary("guest", messages=0, bytes=0), person("bob")
    assert take(admitted(hub.claim(guest, bob, "bob"), Right.CLAIM)) == ["stored"]
    row = account_of(bob)
    assert (row.messages_limit, row.messages_used, row.bytes_limit, row.bytes_used) == (0, 0, 0, 0)


def test_a_claim_needs_the_new_keys_proof_for_this_account_and_this_hub(hub: Hub) -> None:
    guest, bob = hub.temporary("guest"), person("bob")
    for proof in (
        make_proof(guest, hub=hub.key, temp=guest.public),
        make_proof(bob, hub=bob.public, temp=guest.public),
        make_proof(bob, hub=hub.key, temp=bob.public),
        bytes(64),
    ):
        refused("bad_sig", hub.claim(guest, bob, "bob", proof=proof))
    assert take(hub.claim(guest, bob, "bob")) == ["stored"]


@pytest.mark.parametrize(("now", "word"), [(NOW + HOUR_MS - 1, "stored"), (NOW + HOUR_MS, "denied")])
def test_a_claim_is_good_until_the_invite_expires(hub: Hub, now: int, word: str) -> None:
    guest = hub.temporary("guest", expires=NOW + HOUR_MS)
    assert is_pending(guest.public, now=now) == (word == "stored")
    assert take(hub.claim(guest, person("bob"), "bob", created_at=now), now=now) == [word]


def test_a_claim_takes_no_name_or_key_of_another(hub: Hub) -> None:
    ann, guest = hub.member("ann"), hub.temporary("guest")
    hub.temporary("other")
    for key, name in ((person("bob"), "ann"), (person("bob"), "other"), (ann, "bob"), (hub.admin, "bob")):
        refused("conflict", hub.claim(guest, key, name))
    assert take(hub.claim(guest, person("bob"), "bob")) == ["stored"]


def test_a_claim_is_by_a_fresh_key(hub: Hub) -> None:
    """Whoever has seen the link has the temporary key: the account must not stay with it."""
    guest = hub.temporary("guest")
    refused("denied", hub.claim(guest, guest, "bob"))


def test_a_claimed_account_and_a_stranger_claim_nothing(hub: Hub) -> None:
    refused("bad_request", hub.claim(hub.member("ann"), person("bob"), "bob"))
    refused("bad_sig", hub.claim(person("ann"), person("bob")))
    refused("denied", hub.claim(hub.admin, person("bob")))
    refused("denied", hub.claim(person("stranger"), person("bob"), "bob"))


def test_a_refused_message_among_good_ones_leaves_no_trace_of_itself(hub: Hub) -> None:
    ann = hub.member("ann", invites=1)
    values = [
        hub.add_user(ann, person("bob").public, "bob", kind="temp"),
        hub.add_user(ann, person("carl").public, "carl", kind="temp"),
        hub.claim(person("bob"), person("bob at home"), "bob"),
    ]
    assert take(*values) == ["stored", "quota", "stored"]
    assert balance(ann) == (1, 0, 1)
    assert member_of(person("carl").public, now=NOW) is None


def test_what_nobody_claims_in_time_returns_to_the_parent(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    hub.temporary("soon", by=ann, invites=3, expires=NOW + 1)
    later = hub.temporary("later", by=ann, invites=1, expires=NOW + 2)
    claimed = hub.temporary("claimed", by=ann, expires=NOW + 1)
    assert take(hub.claim(claimed, person("bob"), "bob")) == ["stored"]
    assert temporary_expire(now=NOW + 1) == 1
    assert balance(ann) == (9, 6, 3)
    assert member_of(later.public, now=NOW + 1) is not None
    assert member_of(person("bob").public, now=NOW + 1) is not None
    # Name and key are free again.
    assert take(hub.add_user(ann, person("soon").public, "soon", kind="temp")) == ["stored"]


# ---------------------------------------------------------------------------------------------------------- withdrawal


@pytest.mark.parametrize("mode", ["subtree", "reparent"])
@pytest.mark.parametrize("by", ["giver", "giver's giver", "admin"])
def test_any_ancestor_withdraws_an_invite(hub: Hub, by: str, mode: str) -> None:
    ann = hub.member("ann", invites=9)
    bob = hub.member("bob", by=ann, invites=5)
    temporary = hub.temporary("guest", by=bob, invites=2)
    assert balance(bob) == (5, 2, 3)
    author = {"giver": bob, "giver's giver": ann, "admin": hub.admin}[by]
    assert take(hub.remove(author, temporary.public, mode=mode)) == ["stored"]
    assert balance(bob) == (5, 5, 0)
    assert balance(ann) == (9, 3, 6)
    assert member_of(temporary.public, now=NOW) is None
    refused("denied", hub.claim(temporary, person("carl"), "carl"))
    refused("not_found", hub.remove(author, temporary.public, mode=mode, created_at=NOW + 1))
    # Name and key are free again.
    assert take(hub.add_user(ann, temporary.public, "guest", kind="temp", created_at=NOW + 1)) == ["stored"]


def test_who_does_not_stand_above_removes_nobody(hub: Hub) -> None:
    ann, carl = hub.member("ann", invites=9), hub.member("carl", invites=9)
    bob = hub.member("bob", by=ann, invites=1)
    temporary = hub.temporary("guest", by=ann)
    for author in (carl, bob, person("stranger"), temporary):
        refused("denied", hub.remove(author, temporary.public))
    refused("denied", hub.remove(bob, ann.public))
    refused("denied", hub.remove(ann, hub.admin.public))
    refused("denied", hub.remove(ann, ann.public))


def test_an_invite_that_was_claimed_is_withdrawn_no_more(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    temporary = hub.temporary("guest", by=ann)
    assert take(hub.claim(temporary, person("bob"), "bob")) == ["stored"]
    refused("not_found", hub.remove(ann, temporary.public))
    refused("not_found", hub.remove(hub.admin, person("nobody").public))


def test_a_removal_concerns_the_invite_and_whoever_gave_it(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    temporary = hub.temporary("guest", by=ann)
    _, (stored,) = store(hub.remove(hub.admin, temporary.public))
    assert sorted(stored.concerns) == sorted([temporary.public, ann.public])


def test_what_became_of_my_invites(hub: Hub) -> None:
    ann = hub.member("ann", invites=20)
    account = account_of(ann).pk
    names = ("claimed", "withdrawn", "expired", "overdue", "waiting")
    ends = {"expired": NOW + 1, "overdue": NOW + 5}
    keys = {name: hub.temporary(name, by=ann, invites=1, expires=ends.get(name, NOW + HOUR_MS)) for name in names}
    hub.temporary("other", by=hub.admin)
    assert take(hub.claim(keys["claimed"], person("bob"), "bob")) == ["stored"]
    assert take(hub.remove(ann, keys["withdrawn"].public), now=NOW) == ["stored"]
    assert temporary_expire(now=NOW + 2) == 1
    rows = {row.key: row for row in invites_of(account, now=NOW + 5, limit=10)}
    assert list(rows) == [keys[name].public for name in reversed(names)]
    found = {name: rows[keys[name].public] for name in names}
    assert {name: row.state for name, row in found.items()} == {**{name: name for name in names}, "overdue": "expired"}
    assert found["claimed"].claimed_by == Claimed(person("bob").public, "bob")
    assert {name: row.ended_at for name, row in found.items()} == {
        "claimed": NOW,
        "withdrawn": NOW,
        "expired": NOW + 2,
        "overdue": NOW + 5,
        "waiting": None,
    }
    assert unspent(account) == 20 - 2 * 3  # claimed, overdue, waiting
    page = invites_of(account, now=NOW, limit=2)
    assert [row.key for row in invites_of(account, now=NOW, limit=9, before=page[-1].pk)] == [
        keys[name].public for name in ("expired", "withdrawn", "claimed")
    ]
    assert invite_of(keys["waiting"].public, now=NOW, account_id=account) is not None
    assert invite_of(keys["waiting"].public, now=NOW, account_id=account + 1) is None


def test_a_real_account_is_no_invite(hub: Hub) -> None:
    hub.member("ann", invites=3)
    assert not Invitation.objects.exists()


def test_an_account_begins_with_its_claim(hub: Hub) -> None:
    temporary = hub.temporary("guest")
    assert take(hub.claim(temporary, person("bob"), "bob", created_at=NOW + HOUR_MS), now=NOW + HOUR_MS) == ["stored"]
    assert account_of(person("bob")).created_at == NOW + HOUR_MS
