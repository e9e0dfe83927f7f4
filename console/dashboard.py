"""The first page of the console: figures, what needs attention, charts. It scans no table that grows with use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from console import charts, log_lines, roles, runs
from console.attention import concerns
from console.deeds import needs_of
from console.models import Sample
from console.selectors import (
    DAY_MS,
    MINUTES_A_DAY,
    joined_by_day,
    kinds_of_accounts,
    messages_by_day,
    samples_since,
)
from console.shown import count
from console.storage import days_text
from links.models import Link
from links.states import is_connected
from messaging.room import bound, room
from messaging.room import samples as room_samples
from messaging.selectors import figures
from peers import options
from peers.clock import now_ms
from peers.counters import counters
from peers.sessions import sessions

SiteContext = Callable[[HttpRequest], dict[str, Any]]

DAYS_SHOWN: Final = 30
OF_PEOPLE: Final = ("People", "Messages today", "Live sockets")  # what moderators see
SPARK_POINTS: Final = 48
RATE_MINUTES: Final = 5
HOUR_MINUTES: Final = 60
MINUTE_MS: Final = 60 * 1000
REFUSED_LOGINS: Final = ("unauthorized", "denied")


def _drawn(samples: Sequence[Sample], value: Callable[[Sample], float], says: str, *, adds_up: bool) -> Any:
    """A sparkline of the last day: the samples in SPARK_POINTS parts, averaged or added up."""
    if not samples:
        return charts.sparkline([], says)
    width = MINUTES_A_DAY // SPARK_POINTS
    first = samples[0].minute
    parts: dict[int, list[float]] = {}
    for sample in samples:
        parts.setdefault((sample.minute - first) // width, []).append(value(sample))
    made = []
    for part in range(max(parts) + 1):
        inside = parts.get(part, [0.0])
        made.append(sum(inside) if adds_up else sum(inside) / len(inside))
    return charts.sparkline(made, says)


def _rate(samples: Sequence[Sample], value: Callable[[Sample], int], minute: int) -> str:
    """How many a minute, of late."""
    late = [value(sample) for sample in samples if minute - RATE_MINUTES <= sample.minute]
    rate = sum(late) / RATE_MINUTES
    return f"{rate:,.1f}" if 0 < rate < 1 else f"{rate:,.0f}"


@require_safe
def dashboard(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Figures, what needs attention, charts."""
    now = now_ms()
    today, minute = now // DAY_MS, now // MINUTE_MS
    samples = samples_since(minute - MINUTES_A_DAY)
    days = messages_by_day(first=today - DAYS_SHOWN + 1, last=today)
    joined = joined_by_day(first=today - DAYS_SHOWN + 1, last=today)
    held = figures()
    kinds = kinds_of_accounts()
    taken, limit = room(), bound()
    links = list(Link.objects.filter(enabled=True).values_list("state", flat=True))
    together = sum(is_connected(state) for state in links)
    known = runs.records().values()
    failed = sum(record.failures for record in known)
    errors = log_lines.counts["error"] + log_lines.counts["critical"]
    sockets = len(sessions) or held["sockets"]
    cards = [
        {
            "title": "People",
            "value": f"{kinds.get('real', 0):,}",
            "note": count(kinds.get("temp", 0), "invite waits", "invites wait"),
            "spark": charts.sparkline(joined, "people, 30 days"),
            "url": reverse("admin:peers_account_changelist"),
        },
        {
            "title": "Messages today",
            "value": f"{days[-1]:,}",
            "note": f"{held['messages']:,} held",
            "spark": charts.sparkline(days, "messages a day, 30 days"),
            "url": reverse("admin:messaging_message_changelist"),
        },
        {
            "title": "Storage",
            "value": f"{taken.used / limit:.0%}",
            "note": days_text(room_samples(), used=taken.used, limit=limit),
            "spark": _drawn(samples, lambda sample: sample.bytes, "bytes, one day", adds_up=False),
            "url": reverse("admin:storage"),
        },
        {
            "title": "Live sockets",
            "value": f"{sockets:,}",
            "note": f"at most {options.MAX_SOCKETS.value:,}",
            "spark": _drawn(samples, lambda sample: sample.sockets, "sockets, one day", adds_up=False),
            "url": reverse("admin:sessions"),
        },
        {
            "title": "Stored a minute",
            "value": _rate(samples, lambda sample: sample.stored, minute),
            "note": f"{counters.stored:,} since the start",
            "spark": _drawn(samples, lambda sample: sample.stored, "messages stored, one day", adds_up=True),
            "url": reverse("admin:numbers"),
        },
        {
            "title": "Delivered a minute",
            "value": _rate(samples, lambda sample: sample.delivered, minute),
            "note": f"{counters.delivered:,} since the start",
            "spark": _drawn(samples, lambda sample: sample.delivered, "messages delivered, one day", adds_up=True),
            "url": reverse("admin:numbers"),
        },
        {
            "title": "Links",
            "value": f"{together} of {len(links)}",
            "note": "connected now" if links else "no other hub is linked",
            "spark": "",
            "url": reverse("admin:links_link_changelist"),
        },
        {
            "title": "Tasks",
            "value": f"{sum(record.runs for record in known):,}",
            "note": f"runs since the start, {failed:,} of them failed",
            "spark": "",
            "url": reverse("admin:tasks"),
        },
        {
            "title": "Errors",
            "value": f"{errors:,}",
            "note": "in the log since the start",
            "spark": "",
            "url": f"{reverse('admin:logs')}?level=error",
        },
    ]
    if not roles.may(request, roles.SEE_HUB):
        cards = [card for card in cards if card["title"] in OF_PEOPLE]
    hour = [sample for sample in samples if sample.minute > minute - HOUR_MINUTES]
    first = today - DAYS_SHOWN + 1
    context = {
        **site_context(request),
        "title": "Dashboard",
        "rows": [
            ("cards", [card for card in cards if card["spark"]]),
            ("cards few", [card for card in cards if not card["spark"]]),
        ],
        "concerns": concerns(hour, sum(counters.logins[code] for code in REFUSED_LOGINS)),
        "chart": charts.day_bars(first, days, "messages"),
        "people_chart": charts.day_bars(first, joined, "people"),
        "days": [(charts.day_name(first + place), f"{count:,}") for place, count in enumerate(days)],
        "deeds": [
            (text, reverse("admin:deed", args=[name]))
            for text, name in (
                *([] if settings.IS_GOSSIP else [("Invite somebody", "invite")]),
                ("Put a notice to all", "notice"),
                ("Open a channel", "open-channel"),
            )
            if roles.may(request, needs_of(name))
        ],
    }
    return render(request, "console/dashboard.html", context)
