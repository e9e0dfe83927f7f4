"""Second factors: an authenticator app; what passkeys need is tried in a browser (tests/web/test_console.py)."""

from __future__ import annotations

import base64
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.test import Client

from console import factors, services
from console.models import Factor
from console.services import entry_link_create
from peers.clock import now_ms
from peers.keyring import HomeError
from tests.console.conftest import page


def code_of(uri: str, at: float | None = None) -> str:
    """What an authenticator app shows."""
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return TOTP(key, 6, SHA1(), 30).generate(int(at or time.time())).decode()  # noqa: S303


@pytest.fixture
def app(operator: Client) -> str:
    """An app that has been set up; gives what it read from the QR code."""
    assert operator.post("/console/factors/", {"step": "begin"}).status_code == 302
    pending = factors.totp_pending("operator")
    assert pending is not None
    uri = factors.totp_uri(pending)
    assert operator.post("/console/factors/", {"step": "confirm", "code": code_of(uri)}).status_code == 302
    Factor.objects.update(counter=0)  # as if it had been set up some time ago
    factors.tries.forget()
    return uri


def _linked() -> Client:
    browser = Client()
    answer = browser.post("/console/enter", {"secret": entry_link_create(now=now_ms())})
    assert answer.headers["Location"] == "/console/check"
    return browser


def test_the_page_draws_a_qr_code(operator: Client) -> None:
    operator.post("/console/factors/", {"step": "begin"})
    text = page(operator, "/console/factors/", app="1")
    assert re.search(r"<svg[^>]* viewBox=", text)
    assert re.search(r'class="secret">([A-Z2-7]{4} ){7}[A-Z2-7]{4}<', text)


def test_the_link_alone_opens_nothing_any_more(app: str) -> None:
    browser = _linked()
    assert browser.get("/console/").status_code == 302
    assert browser.get("/console/settings/").status_code == 302
    assert "six digits" in page(browser, "/console/check")
    assert browser.post("/console/check", {"code": code_of(app)}).headers["Location"] == "/console/"
    assert browser.get("/console/").status_code == 200


def test_a_code_counts_once(app: str) -> None:
    code = code_of(app)
    assert _linked().post("/console/check", {"code": code}).status_code == 302
    assert _linked().post("/console/check", {"code": code}).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(-30, 302), (30, 302), (-90, 401), (90, 401)])
def test_a_clock_may_be_off_by_one_step(app: str, seconds: int, status: int) -> None:
    assert _linked().post("/console/check", {"code": code_of(app, time.time() + seconds)}).status_code == status


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "１２３４５６", "0" * 100, "\0"])
def test_a_wrong_code_opens_nothing(app: str, code: str) -> None:
    browser = _linked()
    answer = browser.post("/console/check", {"code": code})
    assert answer.status_code == 401
    assert browser.get("/console/").status_code == 302


def test_tries_are_limited_over_all_browsers(app: str) -> None:
    statuses = [_linked().post("/console/check", {"code": "000000"}).status_code for _ in range(factors.TRIES + 2)]
    assert statuses == [401] * factors.TRIES + [429] * 2
    assert _linked().post("/console/check", {"code": code_of(app)}).status_code == 429


def test_waiting_too_long_needs_a_new_link(app: str) -> None:
    browser = _linked()
    session = browser.session
    session["pending_since"] = now_ms() - 5 * 60 * 1000 - 1
    session.save()
    assert browser.post("/console/check", {"code": code_of(app)}).headers["Location"] == "/console/login/"


def test_without_a_link_a_code_opens_nothing(app: str) -> None:
    browser = Client()
    assert browser.post("/console/check", {"code": code_of(app)}).headers["Location"] == "/console/login/"
    assert browser.get("/console/").status_code == 302


def test_the_secret_lies_encrypted(app: str) -> None:
    text = parse_qs(urlsplit(app).query)["secret"][0]
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    row = bytes(Factor.objects.get().secret)
    assert secret not in row
    changed = bytes([row[0] ^ 1]) + row[1:]
    with pytest.raises(HomeError):
        factors.reveal(changed)


def test_a_secret_that_was_never_confirmed_is_not_asked_for(operator: Client) -> None:
    operator.post("/console/factors/", {"step": "begin"})
    assert operator.post("/console/factors/", {"step": "confirm", "code": "000000"}).status_code == 401
    browser = Client()
    answer = browser.post("/console/enter", {"secret": entry_link_create(now=now_ms())})
    assert answer.headers["Location"] == "/console/"


def test_removing_it_needs_a_confirmation(operator: Client, app: str) -> None:
    factor = Factor.objects.get()
    assert "last one" in page(operator, f"/console/do/remove-factor/{factor.pk}/")
    assert Factor.objects.exists()
    operator.post(f"/console/do/remove-factor/{factor.pk}/", {"confirmed": "1"})
    assert not Factor.objects.exists()


def test_the_terminal_removes_all(app: str) -> None:
    assert services.console_reset() == 1
    browser = Client()
    answer = browser.post("/console/enter", {"secret": entry_link_create(now=now_ms())})
    assert answer.headers["Location"] == "/console/"


@pytest.mark.parametrize(
    "answer", ["", "{", "[]", "null", "{}", '{"id": 1}', '{"id": "AAAA"}', '{"id": "AAAA", "rawId": "AAAA"}']
)
def test_a_passkey_that_is_none_is_refused(operator: Client, app: str, answer: str) -> None:
    assert operator.post("/console/factors/", {"step": "passkey", "answer": answer}).status_code in (400, 401)
    assert _linked().post("/console/check", {"answer": answer}).status_code in (400, 401)


@pytest.mark.parametrize(
    ("host", "is_name"), [("127.0.0.1:51030", False), ("[::1]:51030", False), ("localhost:51030", True)]
)
def test_a_number_is_no_name_for_a_passkey(operator: Client, host: str, is_name: bool) -> None:
    text = operator.get("/console/factors/", headers={"host": host}).content.decode()
    assert ("data-passkey" in text) == is_name
    assert ("in place of the number" in text) != is_name
