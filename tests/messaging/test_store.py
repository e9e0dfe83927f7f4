"""The group commit: what each message of a batch becomes, what is kept of it, and that the sums are right."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from accord.topics import Topic, open_channel_id
from messaging import selectors
from messaging.admission import Right
from messaging.batch import MAX_STRANGERS_WAITING, MAX_UNANSWERED
from messaging.charging import MAX_RESERVE_BYTES
from messaging.ingest import store_or_refuse
from messaging.models import Mention, Message, Reference, Store
from messaging.models import Topic as TopicRow
from messaging.services import BURN_STEP, log_wipe, messages_burn
from peers import registry
from peers.models import RESERVE_MESSAGES, Account, Revocation, User
from tests.factories import (
    HOUR_MS,
    MINUTE_MS,
    NOW,
    Hub,
    account_of,
    admitted,
    bad_signature,
    check_totals,
    cursors,
    deletion,
    envelope,
    feed,
    ident_of,
    in_threads,
    inbox,
    install,
    outcomes,
    person,
    row_of,
    snapshot,
    store,
    take,
    without_body,
)

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def topic_row(topic: Topic) -> TopicRow:
    return TopicRow.objects.get(kind=topic.kind, ident=topic.ident)


def refused(code: str, *values: Any, now: int = NOW) -> None:
    """Each is refused with that code, and nothing has changed."""
    before = snapshot()
    assert take(*values, now=now) == [code] * len(values)
    assert snapshot() == before


# ----------------------------------------------------------------------------------------------------- what hooks get


@pytest.fixture
def arrivals() -> Iterator[list[tuple[bytes, int, bytes | None]]]:
    """What a hook of the commit hears: (id, cursor, who brought it)."""
    heard: list[tuple[bytes, int, bytes | None]] = []

    def hook(found: Sequence[registry.Arrival], now: int) -> None:
        assert connection.in_atomic_block
        assert Message.objects.filter(cursor__in=[entry.cursor for entry in found]).count() == len(found)
        heard.extend((entry.message.id, entry.cursor, entry.publisher.user) for entry in found)

    registry.stored_hooks.append(hook)
    yield heard
    registry.stored_hooks.remove(hook)


def test_hooks_of_a_commit_hear_of_what_is_new_with_who_brought_it(
    hub: Hub, arrivals: list[tuple[bytes, int, bytes | None]]
) -> None:
    ann = hub.member("ann")
    arrivals.clear()
    values = [envelope(ann, hub.lounge, f"line {number}") for number in range(3)]
    _, stored = store(*values)
    assert arrivals == [(entry.id, entry.cursor, ann.public) for entry in stored]
    arrivals.clear()
    assert take(*values, envelope(ann, Topic("chan", bytes(32)), "nowhere")) == ["duplicate"] * 3 + ["not_found"]
    assert arrivals == []


def test_a_hook_that_fails_takes_the_commit_with_it(hub: Hub) -> None:
    def hook(found: Sequence[registry.Arrival], now: int) -> None:
        raise DatabaseError("full")

    ann = hub.member("ann")
    before = snapshot()
    registry.stored_hooks.append(hook)
    try:
        with pytest.raises(DatabaseError), transaction.atomic():
            store(envelope(ann, hub.lounge, "lost"))
        assert snapshot() == before
    finally:
        registry.stored_hooks.remove(hook)


# --------------------------------------------------------------------------------------------------------- one batch


def test_results_come_in_order_with_ids_and_rising_cursors(hub: Hub) -> None:
    ann = hub.member("ann")
    first = selectors.store_cursor()
    values = [envelope(ann, hub.lounge, f"line {number}") for number in range(20)]
    results, stored = store(*values)
    assert outcomes(results) == ["stored"] * 20
    assert [result.id for result in results] == [ident_of(value) for value in values]
    assert [entry.id for entry in stored] == [ident_of(value) for value in values]
    assert [entry.cursor for entry in stored] == list(range(first + 1, first + 21))
    assert selectors.store_cursor() == first + 20


def test_an_empty_batch_is_nothing(hub: Hub) -> None:
    before = snapshot()
    assert store() == ([], [])
    assert snapshot() == before


def test_what_is_stored_is_what_was_signed(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "grüße", mentions=[hub.admin.public], burn_at=NOW + HOUR_MS, later_field="kept")
    _, (stored,) = store(value)
    row = row_of(ident_of(value))
    assert bytes(row.header) == stored.signed().header_bytes
    assert b64encode(bytes(row.sig)) == value["sig"]
    assert b64encode(bytes(row.salt)) == value["salt"]
    assert b64encode(bytes(row.body)) == value["body"]
    assert (row.type, row.created_at, row.burn_at) == ("chat.text", NOW, NOW + HOUR_MS)
    assert bytes(row.author.key) == ann.public
    assert stored.signed().header == value["header"]
    assert stored.concerns == [hub.admin.public]


def test_a_refused_message_leaves_its_neighbours_alone(hub: Hub) -> None:
    ann = hub.member("ann")
    nowhere = Topic("chan", bytes(32))
    values = [envelope(ann, hub.lounge, "1"), envelope(ann, nowhere, "2"), envelope(ann, hub.lounge, "3")]
    results, stored = store(*values)
    assert outcomes(results) == ["stored", "not_found", "stored"]
    assert results[1].id == ident_of(values[1])
    assert [entry.cursor for entry in stored] == [stored[0].cursor, stored[0].cursor + 1]
    check_totals()


def test_the_same_message_in_a_batch_and_later_is_a_duplicate(hub: Hub) -> None:
    ann = hub.member("ann")
    one, other = envelope(ann, hub.lounge, "one"), envelope(ann, hub.lounge, "other")
    assert take(one, other, one) == ["stored", "stored", "duplicate"]
    refused("duplicate", other, one, one)
    assert account_of(ann).messages_used == 2


def test_a_user_and_a_topic_first_met_in_a_batch_are_made_once(hub: Hub) -> None:
    ann, mentioned = hub.member("ann"), person("far away").public
    values = [envelope(ann, hub.lounge, f"{number}", mentions=[mentioned]) for number in range(3)]
    assert take(*values, envelope(ann, Topic("user", mentioned), "hi")) == ["stored"] * 4
    assert User.objects.filter(key=mentioned).count() == 1
    assert Mention.objects.filter(user__key=mentioned).count() == 3
    assert topic_row(Topic("user", mentioned)).count == 1
    check_totals()


def test_where_a_message_may_go(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    for topic in (hub.lounge, inbox(bob), inbox(hub.admin), "feed"):
        assert take(envelope(ann, topic, "hi")) == ["stored"]
    refused("not_found", envelope(ann, inbox(person("nobody here")), "hi"))
    refused("not_found", envelope(ann, Topic("chan", bytes(32)), "hi"))


# ------------------------------------------------------------------------------------------------------------ deletion


def test_delete_after_purges_body_and_salt(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "a secret of some length")
    store(value)
    row = row_of(ident_of(value))
    content = len(bytes(row.salt)) + len(bytes(row.body))
    before = topic_row(hub.lounge).bytes
    remover = deletion(ann, hub.lounge, ident_of(value), created_at=NOW + 1)
    _, (stored,) = store(remover)
    row = row_of(ident_of(value))
    assert (row.salt, row.body) == (None, None)
    assert bytes(row.header)
    assert topic_row(hub.lounge).bytes == before - content + stored.signed().size
    check_totals()
    refused("duplicate", value)
    assert take(deletion(ann, hub.lounge, ident_of(value), created_at=NOW + 2)) == ["stored"]  # nothing more to purge
    check_totals()


def test_delete_before_its_target_keeps_body_and_salt_from_being_stored(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "never to be seen", created_at=NOW - 1)
    _, stored = store(deletion(ann, hub.lounge, ident_of(value)))
    assert Message.objects.filter(ident=ident_of(value)).count() == 0
    results, stored = store(value)
    assert outcomes(results) == ["stored"]
    row = row_of(ident_of(value))
    assert (row.salt, row.body) == (None, None)
    assert (stored[0].signed().salt, stored[0].signed().body) == (None, None)
    check_totals()
    refused("duplicate", value)
    refused("duplicate", without_body(value))


@pytest.mark.parametrize("order", ["target first", "delete first"])
def test_delete_and_target_in_one_batch(hub: Hub, order: str) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "here and gone")
    batch = [value, deletion(ann, hub.lounge, ident_of(value))]
    assert take(*(batch if order == "target first" else batch[::-1])) == ["stored", "stored"]
    row = row_of(ident_of(value))
    assert (row.salt, row.body) == (None, None)
    check_totals()


def test_one_delete_purges_many_and_two_purge_once(hub: Hub) -> None:
    ann = hub.member("ann")
    values = [envelope(ann, hub.lounge, f"line {number}") for number in range(16)]
    idents = [ident_of(value) for value in values]
    store(*values)
    both = [deletion(ann, hub.lounge, *idents), deletion(ann, hub.lounge, idents[0], created_at=NOW + 1)]
    assert take(*both) == ["stored", "stored"]
    assert not Message.objects.filter(ident__in=idents, body__isnull=False).exists()
    check_totals()


def may_delete(hub: Hub, who: SigningKey, topic: Topic) -> bool:
    """Whether `who` may delete what ann wrote there."""
    return who == person("ann") or who.public == {"chan": hub.admin.public}.get(topic.kind, topic.ident)


PEOPLE = ("ann", "bob", "carl", "admin")


@pytest.mark.parametrize("order", ["target first", "delete first"])
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("where", ["lounge", "bob's inbox", "admin's inbox", "feed"])
def test_author_and_admin_of_the_topic_delete_and_no_other(hub: Hub, where: str, who: str, order: str) -> None:
    ann, bob, _ = (hub.member(name) for name in ("ann", "bob", "carl"))
    places = {"lounge": hub.lounge, "bob's inbox": inbox(bob), "admin's inbox": inbox(hub.admin), "feed": feed(ann)}
    topic, remover = places[where], hub.admin if who == "admin" else person(who)
    to = "feed" if topic.kind == "feed" else topic
    value = envelope(ann, to, "ann's")
    if topic.kind == "feed" and who != "ann":  # the remover's `feed` is another topic
        store(value)
        refused("bad_request", deletion(remover, "feed", ident_of(value)))
        return
    allowed = may_delete(hub, remover, topic)
    removal = deletion(remover, to, ident_of(value))
    if order == "delete first":
        assert take(removal) == ["stored"]  # judged when both are held
        assert take(value) == ["stored"]
    else:
        store(value)
        assert take(removal) == ["stored" if allowed else "denied"]
    assert (row_of(ident_of(value)).body is None) == allowed
    check_totals()


@pytest.mark.parametrize("order", ["target first", "delete first"])
def test_a_deletion_older_than_its_target_has_no_effect(hub: Hub, order: str) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "mine")
    old = deletion(ann, hub.lounge, ident_of(value), created_at=NOW - 1)
    if order == "target first":
        store(value)
        refused("bad_request", old)
    else:
        assert take(old) == ["stored"]
        assert take(value) == ["stored"]
    assert row_of(ident_of(value)).body is not None


def test_a_deletion_in_another_topic_has_no_effect(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "mine")
    assert take(deletion(ann, "feed", ident_of(value))) == ["stored"]
    assert take(value) == ["stored"]
    assert row_of(ident_of(value)).body is not None
    refused("bad_request", deletion(ann, "feed", ident_of(value), created_at=NOW + 1))


@pytest.mark.parametrize(
    "order",
    [
        "target first",
        "delete first",
    ],
)
def test_a_deletion_that_must_be_understood_and_is_not_has_no_effect(hub: Hub, order: str) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "mine")
    unknown = deletion(ann, hub.lounge, ident_of(value), crit=["only_if"], only_if="moon")
    for item in (value, unknown) if order == "target first" else (unknown, value):
        assert take(item) == ["stored"]
    assert row_of(ident_of(value)).body is not None


@pytest.mark.parametrize(
    "order",
    [
        "target first",
        "reference first",
    ],
)
def test_only_a_chat_delete_deletes(hub: Hub, order: str) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "mine")
    other = envelope(ann, hub.lounge, "no deletion", refs=[("delete", ident_of(value))])
    for item in (value, other) if order == "target first" else (other, value):
        assert take(item) == ["stored"]
    assert row_of(ident_of(value)).body is not None


# ----------------------------------------------------------------------------------------- edits, pins, other relations


def test_only_the_author_edits(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    value = envelope(ann, hub.lounge, "first")
    store(value)
    edit = {"type": "chat.edit", "refs": [("edit", ident_of(value))]}
    refused("denied", envelope(bob, hub.lounge, "other", **edit), envelope(hub.admin, hub.lounge, "other", **edit))
    assert (
        take(envelope(ann, hub.lounge, "second", **edit), envelope(ann, hub.lounge, "third", **edit)) == ["stored"] * 2
    )
    refused("bad_request", envelope(ann, "feed", "elsewhere", **edit))
    assert Reference.objects.filter(target=ident_of(value), relation="edit").count() == 2
    assert row_of(ident_of(value)).body is not None


@pytest.mark.parametrize("together", [True, False])
def test_rights_are_the_same_for_a_target_of_the_same_batch(hub: Hub, together: bool) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    value = envelope(ann, hub.lounge, "ann's")
    ident = ident_of(value)
    others = [
        envelope(bob, hub.lounge, "other", type="chat.edit", refs=[("edit", ident)]),
        envelope(bob, hub.lounge, {}, type="chat.pin", refs=[("pin", ident)]),
        deletion(bob, hub.lounge, ident),
        deletion(ann, hub.lounge, ident, created_at=NOW - 1),
        deletion(ann, "feed", ident),
    ]
    words = take(value, *others) if together else [word for item in (value, *others) for word in take(item)]
    assert words == ["stored", "denied", "denied", "denied", "bad_request", "bad_request"]


@pytest.mark.parametrize("order", ["target first", "delete first", "together"])
def test_nothing_deletes_a_control_message(hub: Hub, order: str) -> None:
    ann = hub.member("ann")
    value = envelope(ann, "feed", {"serial": b64encode(bytes(16))}, type="cert.revoke")
    removal = deletion(ann, "feed", ident_of(value))
    if order == "delete first":
        assert take(removal) + take(value) == ["stored", "stored"]
    else:
        words = take(value, removal) if order == "together" else take(value) + take(removal)
        assert words == ["stored", "denied"]
    assert row_of(ident_of(value)).body is not None
    assert Revocation.objects.count() == 1
    check_totals()


def test_an_edit_burns_with_the_original(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "first", burn_at=NOW + HOUR_MS)
    store(value)
    edit = {"type": "chat.edit", "refs": [("edit", ident_of(value))]}
    refused("denied", envelope(ann, hub.lounge, "for ever", **edit))
    refused("denied", envelope(ann, hub.lounge, "longer", burn_at=NOW + HOUR_MS + 1, **edit))
    assert take(envelope(ann, hub.lounge, "second", burn_at=NOW + HOUR_MS, **edit)) == ["stored"]


def test_an_edit_may_come_before_its_original(hub: Hub) -> None:
    bob, ann = hub.member("bob"), hub.member("ann")
    value = envelope(ann, hub.lounge, "first")
    edit = envelope(bob, hub.lounge, "by another", type="chat.edit", refs=[("edit", ident_of(value))])
    assert take(edit) == ["stored"]
    assert take(value) == ["stored"]


def test_only_an_admin_of_the_topic_pins(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    for topic, owner, other in ((hub.lounge, hub.admin, ann), (inbox(bob), bob, ann), ("feed", ann, None)):
        value = envelope(ann, topic, f"pin me {topic}")
        store(value)
        pin = {"type": "chat.pin", "refs": [("pin", ident_of(value))]}
        if other:
            refused("denied", envelope(other, topic, {}, **pin))
        assert take(envelope(owner, topic, {}, **pin)) == ["stored"]


def test_anyone_reacts_within_the_topic(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    value = envelope(ann, hub.lounge, "nice?")
    store(value)
    react = {"type": "chat.react", "refs": [("react", ident_of(value))]}
    assert take(envelope(bob, hub.lounge, {"emoji": "+1"}, **react)) == ["stored"]
    refused("bad_request", envelope(bob, inbox(ann), {"emoji": "+1"}, **react))


def test_a_reaction_to_a_letter_goes_back_to_its_writer_and_to_nobody_else(hub: Hub) -> None:
    ann, bob, eve = hub.member("ann"), hub.member("bob"), hub.member("eve")
    letter = envelope(ann, inbox(bob), "nice?")
    store(letter)
    react = {"type": "chat.react", "refs": [("react", ident_of(letter))]}
    assert take(envelope(bob, inbox(ann), {"emoji": "+1"}, **react)) == ["stored"]
    refused("bad_request", envelope(bob, inbox(eve), {"emoji": "+1"}, **react))
    refused("bad_request", envelope(eve, inbox(ann), {"emoji": "+1"}, **react))
    refused("bad_request", envelope(bob, hub.lounge, {"emoji": "+1"}, **react))
    edit = {"type": "chat.edit", "refs": [("edit", ident_of(letter))]}
    refused("bad_request", envelope(bob, inbox(ann), "mine now", **edit))
    refused("bad_request", deletion(bob, inbox(ann), ident_of(letter)))


def test_a_reference_to_nothing_held_is_kept(hub: Hub) -> None:
    ann = hub.member("ann")
    body, refs = {"emoji": "+1"}, [("react", b"\1" * 32)]
    value = envelope(ann, hub.lounge, body, type="chat.react", answers=[bytes(32)], refs=refs)
    _, (stored,) = store(value)
    assert stored.related == [bytes(32), b"\1" * 32]
    found = Reference.objects.filter(message=stored.cursor).values_list("relation", "target")
    assert sorted((relation, bytes(target)) for relation, target in found) == [
        ("answer", bytes(32)),
        ("react", b"\1" * 32),
    ]


# -------------------------------------------------------------------------------------------- envelopes without a body


def test_an_envelope_without_body_is_taken_only_after_its_deletion(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "gone elsewhere")
    refused("bad_request", without_body(value))
    assert take(deletion(ann, hub.lounge, ident_of(value)), without_body(value)) == ["stored", "stored"]
    row = row_of(ident_of(value))
    assert (row.salt, row.body) == (None, None)
    check_totals()
    refused("duplicate", value)


def test_an_envelope_without_body_is_taken_together_with_its_deletion(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "gone elsewhere")
    assert take(without_body(value), deletion(ann, hub.lounge, ident_of(value))) == ["stored", "stored"]


def test_an_envelope_without_body_is_not_taken_after_another_users_deletion(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    value = envelope(ann, hub.lounge, "still there")
    assert take(deletion(bob, hub.lounge, ident_of(value))) == ["stored"]
    refused("bad_request", without_body(value))


def lose_body(value: dict[str, Any]) -> None:
    """The message as it is when its body has been lost and its topic knows."""
    row = row_of(ident_of(value))
    TopicRow.objects.filter(pk=row.topic_id).update(bytes=row.topic.bytes - len(bytes(row.salt)) - len(bytes(row.body)))
    Message.objects.filter(pk=row.pk).update(salt=None, body=None)
    check_totals()


def test_a_missing_body_is_completed(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "found again")
    store(value)
    lose_body(value)
    refused("duplicate", without_body(value))
    assert take(value, value) == ["stored", "duplicate"]
    row = row_of(ident_of(value))
    assert (b64encode(bytes(row.salt)), b64encode(bytes(row.body))) == (value["salt"], value["body"])
    refused("duplicate", value)


def test_a_completed_body_counts(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "found again")
    store(value)
    lose_body(value)
    store(value)
    check_totals()


# ------------------------------------------------------------------------------------------------------------- burning


def test_burning_drops_the_message_and_all_that_was_derived_from_it(hub: Hub) -> None:
    ann = hub.member("ann")
    kept = envelope(ann, hub.lounge, "stays", burn_at=NOW + 2)
    burns = envelope(
        ann, hub.lounge, "burns", burn_at=NOW + 1, mentions=[hub.admin.public], answers=[ident_of(kept)],
        refs=[("react", ident_of(kept))],
    )  # fmt: skip
    store(kept, burns)
    assert messages_burn(now=NOW) == 0
    assert messages_burn(now=NOW + 1) == 1
    assert not Message.objects.filter(ident=ident_of(burns)).exists()
    assert row_of(ident_of(kept)).body is not None
    assert not Mention.objects.filter(user__key=hub.admin.public).exists()
    assert not Reference.objects.exists()
    check_totals()
    before = selectors.store_cursor()
    assert take(envelope(ann, hub.lounge, "later")) == ["stored"]
    assert selectors.store_cursor() == before + 1  # a number that was given is not given again


def test_burning_many_goes_in_steps(hub: Hub) -> None:
    ann, many = hub.member("ann"), BURN_STEP + 10
    store(*(envelope(ann, hub.lounge, f"{number}", burn_at=NOW + 1) for number in range(many)))
    store(envelope(ann, hub.lounge, "later", burn_at=NOW + 2))
    assert messages_burn(now=NOW + 1) == many
    check_totals()
    assert messages_burn(now=NOW + 2) == 1
    assert topic_row(hub.lounge).count == 0
    check_totals()


def test_a_deleted_message_burns_with_what_is_left_of_it(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, "burns", burn_at=NOW + HOUR_MS)
    store(value)
    store(deletion(ann, hub.lounge, ident_of(value)))
    assert messages_burn(now=NOW + HOUR_MS) == 1
    check_totals()


def files_hold(marker: bytes) -> bool:
    """Whether the database's files have these bytes anywhere."""
    name = Path(connection.settings_dict["NAME"])
    return any(marker in path.read_bytes() for path in name.parent.glob(f"{name.name}*"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["deleted", "burned"])
def test_what_is_gone_leaves_no_trace_in_the_files(hub: Hub, how: str) -> None:
    ann, marker = hub.member("ann"), f"unmistakable {how} words"
    value = envelope(ann, hub.lounge, marker, burn_at=NOW + 1)
    store(value)
    assert files_hold(marker.encode())
    assert not Store.objects.get().unwiped
    if how == "deleted":
        store(deletion(ann, hub.lounge, ident_of(value)))
    else:
        messages_burn(now=NOW + 1)
    assert Store.objects.get().unwiped
    log_wipe()
    assert not files_hold(marker.encode())
    assert not Store.objects.get().unwiped


@pytest.fixture
def patience(transactional_db: None) -> Iterator[float]:
    """Seconds that this connection waits for a lock: few."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 500")
    yield 0.5
    connection.close()  # the next one has the settings' patience again


def read_on(marker: bytes) -> sqlite3.Connection:
    """A reader that still sees the database as it is now, as an export does for as long as it takes."""
    reader = sqlite3.connect(connection.settings_dict["NAME"])
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM messaging_message WHERE instr(body, ?)", [marker]).fetchone() == (1,)
    return reader


@pytest.mark.django_db(transaction=True)
def test_a_reader_in_the_way_puts_the_wiping_off(hub: Hub, patience: float) -> None:
    ann, marker = hub.member("ann"), "unmistakable words"
    value = envelope(ann, hub.lounge, marker)
    store(value)
    with closing(read_on(marker.encode())):
        store(deletion(ann, hub.lounge, ident_of(value)))
        log_wipe()
        assert Store.objects.get().unwiped
    log_wipe()
    assert not Store.objects.get().unwiped
    assert not files_hold(marker.encode())


@pytest.mark.django_db(transaction=True)
def test_wiping_does_not_wait_for_readers(hub: Hub, patience: float) -> None:
    ann, marker = hub.member("ann"), "unmistakable words"
    value = envelope(ann, hub.lounge, marker)
    store(value)
    with closing(read_on(marker.encode())):
        store(deletion(ann, hub.lounge, ident_of(value)))
        log_wipe()


# ---------------------------------------------------------------------------------------------------------- allowances


def test_messages_are_counted_up_to_the_limit_exactly(hub: Hub) -> None:
    ann = hub.member("ann", messages=5)
    values = [envelope(ann, hub.lounge, f"{number}") for number in range(8)]
    assert take(*values[:3]) == ["stored"] * 3
    assert take(*values[2:]) == ["duplicate", "stored", "stored", "quota", "quota", "quota"]
    assert account_of(ann).messages_used == 5
    refused("quota", *values[5:])
    check_totals()


@pytest.mark.parametrize("short", [0, 1])
def test_bytes_are_counted_up_to_the_limit_exactly(hub: Hub, short: int) -> None:
    ann, bob = person("ann"), hub.member("bob")
    values = [envelope(ann, hub.lounge, "x" * size) for size in (10, 500, 60)]
    sizes = [admitted(value).message.size for value in values]
    hub.member("ann", bytes=sizes[0] + sizes[1] - short)
    assert take(values[0], values[1], envelope(bob, hub.lounge, "between")) == [
        "stored",
        "quota" if short else "stored",
        "stored",
    ]
    assert account_of(ann).bytes_used == sizes[0] + (0 if short else sizes[1])
    # What is too big for what is left does not keep out what still fits.
    assert take(values[2]) == ["stored" if short else "quota"]


def test_counters_are_those_of_the_table(hub: Hub) -> None:
    ann = hub.member("ann")
    values = [envelope(ann, topic, "x" * size) for size in (1, 99) for topic in (hub.lounge, inbox(hub.admin), "feed")]
    _, stored = store(*values)
    account = account_of(ann)
    assert account.messages_used == 6
    assert account.bytes_used == sum(entry.signed().size for entry in stored)


def test_a_foreign_author_is_charged_to_whoever_brings_the_message(hub: Hub) -> None:
    ann, far = hub.member("ann", messages=2), person("far away")
    payer = account_of(ann).pk
    items = [admitted(envelope(far, hub.lounge, f"{number}"), account_id=payer) for number in range(3)]
    assert take(items[0], envelope(ann, hub.lounge, "own"), *items[1:]) == ["stored", "stored", "quota", "quota"]
    assert account_of(ann).messages_used == 2


def test_a_member_who_is_brought_by_another_pays_alone(hub: Hub) -> None:
    ann, bob = hub.member("ann", messages=1), hub.member("bob")
    item = admitted(envelope(bob, hub.lounge, "hi"), Right.IMPORT, account_id=account_of(ann).pk)
    assert take(item) == ["stored"]
    assert (account_of(ann).messages_used, account_of(bob).messages_used) == (0, 1)


def test_a_refused_message_opens_no_topic(hub: Hub) -> None:
    ann, far = hub.member("ann", messages=1), person("far away").public
    assert take(envelope(ann, hub.lounge, "who knows her?", mentions=[far])) == ["stored"]
    refused("quota", envelope(ann, Topic("user", far), "hello"))


def test_a_refused_control_message_costs_nothing(hub: Hub) -> None:
    ann = hub.member("ann", messages=1, invites=5)
    assert take(hub.add_user(ann, hub.admin.public, "other")) == ["conflict"]
    assert take(hub.add_user(ann, person("bob").public, "bob")) == ["stored"]
    refused("quota", hub.add_user(ann, person("carl").public, "carl"))
    assert account_of(ann).balance.unspent == 4


# The reserve: what protects its author is taken although the allowance is used up, a bounded number of times.


def marking(hub: Hub, author: SigningKey, number: int, **fields: Any) -> dict[str, Any]:
    body = {"pubkey": person(f"pest {number}").public, "state": "blocked"}
    return hub.control(author, "contact.mark", body, **fields)


def has_used(key: SigningKey, *, reserve: int) -> None:
    Account.objects.filter(user__key=key.public).update(reserve_used=reserve)


def test_what_protects_its_author_is_taken_without_an_allowance(hub: Hub) -> None:
    ann = hub.member("ann", messages=2, invites=3)
    bob = hub.member("bob", by=ann)
    assert take(envelope(ann, hub.lounge, "the last")) == ["stored"]
    serial = b64encode(bytes(16))
    values = [
        envelope(ann, "feed", {"serial": serial}, type="cert.revoke"),
        hub.control(ann, "contact.mark", {"pubkey": bob.public, "state": "blocked"}),
        hub.control(ann, "report", {"pubkey": bob.public, "reason": "spam", "text": "\u20ac" * 1_000}),
        hub.remove(ann, bob.public),
        hub.restore(ann, bob.public),
    ]
    assert take(*values[:3], envelope(ann, hub.lounge, "more"), *values[3:]) == [
        "stored", "stored", "stored", "quota", "stored", "stored",
    ]  # fmt: skip
    row = account_of(ann)
    assert (row.messages_used, row.messages_limit, row.reserve_used) == (2, 2, 5)
    refused("quota", hub.add_user(ann, person("carl").public, "carl"), envelope(ann, hub.lounge, "more"))


def test_the_reserve_is_for_when_the_allowance_is_used_up(hub: Hub) -> None:
    ann, bob = hub.member("ann", messages=1), hub.member("bob")
    assert take(marking(hub, ann, 1), marking(hub, ann, 2), marking(hub, bob, 1)) == ["stored"] * 3
    assert [(account_of(key).messages_used, account_of(key).reserve_used) for key in (ann, bob)] == [(1, 1), (1, 0)]


def test_the_reserve_ends_exactly(hub: Hub) -> None:
    ann = hub.member("ann", bytes=0)
    has_used(ann, reserve=RESERVE_MESSAGES - 2)
    values = [marking(hub, ann, number) for number in range(4)]
    assert take(*values) == ["stored", "stored", "quota", "quota"]
    refused("quota", *values[2:])
    assert (account_of(ann).bytes_used, account_of(ann).reserve_used) == (0, RESERVE_MESSAGES)


def test_the_reserve_has_no_room_for_large_messages(hub: Hub) -> None:
    ann = hub.member("ann", messages=0)
    refused("quota", marking(hub, ann, 1, filler="x" * MAX_RESERVE_BYTES))
    assert take(marking(hub, ann, 1, filler="x" * 4_096)) == ["stored"]


def test_what_others_have_signed_has_no_reserve(hub: Hub) -> None:
    ann, far = hub.member("ann", messages=0), person("far away")
    value = envelope(far, "feed", {"serial": b64encode(bytes(16))}, type="cert.revoke")
    assert take(admitted(value, account_id=account_of(ann).pk)) == ["quota"]


@pytest.mark.django_db(transaction=True)
def test_the_reserve_ends_exactly_among_many_at_once(hub: Hub) -> None:
    ann = hub.member("ann", messages=0)
    has_used(ann, reserve=RESERVE_MESSAGES - 5)
    values = [[marking(hub, ann, 3 * thread + number) for number in range(3)] for thread in range(4)]
    words = in_threads([partial(take, *each) for each in values])
    assert Counter(word for each in words for word in each) == {"stored": 5, "quota": 7}
    assert account_of(ann).reserve_used == RESERVE_MESSAGES


@pytest.mark.django_db
@quick
@given(
    groups=st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=6), max_size=6),
    limits=st.tuples(st.integers(0, 6) | st.none(), st.integers(0, 4_000) | st.none()),
    reserve=st.integers(RESERVE_MESSAGES - 6, RESERVE_MESSAGES),
)
def test_nothing_is_stored_beyond_allowance_and_reserve(
    groups: list[list[tuple[bool, int]]], limits: tuple[int | None, int | None], reserve: int
) -> None:
    with transaction.atomic():
        hub = install()
        given_ = {name: limit for name, limit in zip(("messages", "bytes"), limits, strict=True) if limit is not None}
        ann = hub.member("ann", **given_)
        has_used(ann, reserve=reserve)
        number = stored = size = 0
        for group in groups:
            values = []
            for protects, length in group:
                number += 1
                text = "x" * length
                values.append(marking(hub, ann, number, filler=text) if protects else envelope(ann, hub.lounge, text))
            before = account_of(ann)
            results, found = store(*values)
            stored += len(found)
            size += sum(entry.signed().size for entry in found)
            after = account_of(ann)
            assert after.messages_limit is None or after.messages_used <= after.messages_limit
            assert after.bytes_limit is None or after.bytes_used <= after.bytes_limit
            for (protects, _), word in zip(group, outcomes(results), strict=True):
                assert word in ("stored", "quota")
                assert word == "stored" or not protects or after.reserve_used == RESERVE_MESSAGES
            assert after.reserve_used >= before.reserve_used
        row = account_of(ann)
        assert stored == row.messages_used + row.reserve_used - reserve
        assert row.bytes_used <= size
        check_totals()
        transaction.set_rollback(True)


# ----------------------------------------------------------------------------------------------------------- strangers


def mail(name: str, to: SigningKey, text: str = "hello", **fields: Any) -> Any:
    """A stranger's mail, its work done."""
    return admitted(envelope(person(name), inbox(to), text, type="mail.text", **fields), Right.STRANGER)


def in_inbox(key: SigningKey) -> int:
    return Message.objects.filter(topic__kind="user", topic__ident=key.public).count()


@pytest.mark.parametrize("together", [True, False])
def test_a_stranger_has_three_unanswered(hub: Hub, together: bool) -> None:
    ann = hub.member("ann")
    items = [mail("eve", ann, f"{number}") for number in range(MAX_UNANSWERED + 2)]
    words = take(*items) if together else [word for item in items for word in take(item)]
    assert words == ["stored"] * (MAX_UNANSWERED + 2)  # whatever became of them
    assert in_inbox(ann) == MAX_UNANSWERED
    check_totals()


def test_an_answer_frees_the_strangers_allowance(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    store(*(mail("eve", ann, f"{number}") for number in range(MAX_UNANSWERED)))
    assert take(envelope(bob, inbox(person("eve")), "not from ann")) == ["stored"]
    store(mail("eve", ann, "no"))
    assert in_inbox(ann) == MAX_UNANSWERED
    assert take(envelope(ann, inbox(person("eve")), "go on")) == ["stored"]
    store(*(mail("eve", ann, f"again {number}") for number in range(MAX_UNANSWERED + 1)))
    assert in_inbox(ann) == 2 * MAX_UNANSWERED


@pytest.mark.parametrize("together", [True, False])
def test_fifty_of_strangers_wait_at_most(hub: Hub, together: bool) -> None:
    ann = hub.member("ann")
    items = [mail(f"stranger {number // 2}", ann, f"{number}") for number in range(MAX_STRANGERS_WAITING + 10)]
    if together:
        assert take(*items) == ["stored"] * len(items)
    else:
        for start in range(0, len(items), 7):
            assert set(take(*items[start : start + 7])) == {"stored"}
    assert in_inbox(ann) == MAX_STRANGERS_WAITING
    assert take(envelope(ann, inbox(person("stranger 0")), "hm?")) == ["stored"]
    store(mail("somebody else", ann))
    assert in_inbox(ann) == MAX_STRANGERS_WAITING + 1


def test_members_mail_does_not_count_as_strangers(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    for start in (0, 30):
        store(*(envelope(bob, inbox(ann), f"{number}") for number in range(start, start + 30)))
    store(mail("eve", ann))
    assert in_inbox(ann) == 61


def test_members_mail_of_the_same_batch_does_not_count_as_strangers(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    store(*(envelope(bob, inbox(ann), f"{number}") for number in range(MAX_STRANGERS_WAITING)), mail("eve", ann))
    assert in_inbox(ann) == MAX_STRANGERS_WAITING + 1


def test_mail_to_somebody_unknown_is_answered_and_forgotten(hub: Hub) -> None:
    unknown, guest = person("unknown"), hub.temporary("guest")
    before = snapshot()
    item = mail("eve", unknown)
    results, stored = store(item, mail("eve", guest), item)
    assert (outcomes(results), stored) == (["stored"] * 3, [])
    assert snapshot() == before


def test_a_strangers_duplicate_shows_as_stored(hub: Hub) -> None:
    ann = hub.member("ann")
    item = mail("eve", ann)
    assert take(item, item) == ["stored", "stored"]
    assert take(item) == ["stored"]
    assert in_inbox(ann) == 1


def test_a_deleted_mail_waits_no_longer(hub: Hub) -> None:
    ann = hub.member("ann")
    items = [mail("eve", ann, f"{number}") for number in range(MAX_UNANSWERED)]
    store(*items)
    assert take(deletion(ann, inbox(ann), items[0].message.id)) == ["stored"]
    store(mail("eve", ann, "again"), mail("eve", ann, "and again"))
    assert in_inbox(ann) == MAX_UNANSWERED + 2  # one more, and the deletion


def word_for(name: str, to: SigningKey, *, bare: bool = False, **fields: Any) -> str:
    """What a stranger is told of a mail."""
    value = envelope(person(name), inbox(to), "hello", type="mail.text", **fields)
    try:
        return take(admitted(without_body(value) if bare else value, Right.STRANGER))[0]
    except AccordError as error:
        return error.code


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"bare": True},
        {"mentions": [bytes(31) + b"\2"]},
        {"answers": [bytes(32)]},
        {"burn_at": NOW + HOUR_MS},
        {"later_field": 1},
        {"crit": ["later_field"], "later_field": 1},
        *({"refs": [(relation, bytes(32))]} for relation in ("edit", "delete", "react", "pin")),
    ],
    ids=str,
)
def test_a_stranger_cannot_tell_who_has_an_account(hub: Hub, fields: dict[str, Any]) -> None:
    ann, nobody = hub.member("ann"), person("nobody")
    assert word_for("eve", ann, **fields) == word_for("eve", nobody, **fields)


@pytest.mark.parametrize("relation", ["edit", "delete", "react", "pin"])
def test_a_stranger_cannot_tell_by_a_reference_to_what_is_held(hub: Hub, relation: str) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    known = mail("eve", ann)
    store(known)
    refs = [(relation, known.message.id)]
    words = {word_for("eve", key, refs=refs) for key in (ann, bob, person("nobody"))}
    assert len(words) == 1


def test_a_stranger_cannot_tell_by_the_limits(hub: Hub) -> None:
    ann = hub.member("ann")
    assert {word_for("eve", ann, answers=[bytes([number]) * 32]) for number in range(MAX_UNANSWERED + 3)} == {"stored"}
    assert in_inbox(ann) == MAX_UNANSWERED


# ----------------------------------------------------------------------------------------------------- control messages


def test_the_admin_opens_a_channel(hub: Hub) -> None:
    nonce = bytes(range(16))
    value = hub.control(hub.admin, "chan.open", {"nonce": nonce, "name": "garden", "about": "plants"})
    topic = Topic("chan", open_channel_id(hub.admin.public, nonce, hub.key))
    assert take(value, envelope(hub.admin, topic, "welcome")) == ["stored", "stored"]
    row = topic_row(topic)
    assert (row.name, row.about, row.count) == ("garden", "plants", 1)
    refused("conflict", hub.control(hub.admin, "chan.open", {"nonce": nonce, "name": "other"}))


def test_nobody_else_opens_a_channel(hub: Hub) -> None:
    refused("denied", hub.control(hub.member("ann"), "chan.open", {"nonce": bytes(16), "name": "mine"}))


def test_a_revocation_is_noted_once(hub: Hub) -> None:
    ann = hub.member("ann")
    body = {"serial": b64encode(bytes(16))}
    values = [envelope(ann, "feed", body, type="cert.revoke", created_at=NOW + number) for number in range(2)]
    assert take(*values) == ["stored", "stored"]
    assert Revocation.objects.count() == 1


def test_a_control_message_with_unknown_critical_fields_is_carried_and_not_applied(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(
        ann, "feed", {"serial": b64encode(bytes(16))}, type="cert.revoke", crit=["only_if"], only_if="moon"
    )
    assert take(value) == ["stored"]
    assert Revocation.objects.count() == 0


# ------------------------------------------------------------------------------------------------------------- cursors


def test_numbers_rise_without_gaps_over_many_batches(hub: Hub) -> None:
    ann, rng = hub.member("ann"), Random(1)
    seen = selectors.store_cursor()
    for _ in range(30):
        values = [
            envelope(ann, rng.choice([hub.lounge, Topic("chan", bytes(32)), "feed"]), f"{rng.random()}")
            for _ in range(rng.randrange(6))
        ]
        results, stored = store(*values)
        assert [entry.cursor for entry in stored] == list(range(seen + 1, seen + 1 + len(stored)))
        assert outcomes(results).count("stored") == len(stored)
        seen += len(stored)
        assert selectors.store_cursor() == seen
    assert cursors() == list(range(1, seen + 1))
    check_totals()


@pytest.fixture
def poison(transactional_db: None) -> Any:
    """The database itself refuses messages of the type x.poison."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TRIGGER poison BEFORE INSERT ON messaging_message WHEN NEW.type = 'x.poison'
            BEGIN SELECT RAISE(ABORT, 'poisoned'); END
        """)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poison")


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_leaves_all_as_it_was(poison: None) -> None:
    hub = install()
    ann, new = hub.member("ann"), person("never met").public
    values = [
        envelope(ann, hub.lounge, "good", mentions=[new]),
        hub.add_user(hub.admin, person("bob").public, "bob"),
        envelope(ann, Topic("user", person("bob").public), "first words"),
        envelope(ann, hub.lounge, {}, type="x.poison"),
    ]
    before = snapshot()
    with pytest.raises(DatabaseError):
        store(*values)
    assert snapshot() == before
    # What was looked up in the failed batch is not believed afterwards: the rows get other ids now.
    User.objects.create(key=person("in between").public)
    assert take(*values[:3]) == ["stored"] * 3
    assert cursors() == list(range(1, selectors.store_cursor() + 1))
    assert Mention.objects.get(message=row_of(ident_of(values[0])).pk).user == User.objects.get(key=new)
    check_totals()


@pytest.mark.django_db(transaction=True)
def test_a_group_that_the_database_refuses_is_stored_one_by_one(poison: None) -> None:
    hub = install()
    ann, before = hub.member("ann"), selectors.store_cursor()
    values = [envelope(ann, hub.lounge, {}, type=type_) for type_ in ("x.a", "x.poison", "x.b", "x.poison", "x.c")]
    results, stored = store_or_refuse([admitted(value) for value in values], NOW)
    assert outcomes(results) == ["stored", "internal", "stored", "internal", "stored"]
    assert [entry.cursor for entry in stored] == [before + 1, before + 2, before + 3]
    assert selectors.store_cursor() == before + 3
    assert account_of(ann).messages_used == 3
    check_totals()


@pytest.mark.django_db(transaction=True)
def test_an_outer_transaction_that_fails_takes_the_numbers_back(hub: Hub) -> None:
    ann, before = hub.member("ann"), snapshot()
    with transaction.atomic():
        assert take(envelope(ann, hub.lounge, "one", mentions=[person("met in vain").public])) == ["stored"]
        transaction.set_rollback(True)
    assert snapshot() == before
    assert take(envelope(ann, hub.lounge, "two", mentions=[person("met in vain").public])) == ["stored"]


def test_there_is_one_store(hub: Hub) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Store.objects.create(pk=2, store=bytes(16))


def test_a_forged_message_is_not_admitted(hub: Hub) -> None:
    with pytest.raises(AccordError, match="bad_sig"):
        admitted(bad_signature(envelope(hub.member("ann"), hub.lounge)))


# ----------------------------------------------------------------------------------------------------- random histories


class History:
    """Messages of four people in four places, each about some message before it; made first, stored batch by batch."""

    def __init__(self, hub: Hub) -> None:
        ann, bob, carl = (hub.member(name, messages=15, bytes=9_000) for name in ("ann", "bob", "carl"))
        self.people = [hub.admin, ann, bob, carl]
        self.places: list[Topic | str] = [hub.lounge, inbox(ann), inbox(bob), "feed"]
        self.known = [envelope(hub.admin, hub.lounge, "the first")]
        self.batch: list[dict[str, Any]] = []
        self.now = NOW

    def write(self, what: str, author: SigningKey, to: Topic | str, about: int, created_at: int) -> None:
        """Put a message into the batch."""
        target = self.known[about % len(self.known)]
        there, ident = target["header"]["to"], ident_of(target)
        burns = {"burn_at": created_at + MINUTE_MS} if about % 3 == 0 else {}
        if what == "text":
            value = envelope(author, to, f"{about} " * about, answers=[ident], created_at=created_at, **burns)
            self.known.append(value)
        elif what == "edit":
            value = envelope(
                author, there, f"{about}", type="chat.edit", refs=[("edit", ident)], created_at=created_at, **burns
            )
        elif what == "pin":
            value = envelope(author, there, {}, type="chat.pin", refs=[("pin", ident)], created_at=created_at)
        elif what == "delete":
            value = deletion(author, there, ident, created_at=created_at)
        elif what == "delete ahead":
            self.known.append(envelope(author, to, f"doomed {about}", created_at=self.now))
            value = deletion(author, to, ident_of(self.known[-1]), created_at=created_at)
        else:
            value = target if what == "again" else without_body(target)
        self.batch.append(value)

    def flush(self) -> None:
        """Store the batch and look whether all adds up."""
        before = selectors.store_cursor()
        living = [value for value in self.batch if value["header"].get("burn_at", self.now + 1) > self.now]
        results, stored = store(*living, now=self.now)
        self.batch = []
        assert len(results) == len(living)
        judged = sorted(zip(results, living, strict=True), key=lambda pair: "body" not in pair[1])  # those come last
        assert [entry.id for entry in stored] == [result.id for result, _ in judged if result.status == "stored"]
        assert [entry.cursor for entry in stored] == list(range(before + 1, before + 1 + len(stored)))
        assert selectors.store_cursor() == before + len(stored)
        check_totals()

    def burn(self) -> None:
        """A minute later."""
        self.now += MINUTE_MS
        due = Message.objects.filter(burn_at__lte=self.now).count()
        assert messages_burn(now=self.now) == due
        check_totals()


STEPS = ("text", "text", "text", "edit", "delete", "delete ahead", "again", "bare", "pin", "burn")
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 3), st.integers(0, 3), st.integers(0, 30), st.booleans()),
    max_size=50,
)


@pytest.mark.django_db
@quick
@given(steps=steps)
def test_sums_stay_right_in_random_histories(steps: list[tuple[str, int, int, int, bool]]) -> None:
    with transaction.atomic():
        history = History(install())
        for number, (what, who, where, about, ends) in enumerate(steps):
            if what != "burn":
                author, to = history.people[who], history.places[where]
                history.write(what, author, to, about, history.now + number)
            if ends or what == "burn":
                history.flush()
            if what == "burn":
                history.burn()
        history.flush()
        for member in history.people[1:]:
            account = account_of(member)
            assert account.messages_used <= 15
            assert account.bytes_used <= 9_000
        transaction.set_rollback(True)
