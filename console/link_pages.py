"""The console's pages about becoming equal: a chart of the last two days, and the trees of all topics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accord.topics import Topic as TopicName
from console import charts
from console.grid import Choices, Column, small_grid
from console.selectors import names_of
from console.shown import moment
from links.models import Link
from links.selectors import exchanges_since, state_text
from messaging import trees
from messaging.models import Topic
from peers.clock import now_ms

SiteContext = Callable[[HttpRequest], dict[str, Any]]

HOURS: Final = 48
HOUR_MS: Final = 3600 * 1000
MAX_TREES: Final = 2_000
_KINDS: Final = (("chan", "channels"), ("feed", "feeds"), ("user", "inboxes"), ("hub", "hubs"))


@require_safe
def equal(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Behind and equal, by the hour."""
    now = now_ms()
    first = now // HOUR_MS - HOURS + 1
    hours: list[tuple[int, str]] = [(0, "")] * HOURS
    for ended_at, outcome, received in exchanges_since(since=first * HOUR_MS):
        place = ended_at // HOUR_MS - first
        behind, before = hours[place]
        hours[place] = (behind + received, max(before, outcome, key=charts.OUTCOMES.index))
    context = {
        **site_context(request),
        "title": "Becoming equal",
        "links": [(link, state_text(link, now)) for link in Link.objects.order_by("pk")],
        "chart": charts.outcome_bars(first, hours),
        "table": [
            (moment((first + place) * HOUR_MS), f"{behind:,}", outcome)
            for place, (behind, outcome) in enumerate(hours)
            if outcome
        ],
    }
    return render(request, "console/equal.html", context)


@require_safe
def tree_list(request: HttpRequest, *, site_context: SiteContext) -> HttpResponseBase:
    """Root, horizon and count of every topic's tree."""
    rows = list(Topic.objects.filter(count__gt=0).order_by("-cursor")[:MAX_TREES])
    topics = [TopicName(row.kind, bytes(row.ident)) for row in rows]
    roots = trees.roots(dict.fromkeys(topics, 0), now=now_ms())
    people = names_of({topic.ident for topic in topics if topic.kind in ("feed", "user")})
    names = {topic: row.name or people.get(topic.ident, "") for topic, row in zip(topics, rows, strict=True)}
    shown = [(topic, roots[topic]) for topic in topics if topic in roots]
    words = dict(_KINDS)
    columns = (
        Column("Topic", lambda row: names[row[0]] or f"{row[0].name[:20]}…"),
        Column("Kind", lambda row: words.get(row[0].kind, row[0].kind)),
        Column("Root", lambda row: row[1].root.hex(), lambda row: f"{row[1].root.hex()[:16]}…"),
        Column("Messages", lambda row: row[1].count, lambda row: f"{row[1].count:,}", is_number=True),
        Column("Horizon", lambda row: row[1].horizon, lambda row: moment(row[1].horizon) if row[1].horizon else "all"),
        Column("As of", lambda row: row[1].as_of, lambda row: moment(row[1].as_of)),
    )
    drawn = small_grid(
        request,
        shown,
        columns,
        name="trees",
        choices=[Choices("kind", "Kind", _KINDS)],
        passes=lambda row, choice, value: row[0].kind == value,
        search_hint="Topic or root",
    )
    if isinstance(drawn, HttpResponseBase):
        return drawn
    drawn.note = (
        "Two hubs that hold the same messages of a topic, from the same horizon on, have the same root. The export has "
        f"roots whole. Shown are at most {MAX_TREES:,} topics, those with the newest messages."
    )
    return render(request, "console/grid.html", {**site_context(request), "title": "Trees", "grid": drawn})
