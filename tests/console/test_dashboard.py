"""The figures of the dashboard are right, and what needs attention is said."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from celery.signals import task_failure, task_postrun, task_prerun
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from console import attention, runs
from console.models import Counted, DayCount, Factor, Sample
from console.selectors import DAY_MS, messages_by_day
from console.services import COUNT_STEP, SAMPLES_KEPT_MINUTES, Sampler, days_count
from invites.models import Balance
from messaging.backup.keys import pair_create
from messaging.models import Message
from peers import options
from peers.clock import now_ms
from peers.counters import Counters
from tests.console.conftest import forget_runs, page
from tests.factories import MINUTE_MS, Hub, envelope, store

SECOND_MS = 1_000


def figures(text: str) -> dict[str, str]:
    """What the cards say."""
    return dict(re.findall(r'card-title">([^<]+)</span><span class="figure">([^<]+)<', text))


def say(hub: Hub, count: int, *, days_ago: int = 0) -> None:
    now = now_ms()
    ann = hub.admin
    store(*(envelope(ann, hub.lounge, str(n), created_at=now - days_ago * DAY_MS - n) for n in range(count)), now=now)


def test_figures(operator: Client, hub: Hub) -> None:
    for name in ("ann", "bob"):
        hub.member(name)
    hub.temporary("guest")
    say(hub, 5)
    say(hub, 3, days_ago=2)
    found = figures(page(operator, "/console/"))
    assert found["People"] == "2"
    today = Message.objects.filter(created_at__gte=now_ms() // DAY_MS * DAY_MS).count()
    assert found["Messages today"] == str(today)
    assert list(found) == [
        "People",
        "Messages today",
        "Storage",
        "Live sockets",
        "Stored a minute",
        "Delivered a minute",
        "Links",
        "Tasks",
        "Errors",
    ]


def test_days_are_the_same_before_and_after_counting(hub: Hub) -> None:
    say(hub, 4)
    say(hub, 2, days_ago=1)
    today = now_ms() // DAY_MS
    before = messages_by_day(first=today - 3, last=today)
    assert before[2] == 2
    total = days_count()
    assert total == Message.objects.count()
    assert messages_by_day(first=today - 3, last=today) == before
    assert days_count() == 0
    say(hub, 1)
    assert messages_by_day(first=today, last=today) == [before[3] + 1]


def test_counting_goes_in_steps_and_counts_nothing_twice(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.services.COUNT_STEP", 3)
    say(hub, 20)
    days_count()
    assert sum(DayCount.objects.values_list("messages", flat=True)) == Message.objects.count()
    assert Counted.objects.get().cursor >= 20
    assert COUNT_STEP > 1_000


def test_samples_tell_what_a_minute_brought(hub: Hub) -> None:
    counters, sampler, now = Counters(), Sampler(), now_ms()
    counters.stored, counters.delivered = 7, 21
    counters.refused["denied"] = 2
    sampler.sample_take(counters, now=now)
    counters.stored = 9
    sampler.sample_take(counters, now=now + 1)  # the same minute, or the next
    sampler.sample_take(counters, now=now + MINUTE_MS)
    rows = list(Sample.objects.order_by("minute"))
    assert sum(row.stored for row in rows) == 9
    assert sum(row.delivered for row in rows) == 21
    assert sum(row.refused for row in rows) == 2
    assert rows[0].bytes > 0
    sampler.sample_take(counters, now=now + (SAMPLES_KEPT_MINUTES + 2) * MINUTE_MS)
    assert Sample.objects.count() == 1


def test_queries_of_the_dashboard_are_few(operator: Client, hub: Hub) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(operator, "/console/")
        return len(queries)

    first = count()
    for number in range(5):
        hub.member(f"mem{number}")
    say(hub, 50)
    assert count() == first
    assert first <= 30


# ------------------------------------------------------------------------------------------------- what needs attention


def sentences(hour: list[Sample] | None = None, logins: int = 0) -> str:
    return " ".join(concern.says for concern in attention.concerns(hour or [], logins))


@pytest.fixture(autouse=True)
def _no_runs() -> None:
    forget_runs()


def test_a_well_kept_hub_needs_nothing(operator: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    Factor.objects.create(kind="totp", name="app", created_at=1, is_confirmed=True, secret=b"x")
    monkeypatch.setattr(attention, "LITTLE_DISK_BYTES", 0)
    monkeypatch.setattr(attention, "LITTLE_DISK_SHARE", 0)
    options.load({"backup_key": pair_create()[0]})
    assert sentences() == ""
    assert "All is well" in page(operator, "/console/")


def test_no_second_factor(operator: Client) -> None:
    assert "for operator: no second factor" in sentences()


def test_no_invites_left(hub: Hub) -> None:
    Balance.objects.update(granted=0, unspent=0, spent=0)
    assert "No invite is left" in sentences()
    Balance.objects.update(granted=3, unspent=3)
    assert "Only 3 invites" in sentences()


def test_a_full_disk(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimpleNamespace(total=100 * 1024**3, free=1024**2, used=0)
    monkeypatch.setattr(attention.shutil, "disk_usage", lambda path: disk)
    assert "disk is filling up" in sentences()


def test_a_task_that_fails(hub: Hub) -> None:
    task = SimpleNamespace(name="some.task")
    task_prerun.send(None, task_id="1", task=task)
    task_failure.send(None, task_id="1", exception=ValueError("with a secret"))
    task_postrun.send(None, task_id="1", task=task)
    assert "some.task failed" in sentences()
    assert "secret" not in sentences()
    task_prerun.send(None, task_id="2", task=task)
    task_postrun.send(None, task_id="2", task=task)
    assert "some.task" not in sentences()
    record = runs.records()["some.task"]
    assert (record.runs, record.failures) == (2, 1)


def test_many_refusals(hub: Hub) -> None:
    fields = {"people": 0, "bytes": 0, "sockets": 0, "delivered": 0}
    calm = Sample(minute=1, stored=10_000, refused=attention.MANY_REFUSED, **fields)
    storm = Sample(minute=1, stored=10, refused=attention.MANY_REFUSED, **fields)
    assert "refused" not in sentences([calm])
    assert "messages were refused" in sentences([storm])
    assert "logins were refused" in sentences([], attention.MANY_LOGINS_REFUSED)


@pytest.mark.parametrize(
    ("url", "is_told"),
    [("", False), ("https://hub.example", False), ("http://hub.example", True), ("http://localhost:8000", False)],
)
def test_a_hub_that_is_reached_in_clear(hub: Hub, url: str, is_told: bool) -> None:
    with override_settings(ACCORD_URL=url):
        assert ("in clear" in sentences()) == is_told


def test_every_concern_leads_to_a_page(operator: Client, hub: Hub) -> None:
    Balance.objects.update(granted=0, unspent=0, spent=0)
    with override_settings(ACCORD_URL="http://hub.example"):
        for concern in attention.concerns([], attention.MANY_LOGINS_REFUSED):
            assert operator.get(concern.url).status_code == 200, concern
