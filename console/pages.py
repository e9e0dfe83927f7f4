"""The console's own pages: dashboard, invite tree, live sessions, tasks, numbers, settings, help.

Each gets `site_context`, what every page of the site shows. Not here: tables of models (admin.py), deeds (deeds.py).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.conf import settings
from django.contrib import messages as page_messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accord.errors import AccordError
from accord.topics import parse_topic
from console import charts, live, runs, services
from console.attention import concerns
from console.grid import Choices, Column, Grid, small_grid
from console.models import Sample, Setting
from console.selectors import (
    DAY_MS,
    MINUTES_A_DAY,
    invite_tree,
    joined_by_day,
    kinds_of_accounts,
    messages_by_day,
    names_of,
    samples_since,
    walk,
)
from console.shown import ago, count, key_html, moment, size, text_of
from invites.selectors import tally
from messaging.models import Topic
from messaging.selectors import figures
from peers import options
from peers.clock import now_ms
from peers.counters import counters
from peers.sessions import sessions

SiteContext = Callable[[HttpRequest], dict[str, Any]]

DAYS_SHOWN: Final = 30
SPARK_POINTS: Final = 48
RATE_MINUTES: Final = 5
HOUR_MINUTES: Final = 60
MINUTE_MS: Final = 60 * 1000
TREE_SHOWN_OPEN: Final = 60  # accounts up to which the whole tree is unfolded
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
    """Six figures, what needs attention, a chart."""
    now = now_ms()
    today, minute = now // DAY_MS, now // MINUTE_MS
    samples = samples_since(minute - MINUTES_A_DAY)
    days = messages_by_day(first=today - DAYS_SHOWN + 1, last=today)
    joined = joined_by_day(first=today - DAYS_SHOWN + 1, last=today)
    held = figures()
    kinds = kinds_of_accounts()
    disk = shutil.disk_usage(settings.ACCORD_HOME)
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
            "value": size(held["bytes"]),
            "note": f"{size(_database_bytes())} on the disk, {size(disk.free)} free",
            "spark": _drawn(samples, lambda sample: sample.bytes, "bytes, one day", adds_up=False),
            "url": f"{reverse('admin:messaging_topic_changelist')}?o=-4",
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
    ]
    hour = [sample for sample in samples if sample.minute > minute - HOUR_MINUTES]
    first = today - DAYS_SHOWN + 1
    context = {
        **site_context(request),
        "title": "Dashboard",
        "cards": cards,
        "concerns": concerns(hour, sum(counters.logins[code] for code in REFUSED_LOGINS)),
        "chart": charts.day_bars(first, days, "messages"),
        "people_chart": charts.day_bars(first, joined, "people"),
        "days": [(charts.day_name(first + place), f"{count:,}") for place, count in enumerate(days)],
        "deeds": [
            ("Put a notice to all", reverse("admin:deed", args=["notice"])),
            ("Open a channel", reverse("admin:deed", args=["open-channel"])),
        ],
    }
    return render(request, "console/dashboard.html", context)


def _database_bytes() -> int:
    files = settings.ACCORD_HOME.glob("hub.sqlite3*")
    return sum(path.stat().st_size for path in files)


@require_safe
def tree(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Who invited whom."""
    search = request.GET.get("q", "").strip()[:64]
    at = request.GET.get("at", "")
    root = invite_tree(search=search, at=int(at) if at.isascii() and at.isdecimal() and len(at) < 18 else None)
    accounts = sum(kinds_of_accounts().values())
    context = {
        **site_context(request),
        "title": "Invite tree",
        "steps": walk(root) if root else (),
        "root": root,
        "search": search,
        "all_open": "all" in request.GET or (not search and accounts <= TREE_SHOWN_OPEN),
        "accounts": accounts,
    }
    return render(request, "console/tree.html", context)


# Live sessions

_ROLES: Final = (("guest", "guests"), ("temp", "invites being claimed"), ("member", "members"), ("admin", "admin"))


