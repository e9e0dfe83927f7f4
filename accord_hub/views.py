"""The few pages of a hub, without script, and its signed description (protocol.md sections 3 and 13).

Not here: the chat. These pages tell what the hub is and how to join it with the command line client.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accord.encoding import b64encode, canonical
from accord.keys import fingerprint
from accord.messages import MAX_ATTENTION_KEYS, MAX_ATTENTION_MESSAGES, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_REFS
from accord.statements import make_statement
from accord_hub.home import peer_address
from messaging.admission import MAX_STRANGER_BYTES
from messaging.selectors import store_id
from peers.clock import now_ms
from peers.consumer import LIMITS
from peers.keyring import keyring

SUITES: Final = [1]
FRAMES: Final = ["clear", "sealed"]
POLICY: Final = {"strangers": "stamped", "public_feeds": False, "difficulty": 18}
MESSAGE_LIMITS: Final = {
    "header_bytes": MAX_HEADER_BYTES,
    "body_bytes": MAX_BODY_BYTES,
    "stranger_bytes": MAX_STRANGER_BYTES,
    "attention_keys": MAX_ATTENTION_KEYS,
    "attention_messages": MAX_ATTENTION_MESSAGES,
    "refs": MAX_REFS,
}
FOREVER: Final = "public, max-age=31536000, immutable"


class Stylesheet(NamedTuple):
    """The pages' style; its name changes with its content, so that browsers may keep it."""

    name: str
    content: bytes


@lru_cache(maxsize=1)
def _stylesheet() -> Stylesheet:
    content = (settings.BASE_DIR / "static" / "pages.css").read_bytes()
    return Stylesheet(f"pages.{hashlib.sha256(content).hexdigest()[:12]}.css", content)


def _page(template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    common = {"hub_name": settings.ACCORD_NAME, "stylesheet": _stylesheet().name}
    return HttpResponse(render_to_string(template, {**common, **context}), status=status)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this hub is, and how to join."""
    return _page("home.html", fingerprint=fingerprint(keyring().hub.public))


@require_safe
def join(request: HttpRequest) -> HttpResponse:
    """Where invite links lead. Their secret stays behind the #: the hub never sees it."""
    return _page("join.html", fingerprint=fingerprint(keyring().hub.public))


@require_safe
def stylesheet(request: HttpRequest, name: str) -> HttpResponse:
    """The one static file, without a web server in front."""
    style = _stylesheet()
    if name != style.name:
        raise Http404
    headers = {"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(style.content, content_type="text/css; charset=utf-8", headers=headers)


@require_safe
def hub_statement(request: HttpRequest) -> HttpResponse:
    """What the hub says of itself, signed by its key; public, so any page may read it."""
    origin = settings.ACCORD_URL or f"http://{request.get_host()}"
    statement = make_statement(
        keyring().hub,
        type="hub",
        at=now_ms(),
        name=settings.ACCORD_NAME,
        ws=peer_address(origin),
        suites=SUITES,
        frames=FRAMES,
        policy=POLICY,
        limits={**LIMITS, **MESSAGE_LIMITS},
        store=b64encode(store_id()),
    )
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return HttpResponse(canonical(statement), content_type="application/json", headers=headers)


def _error(status: int, title: str, text: str) -> HttpResponse:
    return _page("error.html", status=status, title=title, text=text)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: above all a Host header that is not this hub's."""
    return _error(400, "That address is not this hub's", "Open the hub by the address that its operator gave you.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _error(403, "That is not allowed", "Nothing has been changed.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _error(404, "There is no such page", "Perhaps the address was not copied whole.")


def failed(request: HttpRequest) -> HttpResponse:
    """500."""
    return _error(
        500, "The hub failed", "It has written down why. Try again, and tell its operator if that does not help."
    )
