"""The page about the store's room, and the deed that prunes."""

from __future__ import annotations

import pytest
from django.test import Client

from accord.merkle import HORIZON_MS, horizon_of
from console.charts import gauge, named_bars
from console.storage import days_text
from messaging.models import Message, Receipt, RoomSample
from messaging.room import MIB, Forecast, room
from messaging.tasks import note_room, prune
from peers import options
from peers.clock import now_ms
from peers.models import AuditEntry
from tests.console.conftest import page
from tests.factories import Hub, envelope, take

pytestmark = pytest.mark.django_db(transaction=True)  # pruning gives pages back, which no transaction can

WORDS = "x" * 20_000


def talk(hub: Hub, count: int) -> int:
    """Old messages of two people and a pinned one; gives the time of the first."""
    ann, bob = hub.member("ann"), hub.member("bob")
    now = now_ms()
    first = horizon_of(now) - count * HORIZON_MS
    said = [
        envelope((ann, bob)[number % 2], hub.lounge, f"{number} {WORDS}", created_at=first + number * HORIZON_MS)
        for number in range(count)
    ]
    assert set(take(*said, now=now)) == {"stored"}
    return first


def test_a_small_store_says_so(operator: Client, hub: Hub) -> None:
    text = page(operator, "/console/storage/")
    assert "Nothing goes now: the store is within its bound." in text
    assert "Nothing has been removed from this hub." in text
    assert "known an hour after the first start" in text
    assert 'href="/console/storage/"' in page(operator, "/console/")


def test_what_would_go_is_told_and_then_done(operator: Client, hub: Hub) -> None:
    first = talk(hub, 120)
    before = Message.objects.count()
    goal = room().used // MIB - 1
    text = page(operator, "/console/storage/", to=str(goal))
    assert "#lounge" in text
    assert all(f">{name}<" in text for name in ("ann", "bob"))
    assert 'aria-label="Messages that would go, by month"' in text
    assert Message.objects.count() == before, "looking changes nothing"
    (url,) = {part.split('"')[0] for part in text.split('href="') if part.startswith("/console/do/prune/")}
    told = page(operator, url)
    assert "It cannot be undone." in told
    assert Message.objects.count() == before
    answer = operator.post(url, {"confirmed": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/storage/")
    gone = before - Message.objects.count()
    assert gone > 30
    assert room().used <= (goal + 1) * MIB
    assert AuditEntry.objects.filter(action="prune", detail__startswith=f"{gone} messages").exists()
    assert (Receipt.objects.get().count, Receipt.objects.get().horizon > first) == (gone, True)
    after = page(operator, "/console/storage/")
    assert f'data-label="Messages">{gone}</td>' in after
    assert operator.post(url, {"confirmed": "1"}).headers["Location"] == "/console/", "there is nothing left to do"


@pytest.mark.parametrize("target", ["0", "1", "x", "999999999999999999"])
def test_a_deed_without_anything_to_remove(operator: Client, hub: Hub, target: str) -> None:
    assert operator.get(f"/console/do/prune/{target}/").status_code in (302, 404)
    assert operator.post(f"/console/do/prune/{target}/", {"confirmed": "1"}).status_code in (302, 404)
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("asked", ["", "-1", "9999999999", "1e3", "<b>"])
def test_any_question_is_answered(operator: Client, hub: Hub, asked: str) -> None:
    talk(hub, 3)
    assert "<b>&" not in page(operator, "/console/storage/", to=asked)


def test_the_bound_that_the_operator_sets_is_kept_by_the_task(operator: Client, hub: Hub) -> None:
    talk(hub, 1_000)
    assert room().used > 20 * MIB
    prune()
    assert not Receipt.objects.exists()
    assert operator.post("/console/settings/", {"name": "store_mib", "value": "16"}).status_code == 302
    for _ in range(5):  # a run may end before all is done
        prune()
    assert room().used <= 16 * MIB
    assert "Full: as new messages come, the oldest go." not in page(operator, "/console/storage/")
    note_room()
    assert RoomSample.objects.get().used <= 16 * MIB
    options.load({})


def test_forecasts_in_words() -> None:
    assert days_text(Forecast(5, 72, 40.2), is_full=False) == "Full in about 40 days, as in the last 3 days."
    assert days_text(Forecast(5, 3, 0.5), is_full=False) == "Full in about 12 hours, as in the last 3 h."
    assert days_text(Forecast(-5, 3, None), is_full=False).startswith("Not full")
    assert days_text(Forecast(5, 3, 99_999), is_full=False).startswith("Not full")


def test_charts_of_odd_values() -> None:
    assert 'width="480"' in gauge(7.5, "much")
    assert 'width="0"' in gauge(-1, "nothing").replace("0.0", "0")
    assert named_bars([], [], "messages", says="none").count("<rect") == 0
    drawn = named_bars([f"m{number}" for number in range(90)], [1] * 90, "messages", says="many")
    assert drawn.count("<rect") == 90
    assert drawn.count('text-anchor="end">m') <= 7