@require_safe
def live_sessions(request: HttpRequest, *, site_context: SiteContext) -> HttpResponseBase:
    """Who is connected to this process now."""
    found = live.snapshot()
    now = now_ms()
    names = names_of({session.user for session in found or () if session.user is not None})

    def name_of(session: live.LiveSession) -> str:
        return names.get(session.user, text_of(session.user)) if session.user is not None else "a guest"

    columns = (
        Column("Who", name_of),
        Column("Role", lambda session: session.role),
        Column("Device", lambda session: text_of(session.client), lambda session: key_html(session.client)),
        Column("Since", lambda session: moment(session.started_at), lambda session: ago(session.started_at, now)),
        Column("Topics", lambda session: session.topic_count, is_number=True),
        Column("Keys", lambda session: session.key_count, is_number=True),
        Column("Messages", lambda session: session.message_count, is_number=True),
    )
    drawn = small_grid(
        request,
        found or [],
        columns,
        name="sessions",
        url_of=lambda session: reverse("admin:session", args=[session.sid]),
        choices=[Choices("role", "Role", _ROLES)],
        passes=lambda session, choice, value: session.role == value,
        search_hint="Name or device key",
    )
    if isinstance(drawn, HttpResponseBase):
        return drawn
    drawn.note = (
        "Topics, keys and messages are what each session has subscribed to. Addresses are not kept, so they are not "
        "shown."
        if found is not None
        else "This process serves no sockets, so nobody is connected to it."
    )
    return _grid_page(request, site_context, "Live sessions", drawn)


def _grid_page(request: HttpRequest, site_context: SiteContext, title: str, grid: Grid) -> HttpResponse:
    return render(request, "console/grid.html", {**site_context(request), "title": title, "grid": grid})


@require_safe
def live_session(request: HttpRequest, sid: str, *, site_context: SiteContext) -> HttpResponse:
    """One session: what it listens to, and how to end it."""
    found = next((session for session in live.snapshot() or () if session.sid == sid), None)
    if found is None:
        page_messages.warning(request, "That session has ended.")
        return HttpResponseRedirect(reverse("admin:sessions"))
    now = now_ms()
    names = names_of({*found.keys, *([found.user] if found.user else [])})
    facts = [
        ("Who", names.get(found.user, "") if found.user else "a guest, without a certificate"),
        ("User key", key_html(found.user) if found.user else ""),
        ("Role", found.role),
        ("Device key", key_html(found.client)),
        ("Since", f"{moment(found.started_at)} ({ago(found.started_at, now)})"),
        ("Certificate ends", f"{moment(found.expires_at)} ({ago(found.expires_at, now)})" if found.expires_at else ""),
    ]
    lists = [
        ("subscribed_to_topics", found.topic_count, _topic_names(found.topics)),
        ("subscribed_to_keys", found.key_count, [names.get(key) or key_html(key) for key in found.keys]),
        ("subscribed_to_messages", found.message_count, [text_of(ident) for ident in found.messages]),
    ]
    context = {
        **site_context(request),
        "title": "Live session",
        "facts": [(label, value) for label, value in facts if value],
        "lists": lists,
        "buttons": [
            ("End the session", reverse("admin:deed", args=["end-session", sid]), True),
            ("Refuse the device", reverse("admin:deed", args=["refuse-session", sid]), True),
        ],
        "back": reverse("admin:sessions"),
    }
    return render(request, "console/detail.html", context)


def _topic_names(topics: Sequence[str]) -> list[str]:
    """Channels by name, people's feeds and inboxes by theirs."""
    parsed = {name: parse_topic(name) for name in topics}
    channels = {topic.ident for topic in parsed.values() if topic.kind == "chan"}
    found = {
        bytes(ident): name
        for ident, name in Topic.objects.filter(kind="chan", ident__in=channels).values_list("ident", "name")
    }
    people = names_of({topic.ident for topic in parsed.values() if topic.kind in ("feed", "user")})
    words = {"feed": "feed of ", "user": "inbox of ", "hub": "the hub's own topic", "chan": "#"}
    named = {**people, **found}
    return [
        words.get(topic.kind, topic.kind) + ("" if topic.kind == "hub" else named.get(topic.ident, name))
        for name, topic in parsed.items()
    ]


# Tasks and numbers


