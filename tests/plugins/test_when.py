"""Times as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.builtin.when import MAX_AHEAD, NoTime, read_when, say_when

NOW = 1_790_000_000_000  # Monday, 21 September 2026, 14:13:20 UTC
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
YEAR_MS = MAX_AHEAD // timedelta(milliseconds=1)


def at(*fields: int, tz: int = 0) -> int:
    year, month, day, hour, minute = (*fields, 0, 0)[:5]
    return int(datetime(year, month, day, hour, minute, tzinfo=timezone(timedelta(minutes=tz))).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "due", "rest"),
    [
        ("10m tea", NOW + 10 * MINUTE, "tea"),
        ("1h30m  tea  for two ", NOW + 90 * MINUTE, "tea  for two"),
        ("in 10 minutes tea", NOW + 10 * MINUTE, "tea"),
        ("In 2 days, 3 hours and 1 minute tea", NOW + 2 * DAY + 3 * HOUR + MINUTE, "tea"),
        ("in an hour a tea", NOW + HOUR, "a tea"),
        ("a week tea", NOW + 7 * DAY, "tea"),
        ("90 sec and tea", NOW + 90 * SECOND, "and tea"),
        ("5 minutes", NOW + 5 * MINUTE, ""),
        ("18:30 tea", at(2026, 9, 21, 18, 30), "tea"),
        ("at 9:05 tea", at(2026, 9, 22, 9, 5), "tea"),
        ("today at 23:59 tea", at(2026, 9, 21, 23, 59), "tea"),
        ("tomorrow tea", at(2026, 9, 22, 9), "tea"),
        ("tomorrow at 0:00 tea", at(2026, 9, 22), "tea"),
        ("2027-02-28 tea", at(2027, 2, 28, 9), "tea"),
        ("on 2027-02-28 18:30 tea", at(2027, 2, 28, 18, 30), "tea"),
    ],
)
def test_what_is_understood(text: str, due: int, rest: str) -> None:
    assert read_when(text, NOW, 0) == (due, rest)


@pytest.mark.parametrize(
    "text",
    ["", "tea", "in tea", "10", "10x tea", "ten minutes", "at 25:00 tea", "12:60 tea", "today 14:13 tea", "0m tea",
     "2027-02-30 tea", "2020-01-01 tea", "0000-01-01 tea", "9999-12-31 tea", "999999999w tea", "400 days tea", "5mtea",
     "tomorrowish", "12:30ish tea"],
)  # fmt: skip
def test_what_is_not(text: str) -> None:
    with pytest.raises(NoTime):
        read_when(text, NOW, 0)


def test_the_clock_is_the_writers() -> None:
    assert read_when("18:30 tea", NOW, 120)[0] == at(2026, 9, 21, 18, 30, tz=120)
    assert read_when("15:00 tea", NOW, 120)[0] == at(2026, 9, 22, 15, tz=120)  # it is 16:13 there
    assert read_when("tomorrow tea", NOW, 780)[0] == at(2026, 9, 23, 9, tz=780)  # it is tomorrow there
    assert say_when(at(2026, 9, 21, 18, 30, tz=120), 120) == "Monday 21 September 2026 at 18:30"


zones = st.integers(-840, 840)
times = st.integers(0, 2**42)
units = st.sampled_from(
    [
        ("s", "seconds", SECOND),
        ("m", "minutes", MINUTE),
        ("h", "hours", HOUR),
        ("d", "days", DAY),
        ("w", "weeks", 7 * DAY),
    ]
)


@given(st.text(max_size=60) | st.from_regex(r"\A(in |at |on )?[0-9:a-z -]{0,30}\Z"), times, zones)
def test_any_text_is_a_time_within_a_year_or_none(text: str, now: int, tz: int) -> None:
    try:
        due, rest = read_when(text, now, tz)
    except NoTime:
        return
    assert now < due <= now + YEAR_MS
    assert text.strip().endswith(rest)
    assert rest == rest.strip()
    assert say_when(due, tz)


@given(st.lists(st.tuples(st.integers(1, 50), units), min_size=1, max_size=4), times, zones)
def test_durations_add_up_in_every_spelling(parts: list[tuple[int, tuple[str, str, int]]], now: int, tz: int) -> None:
    total = sum(number * size for number, (_, _, size) in parts)
    short = "".join(f"{number}{letter}" for number, (letter, _, _) in parts)
    words = [f"{number} {word}" for number, (_, word, _) in parts]
    for text in (short, " ".join(words), " and ".join(words), f"in {', '.join(words)}"):
        if total > YEAR_MS:
            with pytest.raises(NoTime):
                read_when(f"{text} what", now, tz)
        else:
            assert read_when(f"{text} what", now, tz) == (now + total, "what")


@given(st.integers(at(2027, 1, 1) // MINUTE, at(2027, 9, 1) // MINUTE), zones)
def test_a_written_moment_is_that_moment(minute: int, tz: int) -> None:
    written = datetime.fromtimestamp(minute * 60, timezone(timedelta(minutes=tz)))
    assert read_when(f"{written:%Y-%m-%d %H:%M} what", NOW, tz) == (minute * MINUTE, "what")
