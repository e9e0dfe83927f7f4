"""The hub's pages and its signed description (protocol.md sections 3 and 13).

The web client is one page: a shell that loads its modules (static/chat). Not here: the REST API (api.py), the console.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accord.encoding import b64encode, canonical
from accord.keys import fingerprint
from accord.messages import MAX_ATTENTION_KEYS, MAX_ATTENTION_MESSAGES, MAX_HEADER_BYTES, MAX_REFS
from accord.statements import make_statement
from accord_hub.home import peer_address
from accord_hub.words import best_language, direction, to_say
from messaging.admission import MESSAGE_KIB
from messaging.door import MAX_STRANGER_BYTES, STRANGERS, price
from messaging.selectors import store_id
from peers.callers import refusal
from peers.clock import now_ms
from peers.consumer import LIMITS
from peers.keyring import keyring
from peers.options import HUB_NAME
from peers.selectors import statement
from plugins.bot import bot_in_use

API_PREFIX: Final = "/api/"
API_PATH: Final = "/api/v1"
SUITES: Final = [1]
FRAMES: Final = ["clear", "sealed"]
MESSAGE_LIMITS: Final = {
    "header_bytes": MAX_HEADER_BYTES,
    "stranger_bytes": MAX_STRANGER_BYTES,
    "attention_keys": MAX_ATTENTION_KEYS,
    "attention_messages": MAX_ATTENTION_MESSAGES,
    "refs": MAX_REFS,
}
# Those of static/client that a page loads; the others run in the worker
CLIENT_MODULES: Final = ["client.js", "errors.js", "state.js", "timeline_view.js", "worker_url.js"]
WORDS_MODULES: Final = ["languages.js", "tosay.js", "words.js"]  # not the catalogues: of those it loads one
CHAT_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # pictures that the page has opened itself
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types accord",
    ]
)


@lru_cache(maxsize=1)
def _chat_files() -> dict[str, list[str]]:
    """The styles and modules of the web client's page, so that the browser asks for all of them at once."""
    folder = settings.BASE_DIR / "static" / "chat"
    styles = sorted((path.name for path in folder.glob("*.css")), key=lambda name: (name != "tokens.css", name))
    modules = sorted(path.name for path in folder.glob("*.js") if path.name != "early.js")
    return {
        "styles": [f"chat/{name}" for name in styles],
        "modules": [f"chat/{name}" for name in modules]
        + [f"client/{name}" for name in CLIENT_MODULES]
        + [f"words/{name}" for name in WORDS_MODULES],
    }


def _page(request: HttpRequest, template: str, status: int = 200, /, **context: Any) -> HttpResponse:
    language = best_language(request.headers.get("Accept-Language", ""))
    told = {"hub_name": HUB_NAME.value, "language": language, "direction": direction(language)}
    page = render_to_string(template, {**told, **context})
    return HttpResponse(page, status=status, headers={"Content-Language": language, "Vary": "Accept-Language"})


@require_safe
def chat(request: HttpRequest) -> HttpResponse:
    """The web client, for members and for whoever has an invite. A link's secret stays behind the #: the hub never sees
    it.
    """
    response = _page(request, "chat.html", fingerprint=fingerprint(keyring().hub.public), **_chat_files())
    response.headers["Content-Security-Policy"] = CHAT_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@require_safe
def to(request: HttpRequest, name: str) -> HttpResponse:
    """The page on which people without an account write to a member: the same bytes for every name, taken or not."""
    response = _page(request, "to.html", fingerprint=fingerprint(keyring().hub.public))
    response.headers["Content-Security-Policy"] = CHAT_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@require_safe
def mirror(request: HttpRequest) -> HttpResponse:
    """What a hub in gossip mode shows in place of the web client."""
    title = to_say("This hub has no members")
    text = to_say("It keeps a copy of what other hubs say. Open the hub that you joined.")
    return _page(request, "error.html", title=title, text=text)


def hub_document(request: HttpRequest) -> dict[str, Any]:
    """What the hub says of itself, signed by its key."""
    origin = settings.ACCORD_URL or f"http://{request.get_host()}"
    bot = bot_in_use()
    return make_statement(
        keyring().hub,
        type="hub",
        at=now_ms(),
        name=HUB_NAME.value,
        ws=peer_address(origin),
        **_for_members(origin),
        suites=SUITES,
        frames=FRAMES,
        policy={
            "strangers": "closed" if settings.IS_GOSSIP else STRANGERS.value,
            "public_feeds": False,
            "difficulty": price(now_ms()),
        },
        limits={**LIMITS, **MESSAGE_LIMITS, "body_bytes": MESSAGE_KIB.value * 1024},
        store=b64encode(store_id()),
        admin=statement("set_admin"),
        **({"bot": b64encode(bot)} if bot else {}),
    )


def _for_members(origin: str) -> dict[str, Any]:
    return {"mode": settings.ACCORD_MODE} if settings.IS_GOSSIP else {"api": f"{origin}{API_PATH}"}


@require_safe
def hub_statement(request: HttpRequest) -> HttpResponse:
    """The hub's document; public, so any page may read it."""
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return HttpResponse(canonical(hub_document(request)), content_type="application/json", headers=headers)


def _error(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    return _page(request, "error.html", status, title=title, text=text)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: above all a Host header that is not this hub's."""
    if request.path.startswith(API_PREFIX):
        return refusal("bad_request", "that address is not this hub's")
    title = to_say("That address is not this hub's")
    return _error(request, 400, title, to_say("Open the hub by the address that its operator gave you."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _error(request, 403, to_say("That is not allowed"), to_say("Nothing has been changed."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    if request.path.startswith(API_PREFIX):
        return refusal("not_found", "there is nothing here")
    return _error(request, 404, to_say("There is no such page"), to_say("Perhaps the address was not copied whole."))


def failed(request: HttpRequest) -> HttpResponse:
    """500."""
    if request.path.startswith(API_PREFIX):
        return refusal("internal", "the hub failed; it has written down why")
    text = to_say("It has written down why. Try again, and tell its operator if that does not help.")
    return _error(request, 500, to_say("The hub failed"), text)
