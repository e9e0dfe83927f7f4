"""Private topics in the store: who may say what there, who reads it, what goes again (protocol.md sections 4 and 7)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from accord import messages
from accord.keys import SigningKey
from accord.topics import Topic
from messaging import listing, selectors, topic_rows, trees
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.burials import burials_sweep
from messaging.models import EpochPart, Message, Seat
from messaging.models import Topic as TopicRow
from messaging.prune_rules import is_never_pruned, pinned
from messaging.selectors import Reader, Wanted
from messaging.spaces.chains import view_of
from peers.models import Tombstone
from tests.factories import (
    HOUR_MS,
    MINUTE_MS,
    NOW,
    Hub,
    check_totals,
    deletion,
    envelope,
    ident_of,
    outcomes,
    person,
    store,
    take,
)
from tests.messaging.private import Space, connect, control, epoch, sealed

LINK = Publisher(Right.RELAY, user=b"\x01" * 32, link=b"\x02" * 32)
SECRET = b"\x07" * 32


def brought(value: dict[str, Any], *, now: int = NOW) -> Admitted:
    return admit(messages.parse_envelope(value), LINK, now=now)


def reader(key: SigningKey, **fields: Any) -> Reader:
    return Reader(key.public, fields.pop("is_admin", False), NOW, **fields)


def sees(reader: Reader, topic: Topic) -> list[str]:
    """By which ways one finds anything of a topic; none at all for whoever has no seat."""
    found = []
    hub = b"\0" * 32
    rows = [row["topic"] for row in topic_rows.topics_of(reader, hub=hub, after=None, limit=1000)]
    held = Message.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident)
    some = list(held.values_list("ident", "author__key"))
    if topic.name in rows:
        found.append("topics")
    if topic_rows.topics_named([topic], reader):
        found.append("named")
    if selectors.reads_whole(reader, topic):
        found.append("whole")
    if selectors.page(topic, reader, limit=10)[0]:
        found.append("page")
    if selectors.readable_topics(reader).filter(kind=topic.kind, ident=topic.ident).exists():
        found.append("sync")
    wanted = Wanted((topic,), tuple({bytes(author) for _, author in some}), tuple(bytes(ident) for ident, _ in some))
    backlog = selectors.backlog(wanted, reader, after=0, upto=selectors.store_cursor(), limit=100)[0]
    if any(stored.topic == topic for stored in backlog):
        found.append("backlog")
    for ident, _ in some:
        if listing.message_item(bytes(ident), reader) or listing.place_of(bytes(ident), reader):
            found.append("item")
        if listing.about(bytes(ident), ["answer", "react", "edit", "pin", "delete"], reader, limit=10)[0]:
            found.append("about")
    mentioned = listing.mentions(reader, limit=100)[0]
    if any(
        TopicRow.objects.filter(message__cursor=number, kind=topic.kind, ident=topic.ident).exists()
        for number, _ in mentioned
    ):
        found.append("mentions")
    return sorted(set(found))


ALL = ["item", "named", "page", "sync", "topics", "whole"]


# Connections


def test_a_connection_opens_a_channel_for_its_two_and_nobody_else(hub: Hub) -> None:
    ada, bob, eve = (hub.member(name) for name in ("ada", "bob", "eve"))
    request, accept, topic = connect(ada, bob)
    assert take(sealed(ada, topic)) == ["not_found"]
    assert take(request, accept, sealed(ada, topic), sealed(bob, topic)) == ["stored"] * 4
    said = sealed(ada, topic, attention_keys=[messages.b64encode(eve.public)])
    assert take(said, sealed(eve, topic), envelope(ada, topic, "in clear")) == ["stored", "not_found", "bad_request"]
    assert sees(reader(ada), topic) == sees(reader(bob), topic) == sorted([*ALL, "backlog"])
    for other in (reader(eve), reader(hub.admin, is_admin=True), reader(eve, is_relay=True, inboxes=frozenset())):
        assert sees(other, topic) == []
    assert sees(reader(eve, former=frozenset({ada.public})), topic) == []
    assert "page" in sees(reader(hub.admin, is_relay=True, inboxes=frozenset({ada.public})), topic)
    (row,) = topic_rows.topics_named([topic], reader(ada))
    assert (row["encrypted"], row["role"], len(row["with"])) == (True, "member", 2)
    assert take(deletion(bob, topic, ident_of(said)), deletion(ada, topic, ident_of(said))) == ["denied", "stored"]
    check_totals()


@pytest.mark.parametrize("order", ["request first", "accept first", "together, turned round"])
def test_a_connection_is_there_whatever_came_first(hub: Hub, order: str) -> None:
    ada, bob = hub.member("ada"), hub.member("bob")
    request, accept, topic = connect(ada, bob)
    if order == "together, turned round":
        take(accept, request)
    else:
        for value in (request, accept) if order == "request first" else (accept, request):
            take(value)
    assert take(sealed(bob, topic)) == ["stored"]


def test_what_is_no_pair_opens_nothing(hub: Hub) -> None:
    ada, bob, eve = (hub.member(name) for name in ("ada", "bob", "eve"))
    request, _, _ = connect(ada, bob)
    _, accept, _ = connect(ada, bob)
    _, by_eve, _ = connect(ada, eve)
    assert take(request, accept, by_eve) == ["stored"] * 3
    assert not Seat.objects.exists()


def test_a_connection_has_one_epoch_of_days_and_no_admin(hub: Hub) -> None:
    ada, bob = hub.member("ada"), hub.member("bob")
    request, accept, topic = connect(ada, bob)
    take(request, accept)
    assert take(sealed(ada, topic, epoch=2), sealed(ada, topic, window_ms=HOUR_MS)) == ["bad_request"] * 2
    assert take(epoch(ada, topic, 1)) == ["denied"]
    assert take(brought(sealed(bob, topic)), brought(sealed(hub.admin, topic))) == ["stored", "denied"]
    pin = sealed(
        ada, topic, type="chat.pin", refs=[{"rel": "pin", "id": messages.b64encode(ident_of(sealed(ada, topic)))}]
    )
    assert take(pin) == ["stored"]  # its target is not held: readers judge


def test_open_channels_take_nothing_encrypted(hub: Hub) -> None:
    ada = hub.member("ada")
    assert take(sealed(ada, hub.lounge), epoch(ada, hub.lounge, 1)) == ["bad_request"] * 2
    assert take(brought(sealed(ada, Topic("chan", b"\x09" * 32)))) == ["busy"]


# Spaces


@pytest.fixture
def garden(hub: Hub) -> tuple[Space, Topic]:
    """A space of ada's with one channel of its first epoch and an invite; bob has come by it."""
    ada, bob = hub.member("ada"), hub.member("bob")
    space = Space(ada)
    said = [space.create()]
    opened, channel = space.channel()
    said += [opened, space.invite(SECRET), space.join(bob, SECRET)]
    first = epoch(ada, channel, 1)
    assert take(*said, first) == ["stored"] * 5
    return space, channel


