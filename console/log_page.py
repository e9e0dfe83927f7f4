"""The page of the log: its last lines, by level, searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from console.grid import Choices, Column, small_grid
from console.log_lines import KEPT_LINES, recent
from peers.options import LOG_LEVEL

SiteContext = Callable[[HttpRequest], dict[str, Any]]

SHOWN_LINES: Final = 500
_LEVELS: Final = (("error", "errors"), ("warning", "warnings and errors"), ("info", "all"))
_ABOVE: Final = {"error": ("error", "critical"), "warning": ("warning", "error", "critical")}


def _what(line: dict[str, Any]) -> Any:
    trace = line.get("traceback")
    if not trace:
        return line.get("message", "")
    return format_html("<details><summary>{}</summary><pre>{}</pre></details>", line.get("message", ""), trace)


@require_safe
def logs(request: HttpRequest, *, site_context: SiteContext) -> HttpResponseBase:
    """The newest lines first."""
    columns = (
        Column("When (UTC)", lambda line: line.get("at", ""), lambda line: line.get("at", "")[:19].replace("T", " ")),
        Column("Level", lambda line: line.get("level", "")),
        Column("What", lambda line: line.get("message", ""), _what, is_wide=True),
        Column("Part", lambda line: line.get("logger", "")),
        Column("Request", lambda line: line.get("request", "")),
    )
    drawn = small_grid(
        request,
        recent(),
        columns,
        name="log",
        choices=[Choices("level", "Level", _LEVELS)],
        passes=lambda line, choice, value: line.get("level") in _ABOVE.get(value, (line.get("level"),)),
        search_hint="Text, part or request",
    )
    if isinstance(drawn, HttpResponseBase):
        return drawn
    more = len(drawn.rows) - SHOWN_LINES
    drawn.rows = drawn.rows[:SHOWN_LINES]
    told = dict(LOG_LEVEL.choices)[LOG_LEVEL.value]
    drawn.note = (
        f"The last {KEPT_LINES:,} lines of this process, the newest first. The log tells {told}: that is a setting. No "
        "message, link, token or cookie is ever in it."
        + (f" {more:,} older ones are in the export." if more > 0 else "")
    )
    return render(request, "console/grid.html", {**site_context(request), "title": "Log", "grid": drawn})
