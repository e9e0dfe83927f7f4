"""The owner's link: the admin's account goes to a key in a browser, and to the next one; the hub's commands go on."""

from __future__ import annotations

from typing import Any

import pytest

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.former import read_former
from accord.keys import SigningKey
from accord.replacing import RECOVERY_CODE, make_replacement_proof, recovery_key
from accord.statements import also_json, make_statement, read_admin
from invites.checking import check_ledger
from invites.models import Balance
from invites.owner import OWNER_LINK_MS, owner_link_make
from messaging import topic_rows
from messaging.lookups import target
from messaging.prune_rules import pinned
from messaging.rights import Deletion, hub_admin, may_delete
from messaging.selectors import Reader, page
from messaging.services import channel_create, member_remove
from peers.blessings import hub_seen, serve_frames
from peers.clock import now_ms
from peers.models import Account, AuditEntry, KeyChange
from peers.owner import acting_member
from peers.selectors import former_keys, member_of, recovery_of, statement
from peers.tombstones import is_buried
from tests.factories import (
    MINUTE_MS,
    NOW,
    Hub,
    account_of,
    deletion,
    envelope,
    feed,
    ident_of,
    inbox,
    person,
    row_of,
    take,
)

LATER = NOW + OWNER_LINK_MS


def link_key(hub: Hub, *, now: int = NOW) -> SigningKey:
    """The key of a new owner's link."""
    link = owner_link_make(origin="https://hub.example", now=now).link
    origin, _, code = link.partition("/recover#owner=")
    assert origin == "https://hub.example"
    return recovery_key(RECOVERY_CODE.parse(code), hub.key)


def take_over(hub: Hub, link: SigningKey, new: SigningKey, *, old: SigningKey, at: int = NOW) -> dict[str, Any]:
    proof = make_replacement_proof(new, hub=hub.key, old=old.public)
    body = {"new_pubkey": new.public, "proof": proof, "pubkey": old.public}
    return hub.control(link, "replace_account", body, created_at=at)


@pytest.fixture
def owner(hub: Hub) -> SigningKey:
    """Who has taken the admin's account into a browser."""
    key = person("owner")
    assert take(take_over(hub, link_key(hub), key, old=hub.admin)) == ["stored"]
    return key


def test_the_owner_has_the_admins_account_and_the_hub_signs_it(hub: Hub) -> None:
    before, link, owner = account_of(hub.admin), link_key(hub), person("owner")
    unspent = Balance.objects.get(account=before).unspent
    assert take(envelope(hub.member("ann"), inbox(hub.admin), "hello admin")) == ["stored"]
    assert take(take_over(hub, link, owner, old=hub.admin)) == ["stored"]
    after = account_of(owner)
    assert (after.pk, after.name, after.kind) == (before.pk, "admin", Account.Kind.ADMIN)
    assert Balance.objects.get(account=after).unspent == unspent - 1  # ann's
    assert check_ledger().problems == []
    assert member_of(hub.admin.public, now=NOW) is None
    admin = read_admin(statement("set_admin"), hub=hub.key)
    assert (admin.user, admin.also) == (owner.public, ((hub.admin.public, None),))
    (row,) = topic_rows.topics_named([feed(owner)], Reader(b"", False, NOW))
    (change,) = read_former(row["former"], hub=hub.key, user=owner.public)
    assert (row["name"], change.key, change.way, change.by) == ("admin", hub.admin.public, "hub", (hub.key,))
    reader = Reader(owner.public, True, NOW, former=former_keys(owner.public))
    assert len(page(inbox(hub.admin), reader, limit=9)[0]) == 1
    assert take(take_over(hub, link, person("another"), old=owner)) == ["denied"]
    other, seq = SigningKey.generate().public, statement("status")["seq"]
    (frame,) = serve_frames(other, now=NOW)
    assert frame["hubs"][0]["admin"] == statement("set_admin")
    assert frame["status"]["seq"] == seq  # a new one, by which linked hubs are told at once
    actions = list(AuditEntry.objects.values_list("action", flat=True))
    assert {"owner_link", "replace_account"} <= set(actions)


