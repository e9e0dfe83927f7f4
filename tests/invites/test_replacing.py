"""New keys for claimed accounts, one case at a time: who may, when it happens, what becomes of the old key."""

from __future__ import annotations

from typing import Any

import pytest

from accord.encoding import b64encode
from accord.former import UNPROVED, read_former
from accord.invites import make_proof
from accord.keys import SigningKey
from accord.message_types import read_body
from accord.messages import parse_envelope
from accord.replacing import (
    CHAIN_MS,
    OWN_KEY_MS,
    RECOVERY_MS,
    VOUCH_LIFE_MS,
    make_recovery_proof,
    make_replacement_proof,
)
from invites.checking import check_ledger
from invites.models import Balance, Replacement
from invites.replacing import VOUCHERS, replacements_finish
from messaging import topic_rows
from messaging.models import Topic
from messaging.selectors import Reader, page
from peers import options
from peers.keyring import keyring
from peers.models import KeyChange, Recovery
from peers.selectors import former_keys, member_of, recovery_of
from tests.factories import HOUR_MS, NOW, Hub, account_of, envelope, feed, inbox, person, snapshot, store, take

DAY_MS = 24 * HOUR_MS


def set_recovery(
    hub: Hub, owner: SigningKey, recovery: SigningKey, *, at: int = NOW, proof: bytes | None = None
) -> dict[str, Any]:
    proof = proof or make_recovery_proof(recovery, hub=hub.key, user=owner.public)
    body = {"recovery": recovery.public, "proof": proof}
    return hub.control(owner, "set_recovery", body, created_at=at)


def replace(
    hub: Hub, author: SigningKey, new: SigningKey, *, old: SigningKey | None = None, at: int = NOW, **more: Any
) -> dict[str, Any]:
    proof = make_replacement_proof(new, hub=hub.key, old=(old or author).public)
    body = {"new_pubkey": new.public, "proof": proof, "pubkey": old and old.public, **more}
    return hub.control(author, "replace_account", body, created_at=at)


def vouch(hub: Hub, author: SigningKey, old: SigningKey, new: SigningKey, *, at: int = NOW) -> dict[str, Any]:
    proof = make_replacement_proof(new, hub=hub.key, old=old.public)
    body = {"pubkey": old.public, "new_pubkey": new.public, "proof": proof}
    return hub.control(author, "vouch_replace", body, created_at=at)


def cancel(hub: Hub, author: SigningKey, old: SigningKey, *, at: int = NOW) -> dict[str, Any]:
    return hub.control(author, "cancel_replace", {"pubkey": old.public}, created_at=at)


def refused(code: str, value: dict[str, Any], *, now: int = NOW) -> None:
    """The message is refused with that code and changes nothing."""
    before = [*snapshot(), *_rows()]
    assert take(value, now=now) == [code]
    assert [*snapshot(), *_rows()] == before


def _rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Replacement, Recovery, KeyChange)]


def states(key: SigningKey) -> list[str]:
    return [row.state for row in account_of(key).replacements.order_by("pk")]


@pytest.fixture
def ann(hub: Hub) -> SigningKey:
    """A member with an inviter between the admin and her, and two people whom she has invited."""
    eve = hub.member("eve", invites=10)
    ann = hub.member("ann", by=eve, invites=5, messages=100)
    hub.member("bob", by=ann)
    hub.member("carl", by=ann)
    return ann


def test_the_recovery_key_replaces_at_once(hub: Hub, ann: SigningKey) -> None:
    recovery, new, bob = person("recovery"), person("new"), person("bob")
    assert take(set_recovery(hub, ann, recovery)) == ["stored"]
    assert recovery_of(recovery.public, now=NOW) is not None
    before = account_of(ann)
    assert take(envelope(bob, inbox(ann), "before")) == ["stored"]
    (result,), (stored,) = store(replace(hub, recovery, new, old=ann))
    assert result.status == "stored"
    assert {ann.public, new.public, person("eve").public, hub.admin.public} <= set(stored.concerns)
    after = account_of(new)
    for name in ("pk", "name", "kind", "parent_id", "created_at", "messages_limit", "messages_used"):
        assert getattr(after, name) == getattr(before, name)
    assert Balance.objects.get(account=after).unspent == 3
    assert account_of(bob).parent == after
    assert check_ledger().problems == []
    assert member_of(ann.public, now=NOW) is None
    assert recovery_of(recovery.public, now=NOW) is None
    assert former_keys(new.public) == {ann.public}
    assert Topic.objects.filter(ident=new.public).count() == 2
    reader = Reader(new.public, False, NOW, former=former_keys(new.public))
    assert len(page(inbox(ann), reader, limit=9)[0]) == 1
    assert len(page(inbox(ann), Reader(new.public, False, NOW), limit=9)[0]) == 0
    assert take(replace(hub, recovery, person("newer"), old=ann)) == ["denied"]


