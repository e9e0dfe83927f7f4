"""The page about the store's room, and the deed that prunes."""

from __future__ import annotations

import pytest
from django.test import Client

from accord.merkle import HORIZON_MS, horizon_of
from console.charts import gauge, named_bars
from console.storage import days_text
from messaging.models import Message, Receipt, RoomSample
from messaging.room import MIB, room
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
    def said(used: list[int], *, every: int = 1, limit: int = 10_000) -> str:
        history = [RoomSample(hour=hour * every, used=amount) for hour, amount in enumerate(used)]
        return days_text(history, used=used[-1] if used else 0, limit=limit)

    assert "an hour after" in said([])
    assert said([0, 10, 20, 30]) == "Full in about 42 days, as in the last 3 h."
    assert said([0, 1_000]) == "Full in about 9 hours, as in the last 1 h."
    assert said([30, 20]).startswith("Not full")
    assert said([0, 9_900]).startswith("Full: as new")
    calm_then_busy = [10 * day for day in range(10)] + [90 + 100 * day for day in range(1, 5)]
    assert said(calm_then_busy, every=24) == "Full in 95 to 252 days, by how it grew in the last day, week and month."
    assert "at the earliest" in said([400, 300, 200, 100, 50, 60], every=24)


def test_charts_of_odd_values() -> None:
    assert 'width="480"' in gauge(7.5, "much")
    assert 'width="0"' in gauge(-1, "nothing").replace("0.0", "0")
    assert named_bars([], [], "messages", says="none").count("<rect") == 0
    drawn = named_bars([f"m{number}" for number in range(90)], [1] * 90, "messages", says="many")
    assert drawn.count("<rect") == 90
    assert drawn.count('text-anchor="end">m') <= 7
