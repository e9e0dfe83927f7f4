"""The page of plugins: every handler, whether it is on, and what became of its jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from console.grid import Choices, Column, small_grid
from console.pages import SiteContext
from console.shown import ago
from peers.clock import now_ms
from plugins import installed
from plugins.running import runner
from plugins.selectors import Figures, figures
from plugins.worker import MEMORY_LIMIT_MIB, TIME_LIMIT_SECONDS

_STATES: Final = (("on", "on"), ("off", "off"), ("not", "not loaded"))
NOBODY: Final = Figures()


def _rows(now: int) -> list[dict[str, Any]]:
    today = int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    known = figures(now=now, since=today)
    under_way = runner.running
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "types": ", ".join(each.handler.types),
            "from": "the hub" if each.source.startswith("plugins.builtin.") else each.source,
            "state": "on" if each.is_on else "off",
            "running": int(under_way is not None and under_way[0].handler == name),
            "figures": known.pop(name, NOBODY),
        }
        for name, each in installed.handlers.items()
    ]
    for name, why in installed.failures.items():
        rows.append(_not_loaded(name, why, known.pop(name, NOBODY)))
    for name, left in known.items():  # of a plugin that has been taken out
        rows.append(_not_loaded(name, "not installed any more", left))
    return rows


def _not_loaded(name: str, why: str, held: Figures) -> dict[str, Any]:
    return {"name": name, "types": "", "from": why, "state": "not loaded", "running": 0, "figures": held}


def _milliseconds(label: str, name: str) -> Column:
    def value(row: dict[str, Any]) -> float:
        return round(getattr(row["figures"], name))

    return Column(label, value, lambda row: f"{value(row):,} ms" if row["figures"].done else "", is_number=True)


def _number(label: str, name: str) -> Column:
    return Column(label, lambda row: getattr(row["figures"], name), is_number=True)


COLUMNS: Final = (
    Column("Plugin", lambda row: row["name"]),
    Column("Messages", lambda row: row["types"]),
    Column("State", lambda row: row["state"]),
    _number("Waiting", "waiting"),
    Column("Running", lambda row: row["running"], is_number=True),
    _number("Put off", "later"),
    _number("Done today", "done"),
    _number("Given up", "dead"),
    _milliseconds("Mean", "mean_ms"),
    _milliseconds("Longest", "longest_ms"),
    Column("From", lambda row: row["from"], is_wide=True),
)


@require_safe
def plugins(request: HttpRequest, *, site_context: SiteContext) -> HttpResponseBase:
    """What handles messages here."""
    now = now_ms()
    jobs = reverse("admin:plugins_job_changelist")
    drawn = small_grid(
        request,
        _rows(now),
        COLUMNS,
        name="plugins",
        url_of=lambda row: f"{jobs}?q={row['name']}",
        choices=[Choices("state", "State", _STATES)],
        passes=lambda row, choice, value: row["state"].startswith(value),
        search_hint="Plugin or message type",
    )
    if isinstance(drawn, HttpResponseBase):
        return drawn
    under_way = runner.running
    busy = f"{under_way[0].handler}, since {ago(under_way[1], now).removesuffix(' ago')}" if under_way else "nothing"
    drawn.note = (
        f"Handlers run one after another in a process of their own, each for at most {TIME_LIMIT_SECONDS:g} s and in "
        f"{MEMORY_LIMIT_MIB} MiB. "
        + (f"That process runs now, and does {busy}. " if runner.pid else "That process starts with the next job. ")
        + "Today began at midnight UTC. Each is switched on and off in the settings."
    )
    return render(request, "console/grid.html", {**site_context(request), "title": "Plugins", "grid": drawn})
