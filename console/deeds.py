"""What the operator does: each deed first says what it touches, is confirmed by a second press, and is written down.

A deed is prepared from the name of its target (or from a form), which may find that there is nothing to do. Not here:
the doing itself (services.py, live.py, factors.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages as page_messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accord.errors import HTTP_STATUS, AccordError
from console import roles
from console.entry import origin_of
from console.shown import qr_svg, short_key
from peers.keyring import keyring

MAX_ID_DIGITS: Final = 18
MAX_DIGITS: Final = 12  # of a number that is written
MENU_PATH: Final = "menu_path"  # of a request: the page to which a deed belongs, for the menu

SiteContext = Callable[[HttpRequest], dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """Something that the operator writes before a deed can be confirmed."""

    name: str
    label: str
    hint: str = ""
    most: int = 200
    is_long: bool = False
    is_required: bool = True
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""


@dataclass(frozen=True)
class Deed:
    """A deed that is ready: `says` is what it touches, `run` does it and tells what happened."""

    title: str
    says: tuple[str, ...]
    button: str
    run: Callable[[dict[str, str]], str]
    back: str
    fields: tuple[Field, ...] = ()
    is_danger: bool = False
    # What `run` tells is shown on the page itself, this once, and kept nowhere; a path as an address, with its QR code.
    # A second line is a sentence beside it.
    is_secret: bool = False
    preview: str = ""  # the name of a field that is shown as members will see it


Prepare = Callable[[str], Deed]
_deeds: dict[str, Prepare] = {}
_needs: dict[str, str] = {}


def named(name: str, *, needs: str = roles.OPERATE) -> Callable[[Prepare], Prepare]:
    """Register what prepares a deed, under its name in addresses, and the permission that it needs (roles.py)."""

    def register(prepare: Prepare) -> Prepare:
        _deeds[name] = prepare
        _needs[name] = needs
        return prepare

    return register


def needs_of(name: str) -> str:
    """The permission that a deed needs; of one that there is not, the operator's."""
    return _needs.get(name, roles.OPERATE)


def number_of(target: str) -> int:
    """The number of a row, as an address names it; AccordError("not_found")."""
    if not (target.isascii() and target.isdecimal() and len(target) <= MAX_ID_DIGITS):
        raise AccordError("not_found", "there is no such thing")
    return int(target)


def whole_number(values: dict[str, str], name: str, label: str) -> int | None:
    """A number that the operator wrote, or nothing; AccordError("bad_request")."""
    text = values[name].replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
        raise AccordError("bad_request", f"{label}: a whole number is expected, or nothing")
    return int(text)


def nothing(what: str) -> AccordError:
    """What is said where a target is gone."""
    return AccordError("not_found", f"{what} is not there any more: nothing has been changed")


def _read(deed: Deed, request: HttpRequest) -> dict[str, str]:
    values: dict[str, str] = {}
    for asked in deed.fields:
        text = request.POST.get(asked.name, "").replace("\r\n", "\n").replace("\0", "").strip()
        if asked.is_required and not text:
            raise AccordError("bad_request", f"{asked.label}: something is expected")
        if len(text) > asked.most:
            raise AccordError("bad_request", f"{asked.label}: at most {asked.most:,} characters")
        if asked.choices and text not in dict(asked.choices):
            raise AccordError("bad_request", f"{asked.label}: one of the choices is expected")
        values[asked.name] = text
    return values


@require_http_methods(["GET", "HEAD", "POST"])
def deed(request: HttpRequest, name: str, target: str = "", *, site_context: SiteContext) -> HttpResponse:
    """First what it touches (and what it needs to know), then, confirmed, the deed."""
    if not roles.may(request, needs_of(name)):
        return render(request, "console/denied.html", site_context(request), status=403)
    status, error = 200, ""
    try:
        prepare = _deeds.get(name)
        if prepare is None:
            raise AccordError("not_found", "there is no such deed")
        ready = prepare(target)
    except AccordError as refusal:
        page_messages.error(request, _sentence(refusal))
        return HttpResponseRedirect(reverse("admin:index"))
    setattr(request, MENU_PATH, ready.back)
    values = {asked.name: asked.value for asked in ready.fields}
    is_written = not ready.fields
    if request.method == "POST":
        values = {asked.name: request.POST.get(asked.name, "") for asked in ready.fields}
        try:
            values = _read(ready, request)
            is_written = True
            if "confirmed" in request.POST:
                told = ready.run(values)
                if not request.session.exists(request.session.session_key or ""):  # it was their own
                    request.session.flush()
                    return HttpResponseRedirect(reverse("admin:login"))
                if ready.is_secret:
                    return _show_secret(request, ready, told, site_context(request))
                page_messages.success(request, told)
                return HttpResponseRedirect(ready.back)
        except AccordError as refusal:
            status, error, is_written = HTTP_STATUS[refusal.code], _sentence(refusal), not ready.fields
    context = {
        **site_context(request),
        "title": ready.title,
        "deed": ready,
        "fields": [{"asked": asked, "value": values[asked.name]} for asked in ready.fields],
        "is_written": is_written,
        "preview": values.get(ready.preview, ""),
        "admin_key": short_key(keyring().admin.public),
        "error": error,
    }
    return render(request, "console/deed.html", context, status=status)


def _show_secret(request: HttpRequest, ready: Deed, told: str, context: dict[str, Any]) -> HttpResponse:
    told, _, also = told.partition("\n")
    is_path = told.startswith("/")
    secret = f"{origin_of(request)}{told}" if is_path else told
    facts = {
        "title": ready.title,
        "deed": ready,
        "secret": secret,
        "qr": qr_svg(secret) if is_path else "",
        "also": also,
    }
    return render(request, "console/secret.html", {**context, **facts})


def _sentence(refusal: AccordError) -> str:
    text = refusal.detail or refusal.code
    return f"{text[:1].upper()}{text[1:]}."
