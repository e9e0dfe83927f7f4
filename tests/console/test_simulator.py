"""The simulator of pruning: it shows what pruning would do, and does nothing."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from accord.merkle import horizon_of
from console.simulator import HOUR_MS, simulated, stops
from messaging.models import Message
from messaging.room import MIB, room
from peers.clock import now_ms
from tests.console.conftest import page
from tests.factories import Hub, envelope, take

DAY_MS = 24 * HOUR_MS
OLD_DAYS = 40


@pytest.fixture
def full(hub: Hub) -> Hub:
    """Twenty old messages of ann, and two of today."""
    ann = hub.member("ann")
    now = now_ms()
    old = [envelope(ann, hub.lounge, "x" * 500, created_at=now - OLD_DAYS * DAY_MS + step) for step in range(20)]
    new = [envelope(ann, hub.lounge, "today", created_at=now - step) for step in range(2)]
    assert set(take(*old, *new, now=now)) == {"stored"}
    return hub


def asked(client: Client, **query: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(page(client, "/console/storage/simulate/", **query))
    return found


def test_by_age(operator: Client, full: Hub) -> None:
    before = Message.objects.count()
    found = asked(operator, hours="240")
    assert found["messages"] == 20
    assert "20 messages" in str(found["says"])
    tables = found["tables"]
    assert isinstance(tables, list)
    assert {table["title"]: table["rows"][0][:2] for table in tables[:2]} == {
        "Topic": ["#lounge", "20"],
        "Person": ["ann", "20"],
    }
    assert operator.get(str(found["url"])).status_code == 200, "the deed that does it"
    assert asked(operator, hours="2400")["messages"] == 0
    assert Message.objects.count() == before


def test_by_room(operator: Client, full: Hub) -> None:
    now = now_ms()
    assert asked(operator, mib=str(room().used // MIB + 1))["says"] == "Nothing would go."
    all_gone = simulated(mib=0, hours=None, now=now)
    assert all_gone["messages"] == 20
    assert simulated(mib=0, hours=2400, now=now)["messages"] == 20, "the stricter of the two counts"
    assert (
        simulated(mib=0, hours=0, now=now)["messages"]
        == Message.objects.filter(created_at__lt=horizon_of(now), topic__kind="chan").count()
    )


def test_what_burns_by_itself_is_said(operator: Client, full: Hub) -> None:
    now = now_ms()
    take(envelope(full.admin, full.lounge, "soon", created_at=now, burn_at=now + DAY_MS), now=now)
    assert "1 message burns without that" in str(asked(operator, hours="2400")["says"])


@pytest.mark.parametrize("query", ["mib=x", "hours=-1", "mib=" + "9" * 20, "hours=9999999", "mib=1.5"])
def test_strange_questions(operator: Client, full: Hub, query: str) -> None:
    assert operator.get(f"/console/storage/simulate/?{query}").status_code == 400


def test_by_day(operator: Client, full: Hub) -> None:
    now = now_ms()
    take(envelope(full.admin, full.lounge, "soon", created_at=now, burn_at=now + DAY_MS), now=now)
    days = json.loads(page(operator, "/console/storage/held/"))["days"]
    old = (now - OLD_DAYS * DAY_MS) // DAY_MS
    assert sum(messages for day, messages, _ in days if day in (old, old + 1)) == 20
    assert sum(burning for *_, burning in days) == 1
    assert [day for day, *_ in days] == sorted(day for day, *_ in days)
    gone = asked(operator, hours="240")["days"]
    assert isinstance(gone, list)
    assert sum(messages for _, messages in gone) == 20


def test_the_slider_stops_where_it_changes_something(operator: Client, full: Hub) -> None:
    text = page(operator, "/console/storage/")
    found = re.search(r'id="sim-time" min="0" max="([0-9]+)"', text)
    assert found is not None
    hours = stops(now_ms())
    assert int(found[1]) == len(hours)
    assert hours[0] == 6
    assert hours[-1] == 30 * 24
    assert 'type="range" id="sim-mib"' in text
    Message.objects.all().delete()
    assert stops(now_ms()) == []