def next_epoch(channel: Topic, by: SigningKey, *, at: int) -> dict[str, Any]:
    parts = EpochPart.objects.filter(room__topic__ident=channel.ident).order_by("-epoch", "created_at")
    newest = parts[0]
    return epoch(by, channel, newest.epoch + 1, before=bytes(newest.ident), at=at)


def test_members_read_and_write_and_others_see_nothing(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, channel = garden
    ada, bob, eve = person("ada"), person("bob"), hub.member("eve")
    said = sealed(bob, channel, attention_keys=[messages.b64encode(eve.public)])
    answer = sealed(ada, channel, attention_messages=[messages.b64encode(ident_of(said))])
    assert take(said, answer) == ["stored"] * 2
    assert take(sealed(eve, channel), epoch(bob, channel, 2, before=SECRET)) == ["not_found", "denied"]
    for topic in (space.topic, channel):
        assert sees(reader(ada), topic) == sees(reader(bob), topic)
        assert {*ALL, "backlog"} <= set(sees(reader(ada), topic))
        for other in (reader(eve), reader(hub.admin, is_admin=True), reader(eve, is_relay=True)):
            assert sees(other, topic) == []
    (row,) = topic_rows.topics_named([channel], reader(bob))
    assert (row["name"], row["space"], row["role"], row["voice"]) == (
        "general",
        messages.b64encode(space.ident),
        "member",
        False,
    )
    assert topic_rows.topics_named([space.topic], reader(ada))[0]["role"] == "admin"
    assert topic_rows.channels(reader(ada), limit=100)[0][1]["topic"] == hub.lounge.name
    check_totals()


def test_what_an_admin_of_the_space_has_pinned_stays_although_the_hub_cannot_read_the_pin(
    hub: Hub, garden: tuple[Space, Topic]
) -> None:
    _, channel = garden
    ada, bob = person("ada"), person("bob")
    kept, other = sealed(bob, channel), sealed(bob, channel, text="other")

    def pin(by: SigningKey, value: dict[str, Any]) -> dict[str, Any]:
        refs = [{"rel": "pin", "id": messages.b64encode(ident_of(value))}]
        return sealed(by, channel, type="chat.pin", refs=refs)

    by_ada, by_bob = pin(ada, kept), pin(bob, other)
    assert take(kept, other, by_ada) == ["stored"] * 3
    take(by_bob)  # refused, or stored and worth nothing
    stays = set(Message.objects.filter(cursor__in=pinned()).values_list("ident", flat=True))
    assert {bytes(ident) for ident in stays} == {ident_of(kept), ident_of(by_ada)}


def test_what_a_person_may_not_is_refused_and_says_nothing_to_strangers(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, channel = garden
    ada, bob, eve = person("ada"), person("bob"), hub.member("eve")

    def refused(value: dict[str, Any]) -> str:
        space.said.pop()
        return take(value)[0]

    assert refused(space.member(eve, "member", by=bob)) == "denied"
    assert refused(space.member(ada, "none", by=bob)) == "denied"
    assert refused(space.invite(b"\x08" * 32, by=bob)) == "denied"
    assert refused(space.channel(bob)[0]) == "denied"
    assert refused(space.say(bob, "profile", name="Bob's")) == "denied"
    assert refused(space.say(eve, "profile", name="Eve's")) == "not_found"
    assert refused(space.say(ada, "leave")) == "denied"
    assert refused(space.member(eve, "member", by=eve)) == "not_found"
    assert refused(space.join(eve, b"\x08" * 32)) == "not_found"
    assert refused(space.join(bob, SECRET)) == "conflict"
    assert refused(space.join(eve, SECRET, at=NOW - HOUR_MS)) == "gone"
    assert refused(space.member(eve, "member", prev=[b"\x05" * 32])) == "conflict"
    stranger = Space(eve)
    stranger.create()
    assert take(stranger.member(bob, "member")) == ["not_found"]
    wrong = control(eve, space.topic, "space.create", {"nonce": bytes(16), "name": "mine"})
    assert take(wrong) == ["bad_request"]
    assert take(envelope(bob, channel, "in clear"), sealed(bob, channel, epoch=2)) == ["bad_request", "busy"]
    assert take(sealed(bob, channel, at=NOW - HOUR_MS)) == ["denied"]  # no other hub would ever take it


def test_a_space_is_called_what_an_admin_says(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, _ = garden
    assert take(space.say(person("ada"), "profile", name="Orchard", about="Trees")) == ["stored"]
    (row,) = topic_rows.topics_named([space.topic], reader(person("bob")))
    assert (row["name"], row["about"]) == ("Orchard", "Trees")
    assert take(space.say(person("ada"), "profile", name="Orchard")) == ["stored"]
    assert topic_rows.topics_named([space.topic], reader(person("bob")))[0].get("about", "") == ""


def test_who_was_put_out_reads_and_writes_nothing_any_more(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, channel = garden
    ada, bob = person("ada"), person("bob")
    assert take(sealed(bob, channel)) == ["stored"]
    results, stored = store(space.member(bob, "none"), next_epoch(channel, ada, at=NOW + 10))
    assert outcomes(results) == ["stored"] * 2
    assert stored[0].readers == {ada.public, bob.public}  # so bob and bob's hub learn of it
    assert stored[1].readers == {ada.public}
    assert take(sealed(ada, channel, epoch=2, at=NOW + 20)) == ["stored"]
    assert sees(reader(bob), channel) == sees(reader(bob), space.topic) == []
    assert take(sealed(bob, channel)) == ["not_found"]
    assert take(brought(sealed(bob, channel, at=NOW + HOUR_MS), now=NOW + HOUR_MS), now=NOW + HOUR_MS) == ["busy"]
    space.join(bob, SECRET)
    assert take(space.join(bob, SECRET)) == ["stored"]  # the door does not know why it has no effect
    assert sees(reader(bob), channel) == []


def test_channels_of_admins_closed_ones_and_burning_ones(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, _ = garden
    ada, bob = person("ada"), person("bob")
    inner_said, inner = space.channel(private=True)
    brief_said, brief = space.channel(burn_ms=HOUR_MS)
    assert take(inner_said, brief_said, epoch(ada, inner, 1), epoch(ada, brief, 1)) == ["stored"] * 4
    assert take(sealed(bob, inner), sealed(ada, inner)) == ["not_found", "stored"]
    assert sees(reader(bob), inner) == []
    late = sealed(bob, brief, burn_at=NOW + HOUR_MS + 1)
    assert take(sealed(bob, brief), late, sealed(bob, brief, burn_at=NOW + HOUR_MS)) == ["denied", "denied", "stored"]
    assert take(space.member(bob, "admin")) == ["stored"]
    assert "page" in sees(reader(bob), inner)
    closed = space.say(ada, "channel", channel=brief.ident, name="brief", closed=True, burn_ms=HOUR_MS)
    assert take(closed, sealed(bob, brief, burn_at=NOW + HOUR_MS)) == ["stored", "denied"]
    assert topic_rows.topics_named([brief], reader(bob))[0]["closed"] is True


def test_what_comes_under_an_old_epoch_is_refused_and_goes_again(hub: Hub, garden: tuple[Space, Topic]) -> None:
    _, channel = garden
    ada, bob = person("ada"), person("bob")
    early, slack, late = (sealed(bob, channel, at=NOW + minutes * MINUTE_MS) for minutes in (0, 2, 3))
    assert take(early, slack, late, now=NOW + HOUR_MS) == ["stored"] * 3
    assert take(next_epoch(channel, ada, at=NOW), now=NOW + HOUR_MS) == ["stored"]
    held = set(Message.objects.filter(topic__ident=channel.ident, type="chat.text").values_list("ident", flat=True))
    assert {bytes(ident) for ident in held} == {ident_of(early), ident_of(slack)}
    assert take(late, brought(late, now=NOW + HOUR_MS), now=NOW + HOUR_MS) == ["denied", "denied"]
    check_totals()


def test_an_epoch_of_one_who_is_no_admin_any_more_loses(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, channel = garden
    ada, bob = person("ada"), person("bob")
    assert take(space.member(bob, "admin")) == ["stored"]
    backdated = next_epoch(channel, bob, at=NOW + 1)
    true = next_epoch(channel, ada, at=NOW + HOUR_MS)
    assert take(space.member(bob, "none", at=NOW + HOUR_MS), true, now=NOW + HOUR_MS) == ["stored"] * 2
    assert take(backdated, brought(backdated), now=NOW + HOUR_MS) == ["not_found", "stored"]
    said = sealed(ada, channel, at=NOW + HOUR_MS)
    assert take(said, sealed(ada, channel, epoch=2, at=NOW + HOUR_MS), now=NOW + HOUR_MS) == ["stored"] * 2


def test_what_is_taken_back_takes_its_messages_along(hub: Hub, garden: tuple[Space, Topic]) -> None:
    """bob, an admin, let eve in without knowing that ada puts him out: eve was never there."""
    space, channel = garden
    bob, eve = person("bob"), hub.member("eve")
    assert take(space.member(bob, "admin")) == ["stored"]
    heads = space.view.heads
    assert take(space.member(eve, "member", by=bob), sealed(eve, channel)) == ["stored"] * 2
    assert "page" in sees(reader(eve), channel)
    assert take(brought(space.member(bob, "none", prev=heads))) == ["stored"]
    assert sees(reader(eve), channel) == sees(reader(bob), channel) == []
    assert not Message.objects.filter(topic__ident=channel.ident, author__key=eve.public).exists()
    check_totals()


def test_a_channel_that_was_never_made_holds_nothing(hub: Hub, garden: tuple[Space, Topic]) -> None:
    """bob, an admin, makes a channel without knowing that ada puts him out; eve has written in it."""
    space, _ = garden
    bob, eve = person("bob"), hub.member("eve")
    assert take(space.member(bob, "admin"), space.member(eve, "member")) == ["stored"] * 2
    heads = space.view.heads
    made, channel = space.channel(bob)
    assert take(made, epoch(bob, channel, 1), sealed(eve, channel)) == ["stored"] * 3
    assert take(brought(space.member(bob, "none", prev=heads))) == ["stored"]
    assert not Message.objects.filter(topic__ident=channel.ident).exists()
    assert not EpochPart.objects.filter(room__topic__ident=channel.ident).exists()
    assert take(brought(sealed(eve, channel)), sealed(eve, channel)) == ["busy", "not_found"]
    check_totals()


def test_a_link_brings_chains_and_messages_in_any_order(hub: Hub) -> None:
    ada, bob = person("ada"), person("bob")
    space = Space(ada)
    created = space.create()
    opened, channel = space.channel()
    invited, joined = space.invite(SECRET), space.join(bob, SECRET)
    first, said = epoch(ada, channel, 1), sealed(bob, channel)
    assert take(brought(said), brought(first), brought(opened)) == ["busy"] * 3
    assert take(brought(created), brought(joined), brought(opened)) == ["stored"] * 3
    assert take(brought(first), brought(said)) == ["stored", "busy"]
    assert take(brought(invited)) == ["stored"]
    assert take(brought(said)) == ["stored"]
    assert "page" in sees(reader(bob), channel)


def test_epochs_in_parts_count_when_all_are_held(hub: Hub, garden: tuple[Space, Topic]) -> None:
    _, channel = garden
    ada = person("ada")
    whole = messages.parse_envelope(next_epoch(channel, ada, at=NOW + 1))
    body = orjson.loads(whole.body or b"")
    parts = [
        control(ada, channel, "space.epoch", {**body, "part": part, "parts": 2}, created_at=NOW + part)
        for part in (1, 2)
    ]
    assert take(parts[0], sealed(ada, channel, epoch=2)) == ["stored", "busy"]
    assert take(parts[1], sealed(ada, channel, epoch=2)) == ["stored", "stored"]


def test_epochs_and_chains_outlive_pruning(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, channel = garden
    assert all(is_never_pruned(*place) for place in [("space", "space.join"), ("chan", "space.epoch")])
    assert not is_never_pruned("chan", "chat.text")
    counts = [trees.root_of_view(trees.view(topic, now=NOW)).count for topic in (space.topic, channel)]
    assert counts == [4, 1]


def test_a_chain_stays_whole_when_a_member_of_it_is_removed_from_the_hub(hub: Hub, garden: tuple[Space, Topic]) -> None:
    space, channel = garden
    ada, bob = person("ada"), person("bob")
    assert take(sealed(bob, channel, at=NOW + 1)) == ["stored"]
    Tombstone.objects.create(key=bob.public, at=NOW - 1, hub=hub.key, buried_at=NOW)
    assert burials_sweep() == 1
    assert not Message.objects.filter(topic__ident=channel.ident, author__key=bob.public).exists()
    assert bob.public in view_of(space.ident).members
    assert take(space.member(bob, "none"), sealed(ada, channel)) == ["stored", "stored"]
    assert not view_of(space.ident).waiting
    check_totals()