def test_rows_of_people_tell_which_keys_they_had(hub: Hub, ann: SigningKey) -> None:
    recovery, new, newest = person("recovery"), person("new"), person("newest")
    assert take(set_recovery(hub, ann, recovery)) == ["stored"]
    assert take(first := replace(hub, recovery, new, old=ann)) == ["stored"]
    assert take(replace(hub, new, newest)) == ["stored"]
    assert replacements_finish(now=NOW + OWN_KEY_MS) == 1
    (row,) = topic_rows.topics_named([feed(newest)], Reader(b"", False, NOW))
    assert row["name"] == "ann"
    assert [(change["key"], change["way"]) for change in row["former"]] == [
        (b64encode(new.public), "key"),
        (b64encode(ann.public), "recovery"),
    ]
    named, replaced = (parse_envelope(value) for value in row["former"][1]["signed"])
    assert (named.type, replaced.header) == ("set_recovery", first["header"])
    assert read_body(replaced)["new_pubkey"] == new.public
    by_itself, by_code = read_former(row["former"], hub=hub.key, user=newest.public)
    assert (by_itself.key, by_itself.way, by_itself.by) == (new.public, "key", (new.public,))
    assert (by_code.key, by_code.way, by_code.by) == (ann.public, "recovery", (recovery.public,))
    assert {change.way for change in read_former(row["former"], hub=hub.key, user=ann.public)} == {"recovery", UNPROVED}
    (old_row,) = topic_rows.topics_named([feed(ann)], Reader(b"", False, NOW))
    assert "name" not in old_row


def test_the_old_key_replaces_after_a_day(hub: Hub, ann: SigningKey) -> None:
    new = person("new")
    assert take(replace(hub, ann, new)) == ["stored"]
    assert take(envelope(ann, hub.lounge)) == ["stored"]
    assert replacements_finish(now=NOW + OWN_KEY_MS - 1) == 0
    assert member_of(new.public, now=NOW) is None
    assert not Topic.objects.filter(ident=new.public).exists()
    assert replacements_finish(now=NOW + OWN_KEY_MS) == 1
    assert replacements_finish(now=NOW + OWN_KEY_MS) == 0
    assert account_of(new).name == "ann"
    assert states(new) == ["done"]
    assert KeyChange.objects.get().way == "key"
    assert check_ledger().problems == []


@pytest.mark.parametrize("who", ["ann", "eve", "admin"])
def test_the_old_key_and_who_stands_above_cancel(hub: Hub, ann: SigningKey, who: str) -> None:
    canceller = {"ann": ann, "eve": person("eve"), "admin": hub.admin}[who]
    assert take(replace(hub, ann, person("new"))) == ["stored"]
    for other in (person("bob"), person("stranger")):
        refused("denied", cancel(hub, other, ann))
    assert take(cancel(hub, canceller, ann)) == ["stored"]
    assert states(ann) == ["cancelled"]
    refused("not_found", cancel(hub, canceller, ann, at=NOW + 1))
    assert replacements_finish(now=NOW + OWN_KEY_MS) == 0
    assert take(replace(hub, ann, person("new"), at=NOW + 1)) == ["stored"]


def test_the_chain_replaces_after_three_days(hub: Hub, ann: SigningKey) -> None:
    new, bob, eve = person("new"), person("bob"), person("eve")
    refused("denied", vouch(hub, hub.member("zoe"), ann, new))
    refused("denied", vouch(hub, ann, ann, new))
    refused("denied", vouch(hub, new, ann, new))
    assert take(vouch(hub, bob, ann, new)) == ["stored"]
    assert states(ann) == []
    assert take(vouch(hub, bob, ann, new, at=NOW + 1)) == ["stored"]
    assert states(ann) == []
    assert take(vouch(hub, eve, ann, person("other"))) == ["stored"]
    assert states(ann) == []
    assert take(vouch(hub, eve, ann, new, at=NOW + 1)) == ["stored"]
    assert states(ann) == ["waiting"]
    refused("conflict", vouch(hub, person("carl"), ann, new))
    assert replacements_finish(now=NOW + CHAIN_MS - 1) == 0
    assert replacements_finish(now=NOW + CHAIN_MS) == 1
    assert KeyChange.objects.get().way == "chain"
    assert former_keys(new.public) == {ann.public}
    (row,) = topic_rows.topics_named([feed(new)], Reader(b"", False, NOW))
    (change,) = read_former(row["former"], hub=hub.key, user=new.public)
    assert (change.way, set(change.by)) == ("chain", {bob.public, eve.public})


