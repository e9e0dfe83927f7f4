"""Times as people write them before what they want to be reminded of. Pure functions.

    10m, 1h30m, 2 days, in an hour, in 90 minutes        from now
    18:30, at 18:30, tomorrow, tomorrow at 9:00          the writer's clock; a time that has passed is tomorrow's
    2027-01-31, 2027-01-31 09:00                         the writer's calendar

A day without a time means nine in the morning. Not here: names of weekdays and months, other languages.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

MAX_AHEAD: Final = timedelta(days=366)
MORNING: Final = time(9)

_UNITS: Final = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "d": 86_400, "day": 86_400, "days": 86_400,
    "w": 604_800, "week": 604_800, "weeks": 604_800,
}  # fmt: skip
_AMOUNT: Final = re.compile(r"(?:(\d{1,9})|an?(?=\s))\s*([a-z]+)(?![a-z])", re.IGNORECASE | re.ASCII)
_NEXT: Final = re.compile(r"(?:\s*,)?(?:\s+and)?\s*(?=\d)", re.IGNORECASE)
_RUN: Final = re.compile(r"(?:\d{1,9}[a-z])+(?!\S)", re.IGNORECASE | re.ASCII)
_PART: Final = re.compile(r"(\d{1,9})([a-z])", re.IGNORECASE | re.ASCII)
_CLOCK: Final = re.compile(r"(?:at\s+)?(\d{1,2}):(\d{2})(?!\S)", re.IGNORECASE | re.ASCII)
_DATE: Final = re.compile(r"(?:on\s+)?(\d{4})-(\d{2})-(\d{2})(?!\S)", re.IGNORECASE | re.ASCII)
_DAY: Final = re.compile(r"(today|tomorrow)(?!\S)", re.IGNORECASE | re.ASCII)


class NoTime(ValueError):
    """What was written is no time, or none that can be kept; the text is for who wrote it."""


def read_when(text: str, now: int, tz_minutes: int) -> tuple[int, str]:
    """The time (ms since 1970 UTC, after `now`, at most a year ahead) with which a text begins, and the rest of it.

    `tz_minutes` is how far the writer's clock is east of UTC. NoTime.
    """
    text = text.strip()
    found = _duration(text) or _moment(text, now, tz_minutes)
    if found is None:
        raise NoTime("I see no time there. Try 10m, 1h30m, in 2 days, at 18:30, tomorrow 9:00 or 2027-01-31 18:30.")
    due, rest = (now + found[0] * 1000, found[1]) if isinstance(found[0], int) else (_ms(found[0]), found[1])
    if due <= now:
        raise NoTime("That time has passed.")
    if due > now + MAX_AHEAD // timedelta(milliseconds=1):
        raise NoTime("That is more than a year from now.")
    return due, rest.strip()


def _duration(text: str) -> tuple[int, str] | None:
    """Seconds from now, and the rest."""
    rest = re.sub(r"^in\s+", "", text, flags=re.IGNORECASE)
    if run := _RUN.match(rest):
        parts = [(int(number), _UNITS.get(unit.lower())) for number, unit in _PART.findall(run[0])]
        if all(unit for _, unit in parts):
            return sum(number * unit for number, unit in parts if unit), rest[run.end() :]
        return None
    seconds, place, start = 0, 0, 0
    while amount := _AMOUNT.match(rest, start):
        unit = _UNITS.get(amount[2].lower())
        if unit is None:
            break
        seconds += int(amount[1] or 1) * unit
        place = amount.end()
        following = _NEXT.match(rest, place)
        if following is None:
            break
        start = following.end()
    return (seconds, rest[place:]) if place else None


def _moment(text: str, now: int, tz_minutes: int) -> tuple[datetime, str] | None:
    """A time of the writer's clock, and the rest."""
    zone = timezone(timedelta(minutes=tz_minutes))
    here = datetime.fromtimestamp(now / 1000, zone)
    day: date | None = None
    if word := _DAY.match(text):
        day, text = here.date() + timedelta(days=word[1].lower() == "tomorrow"), text[word.end() :].strip()
    elif written := _DATE.match(text):
        try:
            day = date(*map(int, written.groups()))
        except ValueError as error:
            raise NoTime("There is no such day.") from error
        text = text[written.end() :].strip()
    clock = _CLOCK.match(text)
    if clock is None:
        return None if day is None else (datetime.combine(day, MORNING, zone), text)
    if int(clock[1]) > 23 or int(clock[2]) > 59:
        raise NoTime("A day has 24 hours of 60 minutes.")
    at = time(int(clock[1]), int(clock[2]))
    due = datetime.combine(day or here.date(), at, zone)
    if day is None and due <= here:
        due += timedelta(days=1)
    return due, text[clock.end() :]


def _ms(moment: datetime) -> int:
    try:
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except OverflowError as error:
        raise NoTime("There is no such time.") from error


def say_when(due: int, tz_minutes: int) -> str:
    """A time in the writer's words."""
    zone = timezone(timedelta(minutes=tz_minutes))
    return f"{datetime.fromtimestamp(due / 1000, zone):%A %d %B %Y at %H:%M}{' UTC' if tz_minutes == 0 else ''}"