@require_safe
def tasks(request: HttpRequest, *, site_context: SiteContext) -> HttpResponseBase:
    """Scheduled work: when it is due, how it went."""
    known = runs.records()
    now = now_ms()
    schedule: dict[str, dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE
    rows = [
        (name, entry["schedule"], known.get(entry["task"], runs.Record())) for name, entry in sorted(schedule.items())
    ]

    def last_of(row: tuple[str, float, runs.Record]) -> runs.Run | None:
        return row[2].last[-1] if row[2].last else None

    def result_of(row: tuple[str, float, runs.Record]) -> str:
        last = last_of(row)
        return "has not run yet" if last is None else f"failed: {last.error}" if last.error else "done"

    columns = (
        Column("Task", lambda row: row[0]),
        Column("Due every", lambda row: row[1], lambda row: f"{row[1]:g} s", is_number=True),
        Column(
            "Last run",
            lambda row: moment(last.started_at) if (last := last_of(row)) else "",
            lambda row: ago(last.started_at, now) if (last := last_of(row)) else "",
        ),
        Column("Result", result_of),
        Column(
            "Took",
            lambda row: round(last.seconds, 4) if (last := last_of(row)) else "",
            lambda row: f"{last.seconds * 1000:,.0f} ms" if (last := last_of(row)) else "",
            is_number=True,
        ),
        Column("Runs", lambda row: row[2].runs, is_number=True),
        Column("Failures", lambda row: row[2].failures, is_number=True),
    )
    drawn = small_grid(
        request,
        rows,
        columns,
        name="tasks",
        choices=[Choices("result", "Result", (("done", "done"), ("failed", "failed")))],
        passes=lambda row, choice, value: result_of(row).startswith(value),
        search_hint="Task",
    )
    if isinstance(drawn, HttpResponseBase):
        return drawn
    drawn.note = "Since this process started. Each task is a sweep: it may run late or twice, and nothing is lost."
    return _grid_page(request, site_context, "Tasks", drawn)


@require_safe
def numbers(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Running totals of this process, and how monitoring reads them."""
    context = {
        **site_context(request),
        "title": "Numbers",
        "totals": [
            ("Messages stored", f"{counters.stored:,}"),
            ("Messages sent again", f"{counters.duplicates:,}"),
            ("Messages refused", f"{counters.refused.total():,}"),
            ("Messages delivered", f"{counters.delivered:,}"),
        ],
        "refused": sorted(counters.refused.items(), key=lambda item: -item[1]),
        "logins": sorted(counters.logins.items(), key=lambda item: -item[1]),
        "has_token": Setting.objects.filter(name=services.METRICS_TOKEN).exists(),
        "behind_proxy": bool(settings.ACCORD_URL),
        "uptime": ago(_STARTED_AT, now_ms()).removesuffix(" ago"),
    }
    return render(request, "console/numbers.html", context)


_STARTED_AT: Final = time.time_ns() // 1_000_000


@require_safe
def explained(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """What the buttons of the dashboard lead to, where it is nothing that a page can do."""
    return render(request, "console/help.html", {**site_context(request), "title": "Help"})


# Settings


@require_http_methods(["GET", "HEAD", "POST"])
def hub_settings(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """What changes without a restart, each setting with what it does."""
    error, wrong, status = "", "", 200
    if request.method == "POST":
        name = request.POST.get("name", "")
        option = options.OPTIONS.get(name)
        if option is None:
            raise Http404
        try:
            if "reset" in request.POST:
                services.option_reset(name=name)
            else:
                services.option_set(name=name, text=request.POST.get("value", ""), now=now_ms())
        except AccordError as refusal:
            error, wrong, status = refusal.detail, name, 400
        else:
            page_messages.success(request, f"{option.title}: {_as_text(option, option.value)}. It holds from now on.")
            return HttpResponseRedirect(f"{request.path}#{name}")
    changed = dict(Setting.objects.values_list("name", "changed_at"))
    rows = [
        {
            "option": option,
            "value": request.POST.get("value", "") if option.name == wrong else option.value,
            "default": _as_text(option, option.default()),
            "changed": moment(changed.get(option.name)),
            "error": error if option.name == wrong else "",
        }
        for option in options.OPTIONS.values()
    ]
    context = {**site_context(request), "title": "Settings", "rows": rows, "capacity": tally()}
    return render(request, "console/settings.html", context, status=status)


def _as_text(option: Any, value: int | str) -> str:
    if option.choices:
        return str(dict(option.choices)[value])
    return f"{value:,} {option.unit}".strip() if isinstance(value, int) else value
