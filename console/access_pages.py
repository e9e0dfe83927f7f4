"""The page about who may enter the console: users, roles, second factors, signed-in browsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User as ConsoleUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console import access, roles
from console.models import Factor
from console.shown import ago, moment
from peers.clock import now_ms

SiteContext = Callable[[HttpRequest], dict[str, Any]]


@require_safe
def console_users(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Everyone who has entered, with browsers and factors."""
    now = now_ms()
    own = access.sid_of(request.session.session_key or "")
    browsers = access.browsers()
    users = [
        {
            "name": user.username,
            "role": roles.role_of(user),
            "factors": list(Factor.objects.filter(owner=user.username, is_confirmed=True).order_by("pk")),
            "browsers": [
                {
                    "sid": browser.sid,
                    "since": moment(browser.entered_at),
                    "seen": ago(browser.seen_at, now),
                    "is_own": browser.sid == own,
                }
                for browser in browsers
                if browser.name == user.username
            ],
        }
        for user in ConsoleUser.objects.filter(is_active=True).order_by("username")
    ]
    context = {**site_context(request), "title": "Console users", "users": users}
    return render(request, "console/users.html", context)
