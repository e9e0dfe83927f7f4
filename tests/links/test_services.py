from __future__ import annotations

import pytest

from accord.errors import AccordError
from links import selectors, services
from links.models import Exchange, Link, Parcel, Refusal
from links.states import State
from messaging.models import Topic
from peers.keyring import keyring

NOW = 1_800_000_000_000
KEY = b"\x07" * 32

pytestmark = pytest.mark.django_db


def make(origin: str = "http://127.0.0.1:51031") -> Link:
    return services.link_make(key=KEY, name="other", origin=origin, everything=False, now=NOW)


def step(*states: State) -> None:
    for state in states:
        assert services.link_step(key=KEY, state=state, now=NOW)


def end(outcome: Exchange.Outcome, **fields: object) -> None:
    services.exchange_end(key=KEY, ended=services.Ended(NOW, outcome, **fields), now=NOW)  # type: ignore[arg-type]


def test_a_hub_is_not_linked_to_itself() -> None:
    with pytest.raises(AccordError, match="itself"):
        services.link_make(key=keyring().hub.public, name="", origin="http://x", everything=False, now=NOW)


def test_one_row_a_hub_and_made_again_it_is_tried_at_once() -> None:
    make()
    step(State.DIALLING)
    services.link_step(key=KEY, state=State.REFUSED, now=NOW, code="denied", next_at=NOW + 600_000)
    again = make("http://127.0.0.1:51032")
    assert (again.state, again.code, again.next_at, again.origin) == ("new", "", None, "http://127.0.0.1:51032")
    assert Link.objects.count() == 1


def test_a_link_that_is_dialled_does_not_lose_its_address_when_the_other_dials() -> None:
    make()
    assert make("").origin == "http://127.0.0.1:51031"


def test_equal_waits_for_the_schedule_and_unequal_ever_longer() -> None:
    make()
    step(State.DIALLING, State.COMPARING)
    end(Exchange.Outcome.EQUAL, received=3)
    link = Link.objects.get()
    assert (link.state, link.equal_at, link.failures) == ("equal", NOW, 0)
    assert services.links_due(now=NOW + services.COMPARE_EVERY_MS - 1) == 0
    assert services.links_due(now=NOW + services.COMPARE_EVERY_MS) == 1
    assert services.links_due(now=NOW + services.COMPARE_EVERY_MS) == 0  # it is asked for already
    pauses = []
    for _ in range(8):
        step(State.COMPARING)
        end(Exchange.Outcome.UNEQUAL)
        pauses.append((Link.objects.get().next_at or 0) - NOW)
    minute = 60_000
    assert pauses == [minute * factor for factor in (1, 2, 4, 8, 16, 32, 60, 60)]
    step(State.COMPARING)
    end(Exchange.Outcome.EQUAL)
    assert Link.objects.get().failures == 0


def test_when_a_hub_is_at_fault_those_that_were_equal_are_asked() -> None:
    make()
    step(State.DIALLING, State.COMPARING)
    other = b"\x08" * 32
    services.link_make(key=other, name="third", origin="http://127.0.0.1:51032", everything=False, now=NOW)
    for state in (State.DIALLING, State.COMPARING):
        services.link_step(key=other, state=state, now=NOW)
    services.exchange_end(key=other, ended=services.Ended(NOW, Exchange.Outcome.EQUAL), now=NOW)
    end(Exchange.Outcome.CUT, code="lost")
    assert Link.objects.get(key=other).asked_at is None
    step(State.COMPARING)
    end(Exchange.Outcome.CUT, code="bad_request")
    assert Link.objects.get(key=other).asked_at == NOW


def test_what_is_refused_is_kept_for_a_week_and_history_for_a_month() -> None:
    make()
    step(State.DIALLING, State.COMPARING)
    topic = Topic.objects.create(kind="chan", ident=b"\3" * 32).pk
    end(Exchange.Outcome.EQUAL, refusals=[(topic, b"\1" * 32), (topic, b"\2" * 32), (topic, b"\4" * 32)])
    end(Exchange.Outcome.EQUAL, refusals=[(topic, b"\2" * 32)], taken=[b"\4" * 32])
    assert Link.objects.get().refused == 2
    assert services.history_prune(now=NOW + services.REFUSED_MS) == 0
    assert not Refusal.objects.exists()
    assert services.history_prune(now=NOW + services.HISTORY_MS) == 2


def test_a_link_that_is_switched_off_takes_no_step() -> None:
    make()
    services.link_switch(key=KEY, enabled=False, now=NOW)
    assert not services.link_step(key=KEY, state=State.DIALLING, now=NOW)
    assert Link.objects.get().state == "off"
    services.link_switch(key=KEY, enabled=True, now=NOW)
    assert Link.objects.get().state == "new"


def test_after_a_crash_no_session_is_open() -> None:
    make()
    step(State.DIALLING, State.COMPARING)
    services.links_start(now=NOW)
    assert Link.objects.get().state == "new"


def test_parcels_wait_longer_after_each_try_and_go_with_the_link() -> None:
    make()
    services.parcels_make(cursors=[(KEY, 5), (KEY, 5), (KEY, 6)], now=NOW)
    assert selectors.parcels_waiting() == {KEY: 2}
    (first, cursor, tries), (second, _, _) = selectors.parcels_due(KEY, now=NOW, limit=10)
    assert (cursor, tries) == (5, 0)
    services.parcels_end(done=[second], again=[(first, 0)], now=NOW)
    parcel = Parcel.objects.get()
    assert parcel.tries == 1
    assert services.FIRST_PARCEL_MS / 2 <= parcel.next_at - NOW <= services.FIRST_PARCEL_MS
    assert selectors.parcels_due(KEY, now=NOW, limit=10) == []
    services.parcels_now(hub=KEY)
    assert len(selectors.parcels_due(KEY, now=NOW, limit=10)) == 1
    services.link_remove(key=KEY)
    assert not Parcel.objects.exists()
    with pytest.raises(AccordError, match="no link"):
        services.link_remove(key=KEY)


def test_links_are_listed_with_their_state_in_words() -> None:
    make()
    services.parcels_make(cursors=[(KEY, 5)], now=NOW)
    (row,) = selectors.link_rows(now=NOW)
    assert (row["text"], row["waiting"], row["connected"], row["all"]) == ("not dialled yet", 1, False, False)
