"""Who is heard no more: buried keys and frozen accounts, at the door and in what is asked of accounts."""

from __future__ import annotations

from typing import Any

import pytest

from accord.encoding import b64encode
from accord.messages import parse_envelope
from accord.statements import make_statement
from accord.topics import Topic
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.models import Topic as TopicRow
from messaging.publishing import publisher_of_link
from peers.blessings import hub_seen
from peers.keyring import keyring
from peers.models import Account, Tombstone
from peers.selectors import member_of
from peers.standing import reasons, without_account
from peers.tombstones import bury, is_buried, reason_of
from tests.factories import HOUR_MS, NOW, Hub, account_of, admitted, envelope, feed, inbox, person, take

OTHER = person("other hub")


def brought(value: dict[str, Any]) -> Admitted:
    """A message as a linked hub brings it."""
    return admit(parse_envelope(value), publisher_of_link(OTHER.public), now=NOW)


def freeze(name: str) -> None:
    Account.objects.filter(name=name).update(frozen_at=NOW, frozen_until=NOW + HOUR_MS)


def test_a_buried_key_is_heard_up_to_its_time(hub: Hub) -> None:
    ann = person("ann")
    bury(ann.public, at=NOW - 1, now=NOW)
    assert is_buried(ann.public)
    assert not is_buried(ann.public, NOW - 1)
    assert is_buried(ann.public, NOW)
    assert not is_buried(person("bob").public)
    for topic in (hub.lounge, feed(ann), inbox(hub.admin)):
        kind = topic if topic.kind != "feed" else "feed"
        assert take(brought(envelope(ann, kind, "late"))) == ["denied"]
        assert take(brought(envelope(ann, kind, "early", created_at=NOW - 1))) == ["stored"]


def test_of_two_times_the_earlier_one_holds_and_what_lies_between_is_to_be_swept(hub: Hub) -> None:
    key = person("ann").public
    bury(key, at=NOW - 5, now=NOW)
    Tombstone.objects.update(is_swept=True)
    bury(key, at=NOW, now=NOW)
    assert Tombstone.objects.values_list("at", "is_swept").get() == (NOW - 5, True)
    bury(key, at=NOW - 9, now=NOW)
    assert Tombstone.objects.values_list("at", "is_swept").get() == (NOW - 9, False)


def test_whoever_comes_in_person_is_refused_whatever_the_date(hub: Hub) -> None:
    ann = hub.member("ann")
    bury(ann.public, at=NOW, now=NOW)
    old = {"created_at": NOW - HOUR_MS}
    assert take(envelope(ann, hub.lounge, **old)) == ["denied"]
    mail = envelope(ann, inbox(hub.admin), {"text": "hello"}, type="mail.text", **old)
    assert take(admitted(mail, Right.STRANGER)) == ["denied"]


def test_what_a_frozen_account_writes_is_refused_and_what_others_bring_of_it_waits(hub: Hub) -> None:
    ann = hub.member("ann", invites=3)
    freeze("ann")
    assert take(envelope(ann, hub.lounge)) == ["denied"]
    assert take(hub.add_user(ann, person("bob").public, "bob")) == ["denied"]
    for created_at in (NOW, NOW - HOUR_MS):  # it may be restored: then all of it is welcome
        assert take(brought(envelope(ann, hub.lounge, created_at=created_at))) == ["busy"]
    assert take(envelope(hub.admin, inbox(ann))) == ["stored"]
    Account.objects.update(frozen_at=None, frozen_until=None)
    assert take(brought(envelope(ann, hub.lounge)), envelope(ann, hub.lounge, "again")) == ["stored", "stored"]


def test_a_relay_of_a_frozen_account_brings_nothing_of_others(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    relay = Publisher(Right.RELAY, user=ann.public, account_id=account_of(ann).pk, link=OTHER.public)
    value = envelope(bob, hub.lounge)
    freeze("ann")
    assert take(admit(parse_envelope(value), relay, now=NOW)) == ["denied"]
    assert take(brought(value)) == ["stored"]


def test_another_hubs_tombstone_holds_in_the_topics_of_that_hub(hub: Hub) -> None:
    ann = hub.member("ann")
    statement = make_statement(OTHER, type="set_admin", at=NOW, user=b64encode(person("their admin").public))
    hub_seen(admin=statement, name="Elsewhere", proved=True, now=NOW)
    theirs = Topic("chan", bytes(32))
    TopicRow.objects.create(kind="chan", ident=bytes(32), name="garden", hub=OTHER.public)
    Tombstone.objects.create(hub=OTHER.public, key=ann.public, at=NOW - 1, buried_at=NOW)
    assert take(envelope(ann, theirs), brought(envelope(ann, theirs, "2"))) == ["denied", "denied"]
    assert take(envelope(ann, theirs, created_at=NOW - 1)) == ["stored"]
    assert take(envelope(ann, hub.lounge), envelope(ann, "feed"), envelope(ann, inbox(hub.admin))) == ["stored"] * 3
    assert not is_buried(ann.public)
    assert member_of(ann.public, now=NOW) is not None


def test_a_frozen_account_is_no_members(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    freeze("ann")
    assert member_of(ann.public, now=NOW) is None
    users = {ann.public, bob.public, person("nobody").public}
    frozen = {"reason": "frozen", "until": NOW + HOUR_MS}
    assert without_account(users, now=NOW) == {ann.public: frozen, person("nobody").public: {}}


@pytest.mark.parametrize("reason", ["removed", "replaced"])
def test_a_refused_login_says_why_the_account_is_gone(hub: Hub, reason: str) -> None:
    key = person("ann").public
    assert (reasons(key, NOW), reason_of(key)) == ({}, "")
    bury(key, at=NOW, now=NOW, reason=reason)
    assert (reasons(key, NOW), reason_of(key)) == ({"reason": reason}, reason)


def test_the_admin_is_never_frozen(hub: Hub) -> None:
    with pytest.raises(Exception, match="admin_not_frozen"):
        freeze("admin")
    assert keyring().admin.public == hub.admin.public
