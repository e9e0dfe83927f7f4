"""What a buried key has signed after its time is gone, whatever came first; trees and totals agree."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.messages import parse_envelope
from accord.statements import make_statement
from accord.topics import Topic
from invites.removal import removal_finish
from messaging import burials, trees
from messaging.admission import Admitted, admit
from messaging.burials import burials_sweep, written_by
from messaging.locks import store_lock
from messaging.models import Message, Reference, Store
from messaging.models import Topic as TopicRow
from messaging.publishing import publisher_of_link
from peers.blessings import hub_seen
from peers.models import Tombstone
from peers.tombstones import bury
from tests.factories import (
    HOUR_MS,
    MINUTE_MS,
    NOW,
    Hub,
    admitted,
    check_totals,
    deletion,
    envelope,
    feed,
    ident_of,
    inbox,
    install,
    outcomes,
    person,
    store,
    take,
)

OTHER: Final = person("other hub")
AFTER: Final = NOW + 10 * MINUTE_MS


def brought(value: dict[str, Any], *, now: int = NOW) -> Admitted:
    """A message as a linked hub brings it."""
    return admit(parse_envelope(value), publisher_of_link(OTHER.public), now=now)


def held(topic: Topic | None = None) -> set[bytes]:
    rows = Message.objects.exclude(topic__kind="hub")
    if topic is not None:
        rows = rows.filter(topic__kind=topic.kind, topic__ident=topic.ident)
    return {bytes(ident) for ident in rows.values_list("ident", flat=True)}


def trees_are_true(now: int) -> None:
    """Totals and branches agree with what is held."""
    check_totals()
    trees.refresh(now=now)
    for kind, ident in TopicRow.objects.values_list("kind", "ident"):
        topic = Topic(kind, bytes(ident))
        before = trees.root(topic, now=now)
        with transaction.atomic():
            trees.mark_whole([TopicRow.objects.get(kind=kind, ident=ident).pk])
        assert trees.root(topic, now=now) == before


def test_what_is_too_late_goes_from_every_topic_with_all_that_belongs_to_it(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    kept = [envelope(ann, hub.lounge, "early", created_at=NOW - 1), envelope(ann, "feed", "at", created_at=NOW)]
    others = [envelope(bob, hub.lounge, "mine"), envelope(bob, inbox(ann), "to ann")]
    late = [
        envelope(ann, hub.lounge, "late", created_at=NOW + 1, mentions=[bob.public]),
        envelope(ann, "feed", "late", created_at=NOW + 2),
        envelope(ann, inbox(bob), "late", created_at=NOW + 3, answers=[ident_of(others[1])]),
    ]
    assert take(*kept, *others, *late) == ["stored"] * 7
    trees.refresh(now=NOW)
    with_them = trees.root(hub.lounge, now=NOW).root
    hub_rows = Message.objects.filter(topic__kind="hub").count()
    bury(ann.public, at=NOW, now=NOW)
    assert burials_sweep() == 3
    assert burials_sweep() == 0
    assert held() == {ident_of(value) for value in [*kept, *others]}
    assert Message.objects.filter(topic__kind="hub").count() == hub_rows
    assert not Reference.objects.exists()
    assert trees.root(hub.lounge, now=NOW).root != with_them
    assert Store.objects.get().unwiped == 3
    assert Tombstone.objects.get().is_swept
    trees_are_true(NOW)


def test_a_key_that_never_wrote_is_swept(hub: Hub) -> None:
    bury(person("nobody").public, at=NOW, now=NOW)
    assert burials_sweep() == 0
    assert Tombstone.objects.get().is_swept


def test_another_hubs_dead_leave_the_channels_of_that_hub_alone_or_not_at_all(hub: Hub) -> None:
    ann = hub.member("ann")
    statement = make_statement(OTHER, type="set_admin", at=NOW, user=b64encode(person("their admin").public))
    hub_seen(admin=statement, name="Elsewhere", proved=True, now=NOW)
    theirs = Topic("chan", bytes(32))
    TopicRow.objects.create(kind="chan", ident=bytes(32), name="garden", hub=OTHER.public)
    values = [envelope(ann, topic) for topic in (theirs, hub.lounge, feed(ann).kind, inbox(hub.admin))]
    assert take(*values) == ["stored"] * 4
    Tombstone.objects.create(hub=OTHER.public, key=ann.public, at=NOW - 1, buried_at=NOW)
    assert burials_sweep() == 1
    assert held() == {ident_of(value) for value in values[1:]}
    trees_are_true(NOW)


def test_what_has_been_written(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    assert take(*(envelope(ann, hub.lounge, str(n)) for n in range(3)), envelope(bob, "feed"))
    assert written_by([]) == written_by([person("nobody").public]) == (0, 0, 0)
    one, both = written_by([ann.public]), written_by([ann.public, bob.public])
    assert (one.channels, one.messages, both.channels, both.messages) == (1, 3, 1, 4)
    assert 0 < one.bytes < both.bytes


# Of one who is removed at NOW: when each message was signed, to where, and who brings it.
MESSAGES: Final = st.lists(
    st.tuples(
        st.sampled_from([-HOUR_MS, -1, 0, 1, MINUTE_MS]),
        st.sampled_from(["lounge", "feed", "inbox"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=MESSAGES, data=st.data())
def test_in_any_order_of_arrival_the_same_is_held(messages: list[tuple[int, str, bool]], data: st.DataObject) -> None:
    """Of what other hubs hold the removed one's messages come before, while and after the removal is undone or final;
    what was refused for the moment comes again. Sessions of the removed one add nothing once it is frozen.
    """
    with transaction.atomic():
        hub = install()
        ann, bob = hub.member("ann"), hub.member("bob")
        places = {"lounge": hub.lounge, "feed": "feed", "inbox": inbox(bob)}
        values = [
            envelope(ann, places[place], str(number), created_at=NOW + after)
            for number, (after, place, _) in enumerate(messages)
        ]
        deleted = deletion(ann, hub.lounge, ident_of(envelope(bob, hub.lounge, "x")), created_at=NOW + 2)
        order = data.draw(st.permutations([*range(len(values)), "remove", "finish", "sweep", "delete"]))
        if order.index("finish") < order.index("remove"):
            order.remove("finish")
            order.append("finish")
        again: list[dict[str, Any]] = []
        for step in order:
            if step == "remove":
                assert take(hub.remove(hub.admin, ann.public)) == ["stored"]
            elif step == "finish":
                removal_finish(now=AFTER)
            elif step == "sweep":
                burials_sweep()
            else:
                value = deleted if step == "delete" else values[int(step)]
                (result,) = outcomes(store(brought(value), now=NOW)[0])
                if result == "busy":
                    again.append(value)
                else:
                    too_late = parse_envelope(value).created_at > NOW
                    is_dead = Tombstone.objects.exists()
                    assert result == ("denied" if too_late and is_dead else "stored")
        assert set(outcomes(store(*(brought(value, now=AFTER) for value in again), now=AFTER)[0])) <= {
            "stored", "denied",
        }  # fmt: skip
        burials_sweep()
        expected = {ident_of(value) for value, (after, _, _) in zip(values, messages, strict=True) if after <= 0}
        assert held() == expected
        trees_are_true(AFTER)
        assert take(admitted(values[0], now=AFTER), now=AFTER) in (["denied"], ["duplicate"])
        transaction.set_rollback(True)


def test_a_sweep_that_is_cut_anywhere_goes_on_where_it_was(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the process were killed at the beginning of each of its transactions in turn."""
    monkeypatch.setattr(burials, "STEP_MESSAGES", 2)
    ann = hub.member("ann")
    values = [envelope(ann, hub.lounge, str(number), created_at=NOW + number) for number in range(8)]
    assert take(*values) == ["stored"] * 8
    bury(ann.public, at=NOW, now=NOW)
    for lasts in (0, 1, 2):
        left = [lasts]

        def lock(left: list[int] = left) -> int:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return store_lock()

        monkeypatch.setattr(burials, "store_lock", lock)
        with pytest.raises(KeyboardInterrupt):
            burials_sweep()
        assert not Tombstone.objects.get().is_swept
        trees_are_true(NOW)
    monkeypatch.setattr(burials, "store_lock", store_lock)
    assert burials_sweep() == 1  # 2 and 4 are gone already
    assert held() == {ident_of(values[0])}
    trees_are_true(NOW)
