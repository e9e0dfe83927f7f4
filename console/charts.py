"""Small charts as SVG, drawn on the server: no script, and no style that a strict policy forbids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

SPARK_WIDTH: Final = 120
SPARK_HEIGHT: Final = 32
BARS_WIDTH: Final = 480
BARS_HEIGHT: Final = 180
BARS_LEFT: Final = 40
BARS_BOTTOM: Final = 22
NAMES_SHOWN: Final = 6
GAUGE_HEIGHT: Final = 12
DAY_SECONDS: Final = 24 * 3600


def sparkline(values: Sequence[float], says: str) -> SafeString:
    """A line of the values, from the smallest to the largest; flat where they do not differ."""
    if len(values) < 2:
        values = [*values, *values] if values else [0, 0]
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = SPARK_WIDTH / (len(values) - 1)
    room = SPARK_HEIGHT - 4
    points = [
        f"{index * step:.1f},{2 + room - (value - low) / span * room if high > low else SPARK_HEIGHT / 2:.1f}"
        for index, value in enumerate(values)
    ]
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polyline points="{}"/></svg>',
        SPARK_WIDTH,
        SPARK_HEIGHT,
        says,
        " ".join(points),
    )


def _nice(most: float) -> int:
    """A round number not below the largest value."""
    top = 4
    while top < most:
        for factor in (5, 10, 20, 40):
            if top * factor / 4 >= most:
                return int(top * factor / 4)
        top *= 10
    return top


def day_name(day: int) -> str:
    """A day since 1970 UTC, for people."""
    moment = datetime.fromtimestamp(day * DAY_SECONDS, tz=UTC)
    return f"{moment.day} {moment:%b}"


def day_bars(first: int, values: Sequence[int], what: str) -> SafeString:
    """A bar a day; what each stands for is told on hover and to screen readers by the table beside it."""
    days = [day_name(first + index) for index in range(len(values))]
    shown = range(len(values) - 1, 2, -7)
    return _bars(days, values, what, says=f"{what.capitalize()} a day", shown=shown)


def named_bars(names: Sequence[str], values: Sequence[int], what: str, *, says: str) -> SafeString:
    """A bar for each name, of which as many are written below as there is room for."""
    every = -(-len(names) // NAMES_SHOWN) or 1
    return _bars(names, values, what, says=says, shown=range(len(names) - 1, -1, -every))


def gauge(share: float, says: str) -> SafeString:
    """How much of something is taken, 0 to 1; more than all is shown as all."""
    return format_html(
        '<svg class="gauge{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="all" width="{}" height="{}" rx="3"/><rect width="{}" height="{}" rx="3"/></svg>',
        " full" if share > 1 else "",
        BARS_WIDTH,
        GAUGE_HEIGHT,
        says,
        BARS_WIDTH,
        GAUGE_HEIGHT,
        round(BARS_WIDTH * min(1.0, max(0.0, share)), 1),
        GAUGE_HEIGHT,
    )


def _bars(names: Sequence[str], values: Sequence[int], what: str, *, says: str, shown: Iterable[int]) -> SafeString:
    top = _nice(max(values, default=0))
    room = BARS_HEIGHT - BARS_BOTTOM - 8
    step = (BARS_WIDTH - BARS_LEFT) / max(1, len(values))

    def y_of(value: float) -> float:
        return 8 + room - value / top * room

    lines = format_html_join(
        "",
        '<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                BARS_LEFT,
                BARS_WIDTH,
                round(y_of(mark), 1),
                round(y_of(mark), 1),
                BARS_LEFT - 8,
                round(y_of(mark) + 4, 1),
                f"{mark:,}",
            )
            for mark in (0, top // 2, top)
        ),
    )
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}: {} {}</title></rect>',
        (
            (
                round(BARS_LEFT + index * step + step * 0.14, 1),
                round(y_of(value), 1),
                round(step * 0.72, 1),
                round(max(0.0, 8 + room - y_of(value)), 1),
                names[index],
                f"{value:,}",
                what,
            )
            for index, value in enumerate(values)
        ),
    )
    labels = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        ((round(BARS_LEFT + (index + 1) * step, 1), BARS_HEIGHT - 4, names[index]) for index in shown),
    )
    return format_html(
        '<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        BARS_WIDTH,
        BARS_HEIGHT,
        says,
        lines,
        bars,
        labels,
    )


OUTCOMES: Final = ("", "equal", "unequal", "cut")  # from the best to the worst
HOUR_SECONDS: Final = 3600


def outcome_bars(first: int, values: Sequence[tuple[int, str]]) -> SafeString:
    """A bar an hour since `first` (hours since 1970 UTC): how many messages one was behind, and the worst outcome."""
    top = _nice(max((behind for behind, _ in values), default=0))
    room = BARS_HEIGHT - BARS_BOTTOM - 8
    step = (BARS_WIDTH - BARS_LEFT) / max(1, len(values))
    lines = format_html_join(
        "",
        '<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (BARS_LEFT, BARS_WIDTH, y, y, BARS_LEFT - 8, y + 4, f"{mark:,}")
            for mark in (0, top // 2, top)
            for y in (round(8 + room - mark / top * room, 1),)
        ),
    )
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}: behind by {}, then {}</title></rect>',
        (
            (
                outcome,
                round(BARS_LEFT + index * step + step * 0.14, 1),
                round(8 + room - height, 1),
                round(step * 0.72, 1),
                round(height, 1),
                hour_name(first + index),
                f"{behind:,}",
                outcome,
            )
            for index, (behind, outcome) in enumerate(values)
            if outcome
            for height in (max(3.0, behind / top * room),)
        ),
    )
    names = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (round(BARS_LEFT + (index + 1) * step, 1), BARS_HEIGHT - 4, hour_name(first + index))
            for index in range(len(values) - 1, 3, -12)
        ),
    )
    return format_html(
        '<svg class="bars outcomes" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        BARS_WIDTH,
        BARS_HEIGHT,
        "Messages behind, by the hour",
        lines,
        bars,
        names,
    )


def hour_name(hour: int) -> str:
    """An hour since 1970 UTC, for people."""
    moment = datetime.fromtimestamp(hour * HOUR_SECONDS, tz=UTC)
    return f"{moment.day} {moment:%b %H}:00"
