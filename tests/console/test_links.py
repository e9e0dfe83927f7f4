"""Links in the console: how they stand, what can be done about them, what the operator is told before."""

from __future__ import annotations

import pytest
from django.test import Client

from links import services
from links.models import Exchange, Link, Parcel
from links.states import State
from messaging import trees
from peers.clock import now_ms
from peers.models import AuditEntry
from tests.console.conftest import page
from tests.factories import Hub, envelope, store

KEY = b"\x09" * 32

pytestmark = pytest.mark.django_db


@pytest.fixture
def link(hub: Hub) -> Link:
    """A link that has been equal once, is unequal now, and has a message waiting."""
    now = now_ms()
    made = services.link_make(
        key=KEY, name="Next door", origin="http://127.0.0.1:51031", everything=False, now=now - 9_000_000
    )
    for state in (State.DIALLING, State.COMPARING):
        services.link_step(key=KEY, state=state, now=now)
    services.exchange_end(key=KEY, ended=services.Ended(now, Exchange.Outcome.EQUAL, received=1204), now=now)
    services.exchange_end(key=KEY, ended=services.Ended(now, Exchange.Outcome.CUT, code="lost"), now=now)
    services.parcels_make(cursors=[(KEY, 1)], now=now)
    return made


def do(operator: Client, deed: str, link: Link, **fields: str) -> str:
    """What a deed says first; then it is done."""
    path = f"/console/do/{deed}/{link.pk}/"
    says = page(operator, path)
    assert operator.post(path, {**fields, "confirmed": "1"}).status_code == 302
    return says


def test_the_table_says_how_a_link_stands(operator: Client, link: Link) -> None:
    text = page(operator, "/console/links/link/")
    assert "Next door" in text
    assert "not equal: the connection was lost, next try in " in text
    assert "channels that are used" in text


def test_the_chart_shows_what_came_and_the_worst_outcome_of_an_hour(operator: Client, link: Link) -> None:
    text = page(operator, "/console/equal/")
    assert "behind by 1,204, then cut" in text
    assert "1,204" in text


def test_a_comparison_is_asked_for(operator: Client, link: Link) -> None:
    do(operator, "compare-link", link)
    assert Link.objects.get().asked_at is not None


def test_off_and_on_again(operator: Client, link: Link) -> None:
    do(operator, "stop-link", link)
    assert (Link.objects.get().state, Link.objects.get().enabled) == ("off", False)
    do(operator, "start-link", link)
    assert Link.objects.get().state == "new"
    assert AuditEntry.objects.filter(action__in=["stop_link", "start_link"]).count() == 2


def test_removing_says_what_is_lost_and_forgets_what_waits(operator: Client, link: Link) -> None:
    says = do(operator, "remove-link", link)
    assert "1 message to people there will not be sent" in says
    assert not Link.objects.exists()
    assert not Parcel.objects.exists()


def test_a_damaged_invite_is_refused_in_words(operator: Client, hub: Hub) -> None:
    answer = operator.post(
        "/console/do/link-hub/", {"link": "https://hub.example/join", "carries": "used", "confirmed": "1"}
    )
    assert answer.status_code == 400
    assert "invite link" in answer.content.decode()
    assert not Link.objects.exists()


def test_trees_are_listed_with_root_and_count(operator: Client, hub: Hub) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, "hello"), envelope(ann, hub.lounge, "again"))
    root = trees.root(hub.lounge, now=now_ms()).root.hex()
    assert root[:16] in page(operator, "/console/trees/?kind=chan")
    assert root in page(operator, "/console/trees/?export=1")
