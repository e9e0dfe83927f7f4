"""The one-time link, the session that it opens, its end."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client, override_settings
from django.urls import get_resolver
from django.utils import timezone

from accord.errors import AccordError
from console import middleware, services
from console.entry import ENTERED_AT, SEEN_AT
from console.models import EntryLink
from console.services import LINK_LIFE_MS, digest_of, entry_link_create, entry_link_take
from peers.clock import now_ms
from peers.models import AuditEntry
from tests.console.conftest import entered, page
from tests.factories import Hub


def test_a_link_opens_once(hub: Hub) -> None:
    secret = entry_link_create(now=now_ms())
    first, second = Client(), Client()
    assert first.post("/console/enter", {"secret": secret}).headers["Location"] == "/console/"
    refused = second.post("/console/enter", {"secret": secret})
    assert refused.status_code == 403
    assert "opens nothing" in refused.content.decode()
    assert "Dashboard" in page(first, "/console/")
    assert second.get("/console/").headers["Location"].startswith("/console/login/")


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_in(hub: Hub) -> None:
    secret = entry_link_create(now=now_ms())

    def attempt(_: int) -> bool:
        try:
            entry_link_take(secret=secret, now=now_ms())
        except AccordError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8))) == 1


def test_a_link_ends_after_fifteen_minutes(hub: Hub) -> None:
    secret = entry_link_create(now=now_ms() - LINK_LIFE_MS - 1)
    with pytest.raises(AccordError):
        entry_link_take(secret=secret, now=now_ms())


def test_old_links_are_forgotten_when_one_is_made(hub: Hub) -> None:
    entry_link_create(now=now_ms() - LINK_LIFE_MS - 1)
    entry_link_create(now=now_ms())
    assert EntryLink.objects.count() == 1


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "\0", "é" * 43, "x" * 10_000])
def test_a_wrong_secret_opens_nothing(hub: Hub, secret: str) -> None:
    entry_link_create(now=now_ms())
    assert Client().post("/console/enter", {"secret": secret}).status_code == 403
    assert EntryLink.objects.count() == 1


def test_the_secret_is_kept_as_a_hash_only(hub: Hub) -> None:
    secret = entry_link_create(now=now_ms())
    (row,) = EntryLink.objects.values_list("digest", flat=True)
    assert bytes(row) == digest_of(secret)
    assert secret.encode() not in bytes(row)


def test_a_form_from_elsewhere_is_refused(hub: Hub) -> None:
    browser = Client(enforce_csrf_checks=True)
    secret = entry_link_create(now=now_ms())
    assert browser.post("/console/enter", {"secret": secret}).status_code == 403
    browser.get("/console/enter")
    token = browser.cookies["accord_console_csrf"].value
    for origin in ("https://elsewhere.example", "null"):
        answer = browser.post(
            "/console/enter", {"secret": secret, "csrfmiddlewaretoken": token}, headers={"origin": origin}
        )
        assert answer.status_code == 403
    answer = browser.post(
        "/console/enter", {"secret": secret, "csrfmiddlewaretoken": token}, headers={"origin": "http://testserver"}
    )
    assert answer.status_code == 302


def test_every_deed_needs_the_csrf_token(hub: Hub) -> None:
    browser = entered(Client(enforce_csrf_checks=False))
    browser.handler.enforce_csrf_checks = True
    for path in ("/console/do/open-channel/", "/console/settings/", "/console/factors/", "/console/logout/"):
        assert browser.post(path, {"name": "x", "confirmed": "1"}).status_code == 403


def test_cookies_are_the_consoles_alone(operator: Client) -> None:
    session = operator.cookies["accord_console"]
    assert session["httponly"]
    assert session["samesite"] == "Strict"
    assert session["path"] == "/console/"
    assert not session["secure"]  # over loopback there is no TLS
    assert 0 < session["max-age"] <= 12 * 3600
    fresh = Client()
    fresh.get("/console/enter")
    token = fresh.cookies["accord_console_csrf"]
    assert (token["httponly"], token["samesite"], token["path"]) == (True, "Strict", "/console/")


@pytest.mark.parametrize("path", ["/", "/join", "/.well-known/accord", "/healthz", "/metrics", "/nowhere"])
def test_no_other_page_sets_a_cookie(hub: Hub, path: str) -> None:
    answer = Client().get(path)
    assert not answer.cookies
    assert "cookie" not in answer.headers.get("Vary", "").lower()


def test_pages_of_the_console_have_a_strict_policy(operator: Client) -> None:
    for path in ("/console/", "/console/enter", "/console/login/", "/console/peers/account/", "/console/nowhere"):
        headers = operator.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "no-store" in headers["Cache-Control"]


def test_no_page_holds_inline_code(operator: Client) -> None:
    for path in ("/console/", "/console/enter", "/console/factors/", "/console/settings/", "/console/tree/"):
        text = page(operator, path)
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick" not in text
        assert text.count("<script") == text.count("<script src=")


def _admin_paths() -> list[str]:
    found = []
    for pattern in get_resolver().url_patterns:
        if str(pattern.pattern) != "console/":
            continue
        for inner in pattern.url_patterns:
            for entry in getattr(inner, "url_patterns", [inner]):
                for last in getattr(entry, "url_patterns", [entry]):
                    prefix = str(entry.pattern) if last is not entry else ""
                    path = f"/console/{prefix}{last.pattern}"
                    for name in ("<path:object_id>", "<slug:name>", "<slug:target>", "<slug:sid>", "<int:pk>"):
                        path = path.replace(name, "1")
                    found.append(path)
    return found


def test_nothing_is_seen_without_entering(hub: Hub) -> None:
    paths = _admin_paths()
    assert len(paths) > 35
    open_to_all = {"/console/enter", "/console/check", "/console/login/", "/console/logout/"}
    for path in set(paths) - open_to_all:
        assert "^" not in path
        answer = Client().get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/console/login/"), path


def test_there_is_no_password_login(hub: Hub, operator: Client) -> None:
    answer = Client().post("/console/login/", {"username": "operator", "password": ""})
    assert answer.status_code == 405
    assert "console_link" in page(Client(), "/console/login/")


def test_leaving_ends_the_session(operator: Client) -> None:
    kept = operator.cookies["accord_console"].value
    assert operator.post("/console/logout/").headers["Location"] == "/console/login/?left"
    again = Client()
    again.cookies["accord_console"] = kept
    assert again.get("/console/").status_code == 302


@pytest.mark.parametrize(
    ("name", "age"), [(ENTERED_AT, middleware.SESSION_LIFE_MS), (SEEN_AT, middleware.IDLE_LIFE_MS)]
)
def test_a_session_ends(operator: Client, name: str, age: int) -> None:
    session = operator.session
    session[name] = now_ms() - age - 1
    session.save()
    assert operator.get("/console/").status_code == 302
    assert operator.get("/console/").headers["Location"].startswith("/console/login/")


def test_using_the_console_keeps_it_open_but_not_for_ever(operator: Client) -> None:
    session = operator.session
    session[SEEN_AT] = now_ms() - middleware.IDLE_LIFE_MS + 60_000
    session.save()
    assert operator.get("/console/").status_code == 200
    assert operator.session[SEEN_AT] > now_ms() - 60_000
    assert operator.session.get_expiry_date() <= timezone.now() + timedelta(hours=12)


def test_entering_is_written_down(operator: Client) -> None:
    assert AuditEntry.objects.filter(action="entry").count() == 1


def test_a_reset_ends_sessions_links_and_factors(operator: Client) -> None:
    secret = entry_link_create(now=now_ms())
    services.console_reset()
    assert operator.get("/console/").status_code == 302
    assert Client().post("/console/enter", {"secret": secret}).status_code == 403


@override_settings(ACCORD_URL="https://hub.example", ALLOWED_HOSTS=["hub.example"])
def test_the_public_name_is_an_origin(hub: Hub) -> None:
    with override_settings(CSRF_TRUSTED_ORIGINS=["https://hub.example"]):
        browser = Client(enforce_csrf_checks=True, headers={"host": "hub.example"})
        browser.get("/console/enter")
        data = {
            "secret": entry_link_create(now=now_ms()),
            "csrfmiddlewaretoken": browser.cookies["accord_console_csrf"].value,
        }
        assert browser.post("/console/enter", data, headers={"origin": "https://hub.example"}).status_code == 302


def test_the_fragment_is_never_part_of_an_address(hub: Hub) -> None:
    text = page(Client(), "/console/enter")
    assert json.dumps("secret") not in text or 'name="secret"' in text
    assert "?secret" not in text


@pytest.mark.parametrize("path", ["/", "/join", "/.well-known/accord", "/metrics", "/healthz"])
def test_other_pages_know_nothing_of_forms(hub: Hub, path: str) -> None:
    assert Client(enforce_csrf_checks=True).post(path).status_code == 405
