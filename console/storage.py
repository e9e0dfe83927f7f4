"""The page about the room that the store takes: how full it is and will be, what would go, what has gone.

It looks through messages only when there is something to say about what would go. Not here: the deed that prunes
(storage_deeds.py), what goes and why (messaging/prune_plan.py, messaging/room.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from blobs.room import BLOBS_MIB
from blobs.selectors import figures as blob_figures
from console import charts
from console.shown import count, moment, size
from console.simulator import stops
from messaging.models import Receipt, RoomSample
from messaging.prune import goal_of
from messaging.prune_names import Named, named_topics, told
from messaging.prune_plan import Amount, plan
from messaging.room import MIB, Room, bound, forecast, room, samples
from messaging.selectors import figures
from peers.clock import now_ms

SiteContext = Callable[[HttpRequest], dict[str, Any]]

ROWS_SHOWN: Final = 20
RECEIPTS_SHOWN: Final = 20
MAX_MIB_DIGITS: Final = 9
SOON_DAYS: Final = 1.5
LONG_DAYS: Final = 3650


WINDOWS_HOURS: Final = (24, 7 * 24, 30 * 24)
FULL_SHARE: Final = 1 - 1 / 50


def _for_people(days: float) -> str:
    return f"{days * 24:,.0f} hours" if days < SOON_DAYS else f"{days:,.0f} days"


def days_text(history: Sequence[RoomSample], *, used: int, limit: int) -> str:
    """When the store will be full, in words: as a range, by how it grew over the last day, week and month."""
    if used >= limit * FULL_SHARE:
        return "Full: as new messages come, the oldest go."
    newest = history[-1].hour if history else 0
    found = [
        forecast([row for row in history if row.hour >= newest - hours], used=used, limit=limit)
        for hours in WINDOWS_HOURS
    ]
    known = [one for one in found if one is not None]
    if not known:
        return "How fast it grows is known an hour after the first start."
    hours = max(one.hours for one in known)
    basis = f"as in the last {hours / 24:,.0f} days" if hours >= 48 else f"as in the last {hours} h"
    ends = sorted(LONG_DAYS if one.days is None else min(one.days, LONG_DAYS) for one in known)
    if ends[0] >= LONG_DAYS:
        return f"Not full in any foreseeable time, {basis}."
    if ends[-1] >= LONG_DAYS:
        return f"Full in {_for_people(ends[0])} at the earliest; as it grew at other times, never."
    soonest, latest = _for_people(ends[0]), _for_people(ends[-1])
    if soonest == latest:
        return f"Full in about {soonest}, {basis}."
    if soonest.partition(" ")[2] == latest.partition(" ")[2]:
        soonest = soonest.partition(" ")[0]
    return f"Full in {soonest} to {latest}, by how it grew in the last day, week and month."


def warnings(taken: Room, limit: int, *, is_stuck: bool) -> Iterator[str]:
    """What stands in the way of keeping the bound."""
    free = shutil.disk_usage(settings.ACCORD_HOME).free
    if limit - taken.used - taken.free > free:
        yield (
            f"The disk has {size(free)} free: less than the store may still take. The hub does not prune for other "
            "programs' files; give it less room, or the disk more."
        )
    if is_stuck:
        yield (
            "The store is above its bound, and nothing more may go: what is left is pinned, or lasting, or of the last "
            "hours. It is within its bound again once these hours are over, or with more room."
        )
    if not taken.is_returnable:
        yield "The database was made before it could shrink: freed room is used again, but stays on the disk."


def _goal(request: HttpRequest, used: int) -> int | None:
    asked = request.GET.get("to", "").strip()
    if asked.isascii() and asked.isdecimal() and len(asked) <= MAX_MIB_DIGITS:
        return int(asked) * MIB
    return goal_of(used)


def _rows(parts: list[Named]) -> dict[str, Any]:
    rest = sum((part.amount for part in parts[ROWS_SHOWN:]), Amount())
    shown = [(part.name, f"{part.amount.messages:,}", size(part.amount.bytes)) for part in parts[:ROWS_SHOWN]]
    if rest.messages:
        shown.append((f"{len(parts) - ROWS_SHOWN:,} more", f"{rest.messages:,}", size(rest.bytes)))
    return {"rows": shown}


def _would_go(used: int, goal: int, now: int) -> dict[str, Any]:
    """What the page tells of a plan."""
    planned = plan(needed=used - goal, now=now)
    if not planned.topics:
        return {"horizon": 0, "needed": used > goal}
    names = told(planned)
    months = [part.name for part in names.months]
    return {
        "horizon": planned.horizon,
        "before": moment(planned.horizon),
        "messages": count(planned.total.messages, "message", "messages"),
        "bytes": size(planned.total.bytes),
        "tables": [("Topic", _rows(names.topics)), ("Person", _rows(names.people)), ("Month", _rows(names.months))],
        "chart": charts.named_bars(
            months, [part.amount.messages for part in names.months], "messages", says="Messages that would go, by month"
        ),
        "url": reverse("admin:deed", args=["prune", str(planned.horizon)]),
    }


def _receipts() -> list[tuple[str, str, str, str]]:
    rows = list(Receipt.objects.order_by("-pk")[:RECEIPTS_SHOWN])
    names = named_topics({row.topic_id for row in rows})
    return [(moment(row.at), names[row.topic_id][0], f"{row.count:,}", moment(row.horizon)) for row in rows]


def _files() -> str:
    held = blob_figures()
    copies = f", {size(held.copies_bytes)} of it copies from linked hubs" if held.copies else ""
    return f"{held.blobs:,} sealed, {size(held.bytes)} of {size(BLOBS_MIB.value * MIB)}{copies}"


def _sliders(used: int, now: int) -> dict[str, Any]:
    """Between what the two sliders move: room from the least to what is taken, and where the one of time stops."""
    hours = stops(now)
    return {"most_mib": max(1, -(-used // MIB)), "stops": " ".join(map(str, hours)), "most_stop": len(hours)}


@require_safe
def storage(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """The gauge, the forecast, the dry run, the receipts."""
    now = now_ms()
    taken, limit, held = room(), bound(), figures()
    history = samples()
    found = forecast(history, used=taken.used, limit=limit)
    goal = _goal(request, taken.used)
    going = None if goal is None else _would_go(taken.used, goal, now)
    share = taken.used / limit
    is_stuck = taken.used > limit and not (going and going["horizon"])
    disk = shutil.disk_usage(settings.ACCORD_HOME)
    context = {
        **site_context(request),
        "title": "Storage",
        "gauge": charts.gauge(share, f"{share:.0%} of the store's room is taken"),
        "share": f"{share:.1%}",
        "used": size(taken.used),
        "limit": size(limit),
        "forecast": days_text(history, used=taken.used, limit=limit),
        "facts": [
            ("Messages", f"{held['messages']:,}, {size(held['bytes'])} as they were signed"),
            ("Files", _files()),
            ("Grows by", f"{size(found.daily)} a day" if found and found.daily > 0 else "not known yet"),
            ("Unused in the file", size(taken.free)),
            ("Free on the disk", f"{size(disk.free)} of {size(disk.total)}"),
        ],
        "spark": charts.sparkline([sample.used for sample in history], "room taken, 30 days") if history else "",
        "warnings": list(warnings(taken, limit, is_stuck=is_stuck)),
        "asked": request.GET.get("to", "")[:MAX_MIB_DIGITS],
        "suggested": taken.used * 9 // 10 // MIB,
        "going": going,
        "receipts": _receipts(),
        "simulator": _sliders(taken.used, now),
        "settings_url": f"{reverse('admin:settings')}#store_mib",
        "people_url": f"{reverse('admin:peers_account_changelist')}?o=-7",
    }
    return render(request, "console/storage.html", context)