def test_the_owner_is_admin_and_so_are_the_hubs_own_commands(hub: Hub, owner: SigningKey) -> None:
    assert take(hub.add_user(owner, person("ann").public, "ann", invites=3)) == ["stored"]
    assert take(hub.add_user(hub.admin, person("bob").public, "bob")) == ["stored"]
    assert account_of(person("bob")).parent == account_of(owner)
    body = {"nonce": bytes(16), "name": "garden"}
    assert take(hub.control(owner, "chan.open", body)) == ["stored"]
    channel_create(name="cellar")
    said = envelope(person("ann"), hub.lounge, "a")
    assert (
        take(said, envelope(owner, hub.lounge, {}, type="chat.pin", refs=[("pin", ident_of(said))])) == ["stored"] * 2
    )
    assert row_of(ident_of(said)).cursor in pinned()
    for admin in (owner, hub.admin):
        said = envelope(person("ann"), hub.lounge, f"to {admin.public.hex()}")
        assert take(said, deletion(admin, hub.lounge, ident_of(said))) == ["stored"] * 2
        assert row_of(ident_of(said)).body is None
    member_remove(key=person("bob").public, mode="reparent")
    assert acting_member(hub.admin.public, now=NOW) == member_of(owner.public, now=NOW)
    assert acting_member(person("zoe").public, now=NOW) is None
    assert check_ledger().problems == []


def test_a_lost_browsers_key_is_dead_and_what_it_did_stays(hub: Hub, owner: SigningKey) -> None:
    ann, again = hub.member("ann"), person("again")
    said = envelope(ann, hub.lounge, "to be pinned")
    pin = envelope(owner, hub.lounge, {}, type="chat.pin", refs=[("pin", ident_of(said))])
    assert take(said, pin) == ["stored", "stored"]
    link = link_key(hub, now=NOW + MINUTE_MS)
    assert take(take_over(hub, link, again, old=owner, at=NOW + MINUTE_MS), now=NOW + MINUTE_MS) == ["stored"]
    assert account_of(again).name == "admin"
    assert is_buried(owner.public)
    assert not is_buried(hub.admin.public)
    admin = read_admin(statement("set_admin"))
    assert (admin.user, admin.also) == (
        again.public,
        ((hub.admin.public, None), (owner.public, NOW + MINUTE_MS)),
    )
    assert row_of(ident_of(said)).cursor in pinned()
    now = NOW + 2 * MINUTE_MS
    late = deletion(owner, hub.lounge, ident_of(said), created_at=now)
    assert take(late, now=now) == ["denied"]
    held = target(ident_of(said))
    assert held is not None
    assert may_delete(Deletion(owner.public, hub.lounge, NOW), held)
    assert not may_delete(Deletion(owner.public, hub.lounge, now), held)
    assert take(hub.add_user(hub.admin, person("carl").public, "carl", created_at=now), now=now) == ["stored"]
    (row,) = topic_rows.topics_named([feed(again)], Reader(b"", False, NOW))
    changes = read_former(row["former"], hub=hub.key, user=again.public)
    assert [(change.key, change.way) for change in changes] == [(owner.public, "hub"), (hub.admin.public, "hub")]
    assert check_ledger().problems == []


def test_a_link_works_for_an_hour_and_the_newest_alone(hub: Hub) -> None:
    first, second = link_key(hub), link_key(hub)
    assert recovery_of(first.public, now=NOW) is None
    assert recovery_of(second.public, now=NOW) is not None
    assert recovery_of(second.public, now=LATER) is None
    assert take(take_over(hub, first, person("owner"), old=hub.admin)) == ["denied"]
    assert take(take_over(hub, second, person("owner"), old=hub.admin, at=LATER), now=LATER) == ["denied"]
    assert take(take_over(hub, second, hub.admin, old=hub.admin)) == ["conflict"]
    assert not KeyChange.objects.exists()
    assert Account.objects.get(kind=Account.Kind.ADMIN).user.key == hub.admin.public


def test_another_hubs_channels_are_its_admins_whichever_key_opened_them(hub: Hub, owner: SigningKey) -> None:
    far = SigningKey.generate()
    key, before, now = person("their owner"), person("their owner before"), person("their hub's own key")
    also = also_json(((now.public, None), (before.public, NOW)))
    made = make_statement(far, type="set_admin", at=now_ms(), user=b64encode(key.public), also=also)
    hub_seen(admin=made, name="far", proved=True, now=NOW)
    for author, created_at, is_admin in (
        (key, NOW + 1, True),
        (now, NOW + 1, True),
        (before, NOW, True),
        (before, NOW + 1, False),
        (owner, NOW, False),
    ):
        admin = hub_admin(far.public)
        assert admin is not None
        assert admin.has(author.public, created_at) is is_admin


def test_a_hub_without_pages_makes_no_link(hub: Hub, settings: Any) -> None:
    settings.IS_GOSSIP = True
    with pytest.raises(AccordError, match="gossip"):
        owner_link_make(origin="https://hub.example", now=NOW)