def test_words_grow_old(hub: Hub, ann: SigningKey) -> None:
    new, later = person("new"), NOW + VOUCH_LIFE_MS
    assert take(vouch(hub, person("bob"), ann, new)) == ["stored"]
    assert take(vouch(hub, person("eve"), ann, new, at=later), now=later) == ["stored"]
    assert states(ann) == []
    assert take(vouch(hub, person("carl"), ann, new, at=later), now=later) == ["stored"]
    assert states(ann) == ["waiting"]


def test_never_more_vouchers_than_there_are(hub: Hub, ann: SigningKey) -> None:
    options.load({VOUCHERS.name: "20"})
    try:
        new = person("new")
        for name in ("bob", "carl", "eve"):
            assert take(vouch(hub, person(name), ann, new)) == ["stored"]
            assert states(ann) == []
        assert take(vouch(hub, hub.admin, ann, new)) == ["stored"]
        assert states(ann) == ["waiting"]
        lone = hub.member("lone")
        assert take(vouch(hub, hub.admin, lone, person("fresh"))) == ["stored"]
        assert states(lone) == ["waiting"]
    finally:
        options.load({})


def test_the_old_key_stops_the_chain_and_outranks_it(hub: Hub, ann: SigningKey) -> None:
    new, mine = person("new"), person("mine")
    words = [vouch(hub, person(name), ann, new) for name in ("bob", "eve")]
    assert take(*words) == ["stored", "stored"]
    assert take(cancel(hub, ann, ann)) == ["stored"]
    assert states(ann) == ["cancelled"]
    again = [vouch(hub, person(name), ann, new, at=NOW + 1) for name in ("bob", "eve")]
    assert take(*again) == ["stored", "stored"]
    assert take(replace(hub, ann, mine)) == ["stored"]
    assert states(ann) == ["cancelled", "overtaken", "waiting"]
    refused("conflict", vouch(hub, person("bob"), ann, new, at=NOW + 2))
    refused("conflict", replace(hub, ann, person("third")))
    assert replacements_finish(now=NOW + CHAIN_MS) == 1
    assert account_of(mine).name == "ann"


def test_the_recovery_key_wins_over_all(hub: Hub, ann: SigningKey) -> None:
    recovery, thief, new = person("recovery"), person("thief"), person("new")
    assert take(set_recovery(hub, ann, recovery)) == ["stored"]
    assert take(replace(hub, ann, thief)) == ["stored"]
    assert take(replace(hub, recovery, new, old=ann)) == ["stored"]
    assert states(new) == ["overtaken"]
    assert replacements_finish(now=NOW + OWN_KEY_MS) == 0
    refused("denied", replace(hub, ann, thief, at=NOW + 1))


def test_a_stolen_key_cannot_push_the_recovery_key_aside(hub: Hub, ann: SigningKey) -> None:
    recovery, thiefs, new = person("recovery"), person("thiefs"), person("new")
    later = NOW + RECOVERY_MS
    assert take(set_recovery(hub, ann, recovery, at=later), now=later) == ["stored"]
    assert recovery_of(recovery.public, now=later) is None  # the key is older than a day
    counts = later + RECOVERY_MS
    assert recovery_of(recovery.public, now=counts) is not None
    assert take(set_recovery(hub, ann, thiefs, at=counts), now=counts) == ["stored"]
    refused("denied", replace(hub, thiefs, new, old=ann, at=counts), now=counts)
    assert recovery_of(recovery.public, now=counts) is not None
    late = counts + RECOVERY_MS
    assert recovery_of(recovery.public, now=late) is None
    assert recovery_of(thiefs.public, now=late) is not None
    assert take(replace(hub, recovery, new, old=ann, at=counts), now=counts) == ["stored"]
    assert recovery_of(thiefs.public, now=late) is None


