"""What holds under /console/ only: sessions and messages, how long a session lasts, the headers of its pages.

The rest of the hub has no cookies, so the rest does not even look for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.contrib.auth import logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse

from console.access import ENTERED_AT, SEEN_AT
from peers import audit
from peers.clock import now_ms

PREFIX: Final = "/console/"
SESSION_LIFE_MS: Final = 12 * 3600 * 1000
IDLE_LIFE_MS: Final = 3600 * 1000
SEEN_STEP_MS: Final = 60 * 1000

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

GetResponse = Callable[[HttpRequest], HttpResponse]


class Sessions(SessionMiddleware):
    """Django's, under /console/ only. Elsewhere nothing goes by cookies, so there is nothing to forge."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            setattr(request, "csrf_processing_done", True)  # noqa: B010 - Django's, which its types do not know
            return self.get_response(request)  # type: ignore[return-value]
        return super().__call__(request)  # type: ignore[return-value]


class Authentication(AuthenticationMiddleware):
    """Django's, under /console/ only."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)  # type: ignore[return-value]
        return super().__call__(request)  # type: ignore[return-value]


class Messages(MessageMiddleware):
    """Django's, under /console/ only."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)  # type: ignore[return-value]
        return super().__call__(request)  # type: ignore[return-value]


def console_pages(get_response: GetResponse) -> GetResponse:
    """End sessions that are too old or idle, and give the console's pages their headers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return get_response(request)
        _end_if_over(request)
        with audit.acting(f"console {request.user.get_username()}" if request.user.is_authenticated else ""):
            response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        # With no-referrer, browsers hide the Origin of a posted form too, and Django refuses such a form.
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def _end_if_over(request: HttpRequest) -> None:
    entered = request.session.get(ENTERED_AT)
    if entered is None:
        return
    now = now_ms()
    seen = request.session.get(SEEN_AT, entered)
    if now - entered > SESSION_LIFE_MS or now - seen > IDLE_LIFE_MS:
        logout(request)
    elif now - seen > SEEN_STEP_MS:
        request.session[SEEN_AT] = now
