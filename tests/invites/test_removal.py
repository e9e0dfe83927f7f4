"""Removal of claimed accounts, one case at a time: who may, what is frozen, what undo brings back, what is for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accord.encoding import b64encode
from accord.keys import SigningKey
from invites import removal
from invites.checking import check_ledger
from invites.models import Balance, Invitation, Removal
from invites.removal import removal_finish, strikes_shown
from invites.removal_selectors import STRIKE_LIFE_MS, rehearse, removals_of
from invites.services import temporary_expire
from peers import options
from peers.models import Account, Blessing, Peer, Token, User
from peers.selectors import member_of
from peers.standing import reasons
from peers.tombstones import is_buried
from tests.factories import HOUR_MS, MINUTE_MS, NOW, Hub, account_of, envelope, person, snapshot, store, take

WINDOW_MS = 10 * MINUTE_MS
AFTER = NOW + WINDOW_MS


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    yield
    options.load({})


def refused(code: str, value: dict[str, Any], *, now: int = NOW) -> None:
    """The message is refused with that code and changes nothing."""
    before = snapshot()
    assert take(value, now=now) == [code]
    assert snapshot() == before


def balance(key: SigningKey) -> tuple[int, int, int]:
    row = Balance.objects.get(account=account_of(key))
    return row.granted, row.unspent, row.spent


def live(*keys: SigningKey, now: int = NOW) -> list[bool]:
    return [member_of(key.public, now=now) is not None for key in keys]


class Family:
    """ann invited bob and zoe; bob invited carl, gave an invite, and carl invited dora."""

    def __init__(self, hub: Hub) -> None:
        self.ann = hub.member("ann", invites=30)
        self.bob = hub.member("bob", by=self.ann, invites=12)
        self.zoe = hub.member("zoe", by=self.ann, invites=1)
        self.carl = hub.member("carl", by=self.bob, invites=5)
        self.guest = hub.temporary("guest", by=self.bob, invites=2)
        self.dora = hub.member("dora", by=self.carl, invites=1)
        self.all = (self.ann, self.bob, self.zoe, self.carl, self.guest, self.dora)


@pytest.fixture
def family(hub: Hub) -> Family:
    return Family(hub)


# ---------------------------------------------------------------------------------------------------------- who may


@pytest.mark.parametrize("mode", ["subtree", "reparent"])
def test_anybody_above_and_nobody_else_removes(hub: Hub, family: Family, mode: str) -> None:
    for author in (family.zoe, family.dora, family.guest, person("stranger"), family.carl):
        refused("denied", hub.remove(author, family.carl.public, mode=mode))
    refused("denied", hub.remove(family.ann, hub.admin.public, mode=mode))
    refused("not_found", hub.remove(family.ann, person("nobody").public, mode=mode))
    for number, author in enumerate((family.bob, family.ann, hub.admin)):
        at = NOW + number
        assert take(hub.remove(author, family.carl.public, mode=mode, created_at=at), now=at) == ["stored"]
        assert take(hub.restore(author, family.carl.public, created_at=at), now=at) == ["stored"]


def test_at_is_not_later_than_the_message(hub: Hub, family: Family) -> None:
    refused("bad_request", hub.remove(family.ann, family.bob.public, at=NOW + 1))


def test_an_account_is_removed_once_at_a_time(hub: Hub, family: Family) -> None:
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    refused("conflict", hub.remove(hub.admin, family.bob.public, mode="reparent", created_at=NOW + 1))


def test_a_removal_that_is_said_again_changes_nothing(hub: Hub, family: Family) -> None:
    removal = hub.remove(family.ann, family.bob.public)
    assert take(removal) == ["stored"]
    before = snapshot()
    assert take(removal, removal) == ["duplicate", "duplicate"]
    assert snapshot() == before
    removal_finish(now=AFTER)
    before = snapshot()
    assert take(removal, now=AFTER) == ["duplicate"]
    assert snapshot() == before
    refused("not_found", hub.remove(family.ann, family.bob.public, created_at=AFTER), now=AFTER)


# ------------------------------------------------------------------------------------------------------ while it waits


def test_a_branch_is_frozen_at_once(hub: Hub, family: Family) -> None:
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    assert live(*family.all) == [True, False, True, False, False, False]
    frozen = {"reason": "frozen", "until": AFTER}
    assert [reasons(key.public, NOW) for key in (family.ann, family.dora)] == [{}, frozen]
    refused("denied", envelope(family.dora, hub.lounge))
    refused("denied", hub.add_user(family.carl, person("new").public, "new"))
    refused("denied", hub.claim(family.guest, person("new"), "new"))
    refused("denied", hub.remove(family.bob, family.carl.public))
    refused("denied", hub.restore(family.bob, family.bob.public))


def test_to_remove_one_freezes_one_and_the_invites_that_it_gave(hub: Hub, family: Family) -> None:
    assert take(hub.remove(family.ann, family.bob.public, mode="reparent")) == ["stored"]
    assert live(*family.all) == [True, False, True, True, False, True]


def test_names_and_keys_are_kept_while_frozen_and_names_are_free_after(hub: Hub, family: Family) -> None:
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    refused("conflict", hub.add_user(family.ann, person("new").public, "dora"))
    refused("conflict", hub.add_user(family.ann, family.dora.public, "new"))
    assert removal_finish(now=AFTER) == 1
    assert take(hub.add_user(family.ann, person("new").public, "dora", created_at=AFTER), now=AFTER) == ["stored"]
    refused("conflict", hub.add_user(family.ann, family.dora.public, "new", created_at=AFTER), now=AFTER)
    invited = hub.temporary("invited")
    refused("conflict", hub.claim(invited, family.dora, "dora2"))


def test_undo_brings_everything_back(hub: Hub, family: Family) -> None:
    branch = Account.objects.filter(name__in=["bob", "carl", "guest", "dora"]).order_by("pk")
    before = list(branch.values())
    books = list(Balance.objects.order_by("pk").values())
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    assert take(hub.restore(hub.admin, family.bob.public)) == ["stored"]
    assert list(branch.values()) == before
    assert list(Balance.objects.order_by("pk").values()) == books
    assert take(envelope(family.dora, hub.lounge), hub.claim(family.guest, person("new"), "new")) == ["stored"] * 2
    row = Removal.objects.get()
    assert (row.state, row.ended_at) == ("undone", NOW)
    assert removal_finish(now=AFTER) == 0
    assert not is_buried(family.bob.public)


def test_invites_that_expire_while_frozen_go_back_as_usual(hub: Hub, family: Family) -> None:
    soon = hub.temporary("soon", by=family.carl, invites=1, expires=NOW + 1)
    left = balance(family.carl)[1]
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    assert temporary_expire(now=NOW + 1) == 1
    assert take(hub.restore(family.ann, family.bob.public)) == ["stored"]
    assert balance(family.carl)[1] == left + 2
    assert live(soon) == [False]


def test_who_may_undo_and_until_when(hub: Hub, family: Family) -> None:
    assert take(hub.remove(family.bob, family.carl.public)) == ["stored"]
    for author in (family.zoe, family.dora, family.carl, person("stranger")):
        refused("denied", hub.restore(author, family.carl.public))
    refused("not_found", hub.restore(family.bob, family.dora.public))
    refused("gone", hub.restore(family.bob, family.carl.public, created_at=AFTER), now=AFTER)
    late = AFTER - 1
    assert take(hub.restore(family.ann, family.carl.public, created_at=late), now=late) == ["stored"]
    refused("not_found", hub.restore(family.ann, family.carl.public, created_at=late + 1), now=late)


# ------------------------------------------------------------------------------------------------------------ for good


def test_a_branch_goes_and_all_that_it_held_comes_back(hub: Hub, family: Family) -> None:
    assert balance(family.ann) == (30, 15, 15)
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    assert removal_finish(now=AFTER - 1) == 0
    assert removal_finish(now=AFTER) == 1
    assert removal_finish(now=AFTER) == 0
    assert balance(family.ann) == (30, 28, 2)
    assert sorted(Account.objects.values_list("name", flat=True)) == ["admin", "ann", "zoe"]
    for key in (family.bob, family.carl, family.dora):
        assert is_buried(key.public, NOW + 1)
        assert not is_buried(key.public, NOW)
        assert reasons(key.public, AFTER) == {"reason": "removed"}
    assert not is_buried(family.guest.public)  # it was nobody's key
    assert check_ledger().problems == []
    row = Removal.objects.get()
    assert (row.state, row.account, row.ended_at, row.accounts, row.waiting_invites, row.invites) == (
        "done", None, AFTER, 3, 1, 13,
    )  # fmt: skip


def test_to_remove_one_hands_its_children_to_its_parent(hub: Hub, family: Family) -> None:
    assert take(hub.remove(hub.admin, family.bob.public, mode="reparent")) == ["stored"]
    assert removal_finish(now=AFTER) == 1
    assert account_of(family.carl).parent == account_of(family.ann)
    assert account_of(family.dora).parent == account_of(family.carl)
    assert live(*family.all) == [True, False, True, True, False, True]
    assert balance(family.ann) == (30, 22, 8)  # bob's slot, his 3, and the invite of his that waited with its 2
    assert check_ledger().problems == []
    assert not Invitation.objects.exists()
    assert take(envelope(family.carl, hub.lounge)) == ["stored"]


def test_without_time_to_undo_it_is_for_good_at_once(hub: Hub, family: Family) -> None:
    options.load({"removal_undo_minutes": "0"})
    late = envelope(family.dora, hub.lounge)
    assert take(hub.remove(family.ann, family.bob.public), late) == ["stored", "denied"]
    assert live(*family.all) == [True, False, True, False, False, False]
    assert is_buried(family.dora.public)
    assert Removal.objects.get().state == "done"
    refused("not_found", hub.restore(family.ann, family.bob.public))
    assert check_ledger().problems == []


def test_what_belongs_to_users_who_are_gone_goes(hub: Hub, family: Family) -> None:
    user = User.objects.get(key=family.dora.public)
    Peer.objects.create(user=user, key=bytes(32), first_seen=NOW, last_seen=NOW)
    Blessing.objects.create(user=user, hub=bytes(32), serial=bytes(16), expiration=AFTER * 2, certificate=b"{}")
    Token.objects.create(
        hash=bytes(32), session="s", is_socket=False, user=user, client=bytes(32), serial=bytes(16),
        created_at=NOW, expires_at=AFTER * 2,
    )  # fmt: skip
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    assert (Peer.objects.count(), Blessing.objects.count(), Token.objects.count()) == (1, 1, 1)
    removal_finish(now=AFTER)
    assert (Peer.objects.count(), Blessing.objects.count(), Token.objects.count()) == (0, 0, 0)


def test_a_finish_that_is_cut_anywhere_has_done_nothing_and_is_done_later(
    hub: Hub, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process were killed before each of its steps in turn."""
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    before = snapshot()
    steps = ("_heir", "_times", "invitation_end", "bury_each", "users_forget", "_end", "_refreeze")
    for step in steps:

        def cut(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(removal, step, cut)
            with pytest.raises(KeyboardInterrupt):
                removal_finish(now=AFTER)
        assert snapshot() == before, step
    assert removal_finish(now=AFTER) == 1
    assert check_ledger().problems == []


# ---------------------------------------------------------------------------------------------------- several at once


def test_a_branch_within_a_frozen_branch_is_frozen_until_both_are_undone(hub: Hub, family: Family) -> None:
    later = NOW + MINUTE_MS
    assert take(hub.remove(family.bob, family.carl.public)) == ["stored"]
    assert take(hub.remove(family.ann, family.bob.public, created_at=later), now=later) == ["stored"]
    assert reasons(family.dora.public, later)["until"] == AFTER
    assert reasons(family.bob.public, later)["until"] == AFTER + MINUTE_MS
    assert take(hub.restore(family.ann, family.carl.public, created_at=later), now=later) == ["stored"]
    assert reasons(family.dora.public, later)["until"] == AFTER + MINUTE_MS
    assert live(family.bob, family.carl, family.dora) == [False, False, False]
    assert take(hub.restore(family.ann, family.bob.public, created_at=later), now=later) == ["stored"]
    assert live(family.bob, family.carl, family.dora) == [True, True, True]


def test_what_was_removed_within_stays_removed_when_the_rest_is_restored(hub: Hub, family: Family) -> None:
    later = NOW + MINUTE_MS
    assert take(hub.remove(family.bob, family.carl.public)) == ["stored"]
    assert take(hub.remove(family.ann, family.bob.public, created_at=later), now=later) == ["stored"]
    assert removal_finish(now=AFTER) == 1
    assert take(hub.restore(family.ann, family.bob.public, created_at=AFTER), now=AFTER) == ["stored"]
    assert live(family.bob, family.carl, family.dora) == [True, False, False]
    assert balance(family.bob) == (12, 9, 3)
    assert check_ledger().problems == []


def test_an_outer_removal_takes_an_inner_one_with_it_and_the_earlier_time_holds(hub: Hub, family: Family) -> None:
    options.load({"removal_undo_minutes": "60"})
    assert take(hub.remove(family.bob, family.carl.public, at=NOW - 5)) == ["stored"]
    options.load({"removal_undo_minutes": "0"})
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    assert {row.state for row in Removal.objects.all()} == {"done"}
    assert is_buried(family.carl.public, NOW - 4)
    assert is_buried(family.dora.public, NOW - 4)
    assert not is_buried(family.bob.public, NOW)
    assert removal_finish(now=NOW + HOUR_MS) == 0


def test_a_removal_stands_though_its_remover_goes(hub: Hub, family: Family) -> None:
    assert take(hub.remove(family.bob, family.carl.public)) == ["stored"]
    assert take(hub.remove(family.ann, family.bob.public, mode="reparent")) == ["stored"]
    refused("denied", hub.restore(family.bob, family.carl.public))
    assert removal_finish(now=AFTER) == 2
    assert live(*family.all) == [True, False, True, False, False, False]
    assert check_ledger().problems == []


def test_whoever_began_a_removal_may_undo_it_though_no_longer_above(hub: Hub, family: Family) -> None:
    options.load({"removal_undo_minutes": "60"})
    assert take(hub.remove(family.bob, family.carl.public)) == ["stored"]
    Account.objects.filter(pk=account_of(family.carl).pk).update(parent=account_of(family.zoe))
    assert take(hub.restore(family.bob, family.carl.public)) == ["stored"]


# ---------------------------------------------------------------------------------------------------------- strikes


def test_the_third_strike_sends_what_comes_back_past_the_inviter(hub: Hub) -> None:
    options.load({"removal_undo_minutes": "0"})
    ann = hub.member("ann", invites=30)
    bob = hub.member("bob", by=ann, invites=9)
    kids = [hub.member(f"kid{number}", by=bob, invites=1) for number in range(4)]
    assert balance(bob) == (9, 1, 8)
    assert take(hub.remove(ann, kids[0].public), hub.remove(hub.admin, kids[1].public)) == ["stored"] * 2
    assert balance(bob) == (9, 5, 4)
    assert strikes_shown([account_of(bob).pk, account_of(ann).pk], account_of(ann).pk) == {
        account_of(bob).pk: {"strikes": 2}
    }
    assert strikes_shown([account_of(bob).pk], account_of(bob).pk) == {}
    ann_before = balance(ann)
    assert take(hub.remove(ann, kids[2].public)) == ["stored"]
    assert balance(bob) == (7, 5, 2)
    assert balance(ann) == (30, ann_before[1] + 2, ann_before[2] - 2)
    assert take(hub.remove(bob, kids[3].public)) == ["stored"]  # though that is none of the others' doing
    assert balance(bob) == (5, 5, 0)
    assert strikes_shown([account_of(bob).pk], account_of(hub.admin).pk)[account_of(bob).pk] == {"strikes": 3}
    assert check_ledger().problems == []


@pytest.mark.parametrize("case", ["by the inviter", "one alone", "long ago", "the admin's"])
def test_what_gives_no_strike(hub: Hub, case: str) -> None:
    options.load({"removal_undo_minutes": "0"})
    ann = hub.member("ann", invites=30)
    parent = hub.admin if case == "the admin's" else hub.member("bob", by=ann, invites=9)
    kids = [hub.member(f"kid{number}", by=parent) for number in range(4)]
    by = parent if case == "by the inviter" else hub.admin
    mode = "reparent" if case == "one alone" else "subtree"
    held = balance(parent)[0]
    for number, kid in enumerate(kids):
        now = NOW + number * (STRIKE_LIFE_MS // 2 if case == "long ago" else 1)
        assert take(hub.remove(by, kid.public, mode=mode, created_at=now), now=now) == ["stored"]
    assert balance(parent)[0] == held
    assert check_ledger().problems == []


@pytest.mark.parametrize("by_first", ["the inviter", "the one above"])
def test_who_has_removed_a_branch_gets_no_strike_when_its_inviter_is_gone(hub: Hub, by_first: str) -> None:
    ann = hub.member("ann", invites=30)
    for number in range(3):
        bob = hub.member(f"bob{number}", by=ann, invites=9)
        kid = hub.member(f"kid{number}", by=bob)
        by = bob if by_first == "the inviter" else ann
        assert take(hub.remove(by, kid.public), hub.remove(ann, bob.public, mode="reparent")) == ["stored"] * 2
        Removal.objects.filter(user__key=bob.public).update(final_at=NOW)
        assert removal_finish(now=NOW) == 1  # ann is the kid's parent now
    assert removal_finish(now=AFTER) == 3
    assert balance(ann) == (30, 30, 0)
    assert strikes_shown([account_of(ann).pk], account_of(hub.admin).pk) == {account_of(ann).pk: {"strikes": 0}}


# -------------------------------------------------------------------------------------------------------- rehearsal


def test_a_rehearsal_says_what_a_removal_does(hub: Hub, family: Family) -> None:
    assert take(envelope(family.dora, hub.lounge), envelope(family.carl, hub.lounge), envelope(family.bob, "feed"))
    user = User.objects.get(key=family.dora.public)
    Peer.objects.create(user=user, key=bytes(32), first_seen=NOW, last_seen=NOW)
    before = snapshot()
    found = rehearse(account_of(family.bob).pk, "subtree", now=NOW)
    assert (found.accounts, found.waiting_invites, found.invites, found.devices) == (3, 1, 13, 1)
    # Those three are told of, and the two by which bob and carl have invited.
    assert (found.channels, found.messages) == (1, 3 + 3)
    assert found.bytes > 0
    assert set(found.keys) == {family.bob.public, family.carl.public, family.dora.public}
    alone = rehearse(account_of(family.bob).pk, "reparent", now=NOW)
    assert (alone.accounts, alone.waiting_invites, alone.invites, alone.keys) == (1, 1, 7, [family.bob.public])
    assert snapshot() == before
    unspent = balance(family.ann)[1]
    assert take(hub.remove(family.ann, family.bob.public)) == ["stored"]
    removal_finish(now=AFTER)
    assert balance(family.ann)[1] == unspent + found.invites


def test_whom_a_removal_concerns(hub: Hub, family: Family) -> None:
    _, (stored,) = store(hub.remove(hub.admin, family.carl.public))
    assert sorted(stored.concerns) == sorted([family.carl.public, family.bob.public])
    removal_finish(now=AFTER)

    def seen(key: SigningKey) -> int:
        account = account_of(key)
        return len(removals_of(key.public, account.pk, is_admin=account.kind == "admin", limit=9))

    assert [seen(key) for key in (family.bob, family.ann, hub.admin, family.zoe)] == [1, 1, 1, 0]
    assert b64encode(bytes(removals_of(hub.admin.public, None, is_admin=True, limit=9)[0].user.key)) == b64encode(
        family.carl.public
    )
