"""Three roles: what each sees and does, over every page, table and deed there is; who is signed in, and put out."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User as ConsoleUser
from django.test import Client
from django.urls import reverse

from accord.errors import AccordError
from console import access, deeds, roles, services
from console.models import EntryLink
from console.services import entry_link_create
from console.site import MENU
from peers.clock import now_ms
from peers.models import AuditEntry
from tests.console.conftest import page
from tests.console.test_tables import peer_of
from tests.factories import Hub

ROUTES = [route for _, items in MENU for _, route, _ in items]
TABLES = {
    f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist": table
    for model, table in admin.site._registry.items()
}
OF_MODERATORS = {
    "invite",
    "end-session",
    "refuse-device",
    "lift",
    "withdraw-invite",
    "open-channel",
    "pin",
    "delete-message",
}
OF_OPERATORS = {
    "capacity",
    "notice",
    "prune",
    "metrics-token",
    "link-hub",
    "remove-link",
    "console-link",
    "end-browser",
}


def entered(role: str, name: str = "") -> Client:
    """A browser in which somebody has that role."""
    client = Client()
    secret = entry_link_create(now=now_ms(), name=name or role, role=role)
    assert client.post("/console/enter", {"secret": secret}).status_code == 302
    return client


@pytest.mark.parametrize("role", roles.ROLES)
def test_every_page_and_table_keeps_to_the_role(hub: Hub, role: str) -> None:
    hub.member("ann")
    peer_of("ann")
    client = entered(role)
    menu = page(client, "/console/")
    for route in ROUTES:
        address = reverse(route)
        table = TABLES.get(route)
        answer = client.get(address)
        assert answer.status_code in (200, 403), route
        if role != "moderator":
            assert answer.status_code == 200, route
        assert (f'href="{address}"' in menu) == (answer.status_code == 200), f"{route}: the menu has what can be seen"
        if table is None:
            continue
        assert (answer.status_code == 200) == (getattr(table, "needs", "") in roles.ROLES[role]), route
        assert client.get(f"{address}export/").status_code == answer.status_code
        row = table.model._default_manager.first()
        if row is not None:
            assert client.get(f"{address}{row.pk}/change/").status_code == answer.status_code


def test_what_moderators_see(hub: Hub) -> None:
    client = entered("moderator")
    for path in ("", "peers/account/", "tree/", "sessions/", "messaging/topic/", "messaging/message/", "factors/"):
        assert client.get(f"/console/{path}").status_code == 200, path
    for path in ("settings/", "peers/statement/", "users/", "peers/auditentry/", "peers/auditentry/whole/", "tasks/"):
        assert client.get(f"/console/{path}").status_code == 403, path
    assert "not for your role" in page(client, "/console/settings/", 403)


@pytest.mark.parametrize("role", roles.ROLES)
def test_every_deed_keeps_to_the_role(hub: Hub, role: str) -> None:
    client = entered(role)
    before = AuditEntry.objects.count()
    for name in deeds._deeds:
        may = deeds.needs_of(name) in roles.ROLES[role]
        for path in (f"/console/do/{name}/", f"/console/do/{name}/nothing-of-the-kind/"):
            assert (client.get(path).status_code == 403) == (not may), path
            if not may:
                assert client.post(path, {"confirmed": "1"}).status_code == 403, path
    assert AuditEntry.objects.count() == before


def test_which_deeds_are_whose() -> None:
    assert {deeds.needs_of(name) for name in OF_MODERATORS} == {roles.MODERATE}
    assert {deeds.needs_of(name) for name in OF_OPERATORS} == {roles.OPERATE}
    assert deeds.needs_of("there-is-no-such-deed") == roles.OPERATE
    assert set(deeds._deeds) >= OF_MODERATORS | OF_OPERATORS


@pytest.mark.parametrize("role", ["moderator", "auditor"])
def test_settings_are_the_operators(hub: Hub, role: str) -> None:
    client = entered(role)
    assert client.post("/console/settings/", {"name": "hub_name", "value": "Mine"}).status_code == 403
    assert "Mine" not in page(entered("operator"), "/console/settings/")


def test_an_auditor_is_shown_no_buttons(hub: Hub) -> None:
    client = entered("auditor")
    for route in ROUTES:
        assert "/console/do/" not in page(client, reverse(route)), route


def test_who_did_it_is_in_the_log(hub: Hub) -> None:
    client = entered("moderator", "maja")
    assert client.post("/console/do/open-channel/", {"name": "tea", "about": "", "confirmed": "1"}).status_code == 302
    assert AuditEntry.objects.filter(actor="console maja", action="open_channel").exists()
    text = page(entered("auditor"), "/console/peers/auditentry/", q="maja")
    assert "open channel" in text


def test_a_link_gives_the_role_anew(hub: Hub) -> None:
    first = entered("operator", "sam")
    assert first.get("/console/settings/").status_code == 200
    second = entered("moderator", "sam")
    assert second.get("/console/settings/").status_code == 403
    assert first.get("/console/settings/").status_code == 403
    assert roles.role_of(ConsoleUser.objects.get(username="sam")) == "moderator"


@pytest.mark.parametrize("name", ["", "A", "a b", "x" * 33, "ä", "a/b"])
def test_names(hub: Hub, name: str) -> None:
    with pytest.raises(AccordError):
        entry_link_create(now=now_ms(), name=name)
    with pytest.raises(AccordError):
        entry_link_create(now=now_ms(), role="king")


def test_an_operator_signs_a_browser_out(hub: Hub) -> None:
    operator, other = entered("operator"), entered("auditor", "eve")
    text = page(operator, "/console/users/")
    assert "eve" in text
    assert "this browser" in text
    assert operator.session.session_key not in text
    (browser,) = [browser for browser in access.browsers() if browser.name == "eve"]
    assert operator.post(f"/console/do/end-browser/{browser.sid}/", {"confirmed": "1"}).status_code == 302
    assert other.get("/console/").status_code == 302
    assert operator.get("/console/").status_code == 200
    (own,) = access.browsers()
    answer = operator.post(f"/console/do/end-browser/{own.sid}/", {"confirmed": "1"})
    assert answer.headers["Location"] == "/console/login/"
    assert operator.get("/console/").status_code == 302


def test_an_operator_takes_access_away(hub: Hub) -> None:
    operator, other = entered("operator"), entered("auditor", "eve")
    other.post("/console/factors/", {"step": "begin"})
    waiting = entry_link_create(now=now_ms(), name="eve", role="auditor")
    assert operator.post("/console/do/remove-console-user/eve/", {"confirmed": "1"}).status_code == 302
    assert other.get("/console/").status_code == 302
    assert not EntryLink.objects.exists()
    with pytest.raises(AccordError):
        services.entry_link_take(secret=waiting, now=now_ms())
    page(operator, "/console/users/")  # it says that it was done
    assert "eve" not in page(operator, "/console/users/")


def test_an_operator_lets_somebody_in(hub: Hub) -> None:
    operator = entered("operator")
    values = {"name": "mo", "role": "moderator"}
    assert operator.post("/console/do/console-link/", values).status_code == 200
    text = operator.post("/console/do/console-link/", {**values, "confirmed": "1"}).content.decode()
    secret = text.partition("http://testserver/console/enter#")[2].partition("<")[0]
    assert "<svg" in text
    client = Client()
    assert client.post("/console/enter", {"secret": secret}).status_code == 302
    assert "mo, moderator" in page(client, "/console/")
    assert secret not in page(operator, "/console/peers/auditentry/")
