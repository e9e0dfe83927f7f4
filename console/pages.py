"""The console's own pages: invite tree, live sessions, tasks, numbers, settings, help.

Each gets `site_context`, what every page of the site shows. Not here: the dashboard (dashboard.py), tables of models
(admin.py), deeds (deeds.py).
"""

from __future__ import annotations

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
from console import live, roles, runs, services
from console.deeds import needs_of
from console.grid import Choices, Column, Grid, small_grid
from console.models import Setting
from console.selectors import invite_tree, kinds_of_accounts, names_of, walk
from console.shown import ago, key_html, moment, text_of, whole_key_html
from invites.selectors import tally
from messaging.models import Topic
from peers import options
from peers.clock import now_ms
from peers.counters import counters

SiteContext = Callable[[HttpRequest], dict[str, Any]]

TREE_SHOWN_OPEN: Final = 60  # accounts up to which the whole tree is unfolded


@require_safe
def tree_list(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Who invited whom, as a list that folds: without a script, and for what is deeper than a picture shows."""
    search = request.GET.get("q", "").strip()[:64]
    at = request.GET.get("at", "")
    root = invite_tree(search=search, at=int(at) if at.isascii() and at.isdecimal() and len(at) < 18 else None)
    accounts = sum(kinds_of_accounts().values())
    context = {
        **site_context(request),
        "title": "Invite tree as a list",
        "steps": walk(root) if root else (),
        "root": root,
        "search": search,
        "all_open": "all" in request.GET or (not search and accounts <= TREE_SHOWN_OPEN),
        "accounts": accounts,
    }
    return render(request, "console/tree_list.html", context)


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
        ("User key", whole_key_html(found.user) if found.user else ""),
        ("Role", found.role),
        ("Device key", whole_key_html(found.client)),
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
            (text, reverse("admin:deed", args=[name, sid]), True)
            for text, name in (("End the session", "end-session"), ("Refuse the device", "refuse-session"))
            if roles.may(request, needs_of(name))
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
