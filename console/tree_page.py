"""The invite tree as a picture: the page, and what its script asks for, under the console's own session.

What is known of an account and what can be done to it is what its row in the table of people says. Not here: the
picture itself (static/chat/branch_picture.js), the tree as a list (pages.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import strip_tags
from django.views.decorators.http import require_safe

from accord.encoding import b64encode
from console.tables import Table
from invites.branches import Node, branch_of
from invites.selectors import tally
from peers.models import Account
from peers.selectors import admin_account_id

SiteContext = Callable[[HttpRequest], dict[str, Any]]

NODES_AT_ONCE: Final = 2_000


@require_safe
def tree(request: HttpRequest, *, site_context: SiteContext) -> HttpResponse:
    """Who invited whom, to be looked at."""
    context = {**site_context(request), "title": "Invite tree", "tally": tally()}
    return render(request, "console/tree.html", context)


@require_safe
def branch(request: HttpRequest, *, site_context: SiteContext) -> JsonResponse:
    """A branch, from the admin's account or the one of `?at=` on, in the form of the API's room `branch`."""
    at = request.GET.get("at", "")
    is_number = at.isascii() and at.isdecimal() and len(at) < 18
    nodes = branch_of(int(at) if is_number else admin_account_id(), limit=NODES_AT_ONCE)
    if not nodes:
        raise Http404
    return JsonResponse({"items": [_item(node) for node in nodes], "more": nodes[0].below >= len(nodes)})


def _item(node: Node) -> dict[str, Any]:
    parent = None if node.parent is None else b64encode(node.parent)
    fields = {name: getattr(node, name) for name in Node.__slots__ if name not in ("key", "parent")}
    return {**fields, "key": b64encode(node.key), "parent": parent}


@require_safe
def account(request: HttpRequest, pk: int, *, site_context: SiteContext) -> JsonResponse:
    """What is known of one account, and the ways to what can be done about it."""
    found = Account.objects.select_related("user", "parent", "balance").filter(pk=pk).first()
    if found is None:
        raise Http404
    table = admin.site.get_model_admin(Account)
    assert isinstance(table, Table)  # noqa: S101 - console/admin.py registers it
    return JsonResponse(
        {
            "title": table.shown_name(found),  # type: ignore[attr-defined]
            "facts": [(label, strip_tags(str(value))) for label, value in table.facts(found)],
            "buttons": [
                {"text": button.text, "url": button.url, "is_danger": button.is_danger}
                for button in table.buttons_for(request, found)
            ],
            "url": reverse("admin:peers_account_change", args=[found.pk]),
        }
    )
