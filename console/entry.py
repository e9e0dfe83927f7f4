"""Into the console: the one-time link, the second factor, the session (no password anywhere).

A link is `/console/enter#<secret>`: browsers do not send what is behind the #, so the secret is in no address that a
server or proxy writes down. The page's script posts it. Not here: who made the link (`manage.py console_link`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect, ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accord.encoding import b64decode, b64encode
from accord.errors import HTTP_STATUS, AccordError
from console import access, factors, services
from console.access import ENTERED_AT, SEEN_AT
from console.models import Factor
from console.selectors import has_factor
from console.shown import qr_svg
from peers.clock import now_ms
from peers.options import HUB_NAME

BACKEND: Final = "django.contrib.auth.backends.ModelBackend"
PENDING_LIFE_MS: Final = 5 * 60 * 1000
CHALLENGE_BYTES: Final = 32

# What the session of a browser holds
PENDING_SINCE: Final = "pending_since"  # the link was good, the second factor is to come
PENDING_NAME: Final = "pending_name"
PENDING_ROLE: Final = "pending_role"
CHALLENGE: Final = "challenge"


def host_of(request: HttpRequest) -> str:
    """The name by which the browser knows this hub, without port."""
    return urlsplit(f"//{request.get_host()}").hostname or ""


def origin_of(request: HttpRequest) -> str:
    """The origin by which the browser knows this hub."""
    if settings.ACCORD_URL and request.get_host() == urlsplit(settings.ACCORD_URL).netloc:
        return str(settings.ACCORD_URL)
    return f"http://{request.get_host()}"


def has_name(request: HttpRequest) -> bool:
    """Whether the hub was reached by a domain name, without which browsers make no passkeys."""
    host = host_of(request)
    return not (":" in host or host.replace(".", "").isdigit())


def _page(request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, template, {"hub_name": HUB_NAME.value, **context}, status=status)


def _begin(request: HttpRequest, name: str, role: str) -> HttpResponseRedirect:
    """Open a user's session, under a new key."""
    request.session.flush()
    login(request, access.console_user_ensure(name=name, role=role), backend=BACKEND)
    request.session[ENTERED_AT] = request.session[SEEN_AT] = now_ms()
    return redirect("admin:index")


@never_cache
@ensure_csrf_cookie
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_protect
@sensitive_post_parameters("secret")
def enter(request: HttpRequest) -> HttpResponse:
    """The page behind the link; its script posts what is behind the #."""
    if request.method != "POST":
        return _page(request, "console/enter.html")
    try:
        name, role = services.entry_link_take(secret=request.POST.get("secret", ""), now=now_ms())
    except AccordError:
        return _page(request, "console/enter.html", 403, refused=True)
    if not has_factor(name):
        return _begin(request, name, role)
    request.session.flush()
    request.session[PENDING_SINCE] = now_ms()
    request.session[PENDING_NAME], request.session[PENDING_ROLE] = name, role
    return redirect("console_check")


def _challenge(request: HttpRequest) -> bytes:
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    request.session[CHALLENGE] = b64encode(challenge)
    return challenge


def _challenge_taken(request: HttpRequest) -> bytes:
    """The challenge of this session, once; a session without one gets one that nobody knows."""
    return b64decode(request.session.pop(CHALLENGE, "") or b64encode(secrets.token_bytes(CHALLENGE_BYTES)))