def test_only_the_last_recovery_key_that_waits_will_count(hub: Hub, ann: SigningKey) -> None:
    first, second, third = person("first"), person("second"), person("third")
    for key in (first, second, third):
        assert take(set_recovery(hub, ann, key)) == ["stored"]
    later = NOW + RECOVERY_MS
    counting = [key for key in (first, second, third) if recovery_of(key.public, now=later)]
    assert counting == [third]
    assert recovery_of(first.public, now=NOW) is not None


def test_proofs_are_for_one_purpose_one_hub_one_account(hub: Hub, ann: SigningKey) -> None:
    new, recovery, other = person("new"), person("recovery"), person("other hub").public
    for proof in (
        make_recovery_proof(recovery, hub=other, user=ann.public),
        make_recovery_proof(recovery, hub=hub.key, user=other),
        make_recovery_proof(person("another"), hub=hub.key, user=ann.public),
        make_replacement_proof(recovery, hub=hub.key, old=ann.public),
    ):
        refused("bad_sig", set_recovery(hub, ann, recovery, proof=proof))
    for proof in (
        make_proof(new, hub=hub.key, temp=ann.public),
        make_replacement_proof(new, hub=other, old=ann.public),
        make_replacement_proof(new, hub=hub.key, old=other),
        make_replacement_proof(person("another"), hub=hub.key, old=ann.public),
        make_recovery_proof(new, hub=hub.key, user=ann.public),
    ):
        refused("bad_sig", replace(hub, ann, new, proof=proof))
        body = {"pubkey": ann.public, "new_pubkey": new.public, "proof": proof}
        refused("bad_sig", hub.control(person("bob"), "vouch_replace", body))
    guest = hub.temporary("guest")
    refused("bad_sig", hub.claim(guest, new, proof=make_replacement_proof(new, hub=hub.key, old=guest.public)))


def test_a_new_key_is_fresh(hub: Hub, ann: SigningKey) -> None:
    recovery = person("recovery")
    assert take(set_recovery(hub, ann, recovery)) == ["stored"]
    for used in (ann, person("bob"), recovery, hub.temporary("guest"), keyring().hub):
        refused("conflict", replace(hub, ann, used))
        refused("conflict", vouch(hub, person("bob"), ann, used))
    refused("conflict", set_recovery(hub, ann, person("bob")))
    refused("conflict", set_recovery(hub, person("bob"), recovery))
    refused("conflict", hub.add_user(hub.admin, recovery.public, "x-recovery"))
    refused("conflict", hub.claim(person("guest"), recovery, "x-recovery"))
    assert take(replace(hub, recovery, person("new"), old=ann)) == ["stored"]
    refused("conflict", hub.add_user(hub.admin, ann.public, "back"))
    refused("conflict", replace(hub, person("bob"), ann))


def test_a_key_that_somebody_takes_meanwhile_is_left_alone(hub: Hub, ann: SigningKey) -> None:
    new = person("new")
    assert take(replace(hub, ann, new)) == ["stored"]
    assert take(hub.add_user(hub.admin, new.public, "new")) == ["stored"]
    assert replacements_finish(now=NOW + OWN_KEY_MS) == 0
    assert states(ann) == ["lapsed"]
    assert account_of(new).name == "new"


def test_what_may_not_be(hub: Hub, ann: SigningKey) -> None:
    new, bob = person("new"), person("bob")
    refused("bad_request", replace(hub, ann, new, account_name="nann"))
    refused("bad_request", replace(hub, ann, new, code="secret"))
    refused("denied", replace(hub, bob, new, old=ann))
    refused("denied", replace(hub, person("stranger"), new, old=ann))
    refused("denied", replace(hub, hub.admin, new))
    refused("denied", set_recovery(hub, hub.admin, person("recovery")))
    refused("not_found", set_recovery(hub, person("stranger"), person("recovery")))
    refused("not_found", vouch(hub, bob, person("nobody"), new))
    refused("denied", cancel(hub, bob, person("nobody")))


def test_invites_of_the_replaced_show_the_new_key(hub: Hub, ann: SigningKey) -> None:
    guest, dora, recovery, new = hub.temporary("guest", by=ann), person("dora"), person("recovery"), person("new")
    assert take(hub.claim(guest, dora, "dora"), set_recovery(hub, dora, recovery)) == ["stored", "stored"]
    assert take(replace(hub, recovery, new, old=dora)) == ["stored"]
    assert account_of(ann).invitations.get().claimed_by == account_of(new).user
