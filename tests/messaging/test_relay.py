"""What a relay brings, where it is decided with all that is held: foreign channels, imports, use, what links pay."""

from __future__ import annotations

from typing import Any

import pytest

from accord import messages
from accord.encoding import b64encode, canonical
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.statements import HubAdmin, make_statement
from accord.topics import Topic, open_channel_id
from messaging import services, using
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.import_keys import IMPORT_KEY_FILE, import_key
from messaging.models import Topic as TopicRow
from messaging.publishing import publisher_of_link
from messaging.rights import topic_admin
from peers.blessings import hub_seen
from peers.keyring import private_seed
from tests.factories import HOUR_MS, NOW, Hub, account_of, envelope, ident_of, person, row_of, take

OTHER, THEIR_ADMIN = person("other hub"), person("their admin")
FOREIGN = Topic("hub", OTHER.public)


@pytest.fixture
def other(hub: Hub) -> Hub:
    """Another hub is known here by what it has signed."""
    statement = make_statement(OTHER, type="set_admin", at=NOW, user=b64encode(THEIR_ADMIN.public))
    hub_seen(admin=statement, name="Elsewhere", proved=True, now=NOW)
    return hub


def brought(value: dict[str, Any], *, user: SigningKey | None = None, now: int = NOW) -> Admitted:
    """A message as a link brings it, or as the relay of a user does."""
    by = publisher_of_link(OTHER.public)
    if user is not None:
        account = account_of(user)
        by = Publisher(Right.RELAY, user=user.public, account_id=account.pk, link=OTHER.public)
    return admit(messages.parse_envelope(value), by, now=now)


def opening(number: int, *, by: SigningKey = THEIR_ADMIN, created_at: int = NOW) -> dict[str, Any]:
    body = canonical({"nonce": b64encode(number.to_bytes(16, "big")), "name": f"garden {number}"})
    return envelope(by, FOREIGN, body, type="chan.open", created_at=created_at)


def channel(number: int, *, by: SigningKey = THEIR_ADMIN) -> Topic:
    return Topic("chan", open_channel_id(by.public, number.to_bytes(16, "big"), OTHER.public))


def test_a_channel_of_another_hub_is_kept_as_that_hubs(other: Hub) -> None:
    assert take(brought(opening(1, created_at=NOW - 9 * HOUR_MS)), brought(opening(1))) == ["stored", "conflict"]
    row = TopicRow.objects.get(ident=channel(1).ident)
    assert (bytes(row.hub or b""), row.name) == (OTHER.public, "garden 1")
    assert topic_admin(channel(1)) == HubAdmin(THEIR_ADMIN.public)
    assert topic_admin(other.lounge) == HubAdmin(other.admin.public)
    assert topic_admin(Topic("hub", bytes(32))) is None


def test_of_one_hub_no_more_channels_than_so_many(other: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_FOREIGN_CHANNELS", 2)
    assert take(*(brought(opening(number)) for number in range(4))) == ["stored", "stored", "quota", "quota"]


def test_a_deletion_by_the_wrong_admin_empties_nothing_in_whatever_order(other: Hub) -> None:
    bob = person("bob")
    take(brought(opening(1)))
    words = [envelope(bob, channel(1), f"words {number}") for number in range(2)]
    wrong, right = (
        [
            envelope(by, channel(1), {}, type="chat.delete", refs=[("delete", ident_of(value))], created_at=NOW + 1)
            for value in words
        ]
        for by in (other.admin, THEIR_ADMIN)
    )
    items = [brought(wrong[0], now=NOW + 1), brought(words[0]), brought(words[1]), brought(wrong[1], now=NOW + 1)]
    assert take(*items, now=NOW + 1) == ["stored"] * 4
    assert all(row_of(ident_of(value)).body is not None for value in words)
    assert take(*(brought(value, now=NOW + 1) for value in right), now=NOW + 1) == ["stored"] * 2
    assert all(row_of(ident_of(value)).body is None for value in words)


def test_what_was_imported_here_may_come_back(other: Hub) -> None:
    """A hub that has lost its store gets its imports from those who hold them, and nobody's inventions."""
    ann = import_key(private_seed(IMPORT_KEY_FILE), "ann")

    def line(author: SigningKey, name: str) -> dict[str, Any]:
        return envelope(author, other.lounge, {"text": "x", "author": name, "source": "log:1"}, type="import.text")

    values = [line(ann, "ann"), line(ann, "bob"), line(person("bob"), "bob"), line(other.admin, "bob")]
    assert take(*(brought(value) for value in values)) == ["stored", "denied", "denied", "stored"]


def test_a_link_brings_nothing_to_this_hubs_own_topic(other: Hub) -> None:
    value = other.add_user(other.admin, person("new").public, "new")
    with pytest.raises(AccordError, match="only what its own user has signed"):
        brought(value)
    with pytest.raises(AccordError, match="only what its own user has signed"):
        brought(value, user=other.member("ann"))
    assert take(brought(value, user=other.admin)) == ["stored"]  # what its user has signed


def test_the_operator_pays_for_links_and_a_user_for_the_own_relay(other: Hub) -> None:
    ann, stranger = other.member("ann"), person("stranger")
    before = account_of(other.admin).messages_used
    assert take(brought(envelope(stranger, "feed", "1")), brought(envelope(stranger, "feed", "2"), user=ann)) == [
        "stored",
        "stored",
    ]
    assert account_of(other.admin).messages_used == before + 1
    assert account_of(ann).messages_used == 1


def test_people_use_topics_and_links_do_not(other: Hub) -> None:
    ann = other.member("ann")
    take(brought(opening(1)))
    TopicRow.objects.update(used_at=0)

    def used(topic: Topic) -> int:
        return TopicRow.objects.values_list("used_at", flat=True).get(kind=topic.kind, ident=topic.ident)

    take(brought(envelope(person("stranger"), channel(1), "brought")))
    assert used(channel(1)) == 0
    take(envelope(ann, channel(1), "written"))
    assert used(channel(1)) == NOW
    later = NOW + 3 * HOUR_MS
    assert using.unnoted([channel(1)], later) == [channel(1)]
    using.note([channel(1)], later)
    assert (used(channel(1)), used(other.lounge)) == (later, 0)
    assert using.unnoted([channel(1)], later + HOUR_MS - 1) == []
    services.topics_use(topics=[channel(1)], now=NOW)
    assert used(channel(1)) == later
