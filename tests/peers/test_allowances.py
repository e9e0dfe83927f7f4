"""When what accounts have stored counts no longer: the operator's policy, in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers import options
from peers.allowances import allowances_reset, next_reset, period_start
from peers.models import Account, AllowancePeriod
from tests.factories import Hub, account_of, in_threads, install

DAY_MS = 24 * 3600 * 1000


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc]


@pytest.fixture
def hub(db: None) -> Hub:
    return install()


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    options.load({})


def policy(word: str) -> None:
    options.load({"allowance_reset": word})


NOON = ms(2026, 11, 18, 12)  # a Wednesday


@pytest.mark.parametrize(
    ("word", "start", "then"),
    [
        ("never", None, None),
        ("day", ms(2026, 11, 18), ms(2026, 11, 19)),
        ("week", ms(2026, 11, 16), ms(2026, 11, 23)),
        ("month", ms(2026, 11, 1), ms(2026, 12, 1)),
    ],
)
def test_days_weeks_and_months(word: str, start: int | None, then: int | None) -> None:
    policy(word)
    assert (period_start(word, NOON), next_reset(now=NOON)) == (start, then)
    for end in () if then is None else (then,):
        assert period_start(word, end - 1) == start
        assert period_start(word, end) == end


@given(word=st.sampled_from(["day", "week", "month"]), now=st.integers(0, 2**42))
def test_each_moment_lies_in_one_period(word: str, now: int) -> None:
    policy(word)
    start, then = period_start(word, now), next_reset(now=now)
    assert start is not None
    assert then is not None
    assert start <= now < then <= start + 31 * DAY_MS
    assert period_start(word, then) == then


def use(key: object) -> None:
    Account.objects.filter(pk=account_of(key).pk).update(messages_used=5, bytes_used=700, reserve_used=9)  # type: ignore[arg-type]


def used(key: object) -> tuple[int, int, int]:
    row = account_of(key)  # type: ignore[arg-type]
    return row.messages_used, row.bytes_used, row.reserve_used


def test_a_day_begins_once(hub: Hub) -> None:
    ann = hub.member("ann", messages=5)
    policy("day")
    assert allowances_reset(now=NOON) == 0  # from now on; what was used today stays used
    use(ann)
    assert allowances_reset(now=ms(2026, 11, 18, 23, 59)) == 0
    assert used(ann) == (5, 700, 9)
    assert allowances_reset(now=ms(2026, 11, 19)) == 2  # hers and the admin's, who opened the lounge
    assert used(ann) == (0, 0, 0)
    use(ann)
    assert allowances_reset(now=ms(2026, 11, 19, 0, 1)) == 0
    assert used(ann) == (5, 700, 9)
    assert allowances_reset(now=ms(2026, 11, 25)) == 1  # the hub was away for days: once


def test_a_clock_that_goes_back_resets_nothing(hub: Hub) -> None:
    ann = hub.member("ann")
    policy("day")
    allowances_reset(now=NOON)
    use(ann)
    assert allowances_reset(now=NOON - 2 * DAY_MS) == 0
    assert allowances_reset(now=NOON) == 0
    assert used(ann) == (5, 700, 9)


def test_a_new_policy_begins_with_the_next_period(hub: Hub) -> None:
    ann = hub.member("ann")
    use(ann)
    assert allowances_reset(now=NOON) == 0
    for word in ("month", "week", "day", "never"):
        policy(word)
        assert allowances_reset(now=NOON) == 0
        assert AllowancePeriod.objects.get().policy == word
    assert allowances_reset(now=NOON + 99 * DAY_MS) == 0
    assert used(ann) == (5, 700, 9)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_reset_once(hub: Hub) -> None:
    use(hub.member("ann"))
    policy("week")
    allowances_reset(now=NOON)
    counts = in_threads([partial(allowances_reset, now=NOON + 7 * DAY_MS)] * 8)
    assert sorted(counts) == [0] * 7 + [2]  # hers and the admin's