def _answer(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    text = request.POST.get("answer", "")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AccordError("bad_request", "the browser's answer could not be read") from error
    if type(value) is not dict:
        raise AccordError("bad_request", "the browser's answer could not be read")
    return text, value


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_protect
@sensitive_post_parameters("code", "answer")
def check(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor; the session opens when it fits."""
    since = request.session.get(PENDING_SINCE)
    if since is None or now_ms() - since > PENDING_LIFE_MS:
        request.session.flush()
        return redirect("admin:login")
    name, role = request.session[PENDING_NAME], request.session[PENDING_ROLE]
    error = None
    if request.method == "POST":
        try:
            if "answer" in request.POST:
                text, value = _answer(request)
                factors.passkey_check(
                    owner=name,
                    answer=text,
                    value=value,
                    host=host_of(request),
                    origin=origin_of(request),
                    challenge=_challenge_taken(request),
                    now=now_ms(),
                )
            else:
                factors.totp_check(owner=name, code=request.POST.get("code", ""), now=now_ms())
        except AccordError as refusal:
            error = refusal
        else:
            return _begin(request, name, role)
    kinds = set(Factor.objects.filter(owner=name, is_confirmed=True).values_list("kind", flat=True))
    offers_passkey = Factor.Kind.PASSKEY in kinds and has_name(request)
    return _page(
        request,
        "console/check.html",
        HTTP_STATUS[error.code] if error else 200,
        error=error.detail if error else "",
        has_totp=Factor.Kind.TOTP in kinds,
        has_passkey=Factor.Kind.PASSKEY in kinds,
        options=factors.passkey_request(owner=name, host=host_of(request), challenge=_challenge(request))
        if offers_passkey
        else "",
    )


@never_cache
@require_safe
def explained(request: HttpRequest) -> HttpResponse:
    """Instead of a login page: where the link is made."""
    if request.user.is_authenticated:
        return redirect("admin:index")
    return _page(request, "console/login.html", left="left" in request.GET)


@require_POST
@csrf_protect
def leave(request: HttpRequest) -> HttpResponse:
    """End the session here."""
    logout(request)
    response = redirect("admin:login")
    response["Location"] += "?left"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that this browser did not get from here, or long ago."""
    return _page(request, "console/csrf.html", 403)


# Setting up second factors; site.py sees to it that only who has entered comes here.


@sensitive_post_parameters("code", "answer")
def factor_page(request: HttpRequest, site_context: Callable[[HttpRequest], dict[str, Any]]) -> HttpResponse:
    """Second factors of whoever asks: what there is, an app by QR code, a passkey."""
    owner = str(request.user.get_username())
    error = None
    if request.method == "POST":
        try:
            return _factor_set_up(request, owner)
        except AccordError as refusal:
            error = refusal
    pending = factors.totp_pending(owner) if request.GET.get("app") or error else None
    uri = factors.totp_uri(pending) if pending else ""
    context = {
        **site_context(request),
        "title": "Second factor",
        "factors": Factor.objects.filter(owner=owner, is_confirmed=True).order_by("pk"),
        "error": error.detail if error else "",
        "pending": pending,
        "qr": qr_svg(uri) if uri else "",
        "secret": _secret_of(uri),
        "has_name": has_name(request),
        "host": request.get_host(),
        "options": factors.passkey_offer(owner=owner, host=host_of(request), challenge=_challenge(request))
        if has_name(request)
        else "",
    }
    return render(request, "console/factors.html", context, status=HTTP_STATUS[error.code] if error else 200)


def _secret_of(uri: str) -> str:
    """The secret in groups of four, for apps that cannot read the picture."""
    _, _, rest = uri.partition("secret=")
    text = rest.partition("&")[0]
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def _factor_set_up(request: HttpRequest, owner: str) -> HttpResponse:
    step = request.POST.get("step")
    if step == "begin":
        factors.totp_begin(owner=owner, now=now_ms())
        return HttpResponseRedirect(f"{request.path}?app=1#app")
    if step == "confirm":
        factors.totp_confirm(owner=owner, code=request.POST.get("code", ""), now=now_ms())
        return HttpResponseRedirect(request.path)
    text, _ = _answer(request)
    factors.passkey_add(
        owner=owner,
        answer=text,
        name=request.POST.get("name", ""),
        host=host_of(request),
        origin=origin_of(request),
        challenge=_challenge_taken(request),
        now=now_ms(),
    )
    return HttpResponseRedirect(request.path)
