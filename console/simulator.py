"""What would go with less room or an earlier end: the numbers behind the sliders and the picture of the page Storage.

It only looks: the plan is that of pruning itself (messaging/prune_plan.py). Not here: the page (storage.py), pruning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accord.errors import AccordError
from accord.merkle import HORIZON_MS
from console.shown import count, moment, size
from messaging.models import Message, Topic
from messaging.prune_names import Named, told
from messaging.prune_plan import Plan, held_by_day, plan, plan_before
from messaging.prune_rules import PRUNED_KINDS
from messaging.room import MIB, room
from peers.clock import now_ms

SiteContext = Callable[[HttpRequest], dict[str, Any]]

HOUR_MS: Final = 3600 * 1000
MAX_MIB: Final = 64 * 1024 * 1024
MAX_HOURS: Final = 36_500 * 24
# Where the slider of time stops, in hours; behind the last stop that is younger than the oldest message comes "never".
STOPS_HOURS: Final = (6, 12, *(24 * days for days in (1, 2, 3, 5, 7, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)))
YEAR_HOURS: Final = 365 * 24
ROWS_SHOWN: Final = 10
MAX_DIGITS: Final = 9


def oldest_ms() -> int | None:
    """When the oldest message was made that is held and is of those that may go."""
    times = [
        Message.objects.filter(topic=topic, created_at__gte=horizon)
        .order_by("created_at")
        .values_list("created_at", flat=True)
        .first()
        for topic, horizon in Topic.objects.filter(count__gt=0, kind__in=PRUNED_KINDS).values_list("pk", "horizon")
    ]
    return min((time for time in times if time is not None), default=None)


def _number(request: HttpRequest, name: str, most: int) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS or int(text) > most:
        raise AccordError("bad_request", f"{name} is a whole number up to {most:,}")
    return int(text)


def _later(one: Plan, other: Plan) -> Plan:
    """The one that takes more: a horizon is one moment for all topics."""
    return one if one.horizon >= other.horizon else other


def stops(now: int) -> list[int]:
    """After how many hours everything might burn, for the slider: those that would change something."""
    oldest = oldest_ms()
    age = 0 if oldest is None else (now - oldest) // HOUR_MS
    years = range(2, age // YEAR_HOURS + 1)
    return [hours for hours in (*STOPS_HOURS, *(YEAR_HOURS * number for number in years)) if hours <= age]


def simulated(*, mib: int | None, hours: int | None, now: int) -> dict[str, Any]:
    """What would go if the store took at most so much room and everything burned after so many hours."""
    used = room().used
    planned = Plan(0, 0, {})
    if mib is not None:
        planned = plan(needed=used - mib * MIB, now=now)
    if hours is not None:
        planned = _later(plan_before(max(0, now - hours * HOUR_MS), now=now), planned)
    burning = Message.objects.filter(burn_at__isnull=False).count()
    burns = f" {count(burning, 'message burns', 'messages burn')} without that, as their time comes." if burning else ""
    total = planned.total
    if not total.messages:
        says = "Nothing would go."
        if mib is not None and used > mib * MIB:
            says = "Nothing may go: what is held is pinned, or lasting, or of the last hours."
        return {"says": says + burns, "messages": 0, "tables": [], "days": [], "url": ""}
    names = told(planned)
    return {
        "says": f"{count(total.messages, 'message', 'messages')}, about {size(total.bytes)}: everything from before "
        f"{moment(planned.horizon)} (UTC) that may go. {size(max(0, used - total.bytes))} would be taken then.{burns}",
        "messages": total.messages,
        "tables": [
            {"title": title, "rows": _rows(parts)}
            for title, parts in (("Topic", names.topics), ("Person", names.people), ("Month", names.months))
        ],
        "days": [[day, amount.messages] for day, amount in sorted(names.days.items())],
        "url": reverse("admin:deed", args=["prune", str(planned.horizon // HORIZON_MS * HORIZON_MS)]),
    }


def _rows(parts: list[Named]) -> list[list[str]]:
    shown = [[part.name, f"{part.amount.messages:,}", size(part.amount.bytes)] for part in parts[:ROWS_SHOWN]]
    if len(parts) > ROWS_SHOWN:
        rest = parts[ROWS_SHOWN:]
        messages, content = sum(part.amount.messages for part in rest), sum(part.amount.bytes for part in rest)
        shown.append([f"{len(rest):,} more", f"{messages:,}", size(content)])
    return shown


@require_safe
def simulate(request: HttpRequest, *, site_context: SiteContext) -> JsonResponse:
    """The numbers for the sliders: `mib` and `hours`, either or both."""
    try:
        mib, hours = _number(request, "mib", MAX_MIB), _number(request, "hours", MAX_HOURS)
    except AccordError as refusal:
        return JsonResponse({"code": refusal.code, "detail": refusal.detail}, status=400)
    return JsonResponse(simulated(mib=mib, hours=hours, now=now_ms()))


@require_safe
def held(request: HttpRequest, *, site_context: SiteContext) -> JsonResponse:
    """What the picture shows before a slider is moved: [day since 1970 (UTC), messages, of which burn] of each day."""
    return JsonResponse({"days": [[row.day, row.messages, row.burning] for row in held_by_day()]})
