"""Who may open which route: every combination of Host, Origin, cookie, address and of the hub's own address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from peers.origins import browser_may_enter, clear_frames_allowed, clear_request_allowed, program_may_enter

PORT = 51030
PUBLIC = "https://hub.example"


def scope(*headers: tuple[str, str], client: str | None = "127.0.0.1", port: int = PORT) -> dict[str, Any]:
    return {
        "type": "websocket",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "server": ("127.0.0.1", port),
        "client": (client, 40_000) if client else None,
    }


def browser(host: str | None, origin: str | None, **given: Any) -> dict[str, Any]:
    headers = [("host", host), ("origin", origin), ("cookie", "session=1"), ("user-agent", "x")]
    return scope(*((name, value) for name, value in headers if value is not None), **given)


LOOPBACK = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}"]


@pytest.mark.parametrize("url", ["", PUBLIC])
@pytest.mark.parametrize("host", LOOPBACK)
def test_a_page_of_the_hub_itself_on_loopback(settings: Any, url: str, host: str) -> None:
    settings.ACCORD_URL = url
    assert browser_may_enter(browser(host, f"http://{host}"))


@pytest.mark.parametrize("host", [*LOOPBACK, "hub.example"])
@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "http://evil.example",
        f"http://evil.example:{PORT}",
        "http://127.0.0.1",
        "http://localhost",
        f"http://127.0.0.1:{PORT + 1}",
        f"http://127.0.0.1.evil.example:{PORT}",
        f"http://127.0.0.1:{PORT}.evil.example",
        f"http://127.0.0.1:{PORT}/",
        f"https://127.0.0.1:{PORT}",
        f"http://127.1:{PORT}",
        "http://hub.example",
        "https://hub.example:444",
        "https://hub.example.evil",
        "https://evil.hub.example",
        "https://hub.example/",
        "file://",
        "chrome-extension://abcdef",
    ],
)
def test_a_page_of_another_origin(settings: Any, host: str, origin: str | None) -> None:
    settings.ACCORD_URL = PUBLIC
    assert not browser_may_enter(browser(host, origin))


@pytest.mark.parametrize("first", LOOPBACK)
@pytest.mark.parametrize("second", LOOPBACK)
def test_host_and_origin_are_of_each_other(settings: Any, first: str, second: str) -> None:
    settings.ACCORD_URL = ""
    assert browser_may_enter(browser(first, f"http://{second}")) == (first == second)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", f"evil.example:{PORT}", f"127.0.0.1:{PORT + 1}", "127.0.0.1"]
)
def test_a_name_that_is_not_the_hubs(settings: Any, host: str | None) -> None:
    """A name that an attacker has pointed at the hub's address gets nothing, though host and origin agree."""
    for url in ("", PUBLIC):
        settings.ACCORD_URL = url
        assert not browser_may_enter(browser(host, f"http://{host}"))
        assert not browser_may_enter(browser(host, f"https://{host}"))


def test_the_public_address(settings: Any) -> None:
    settings.ACCORD_URL = PUBLIC
    assert browser_may_enter(browser("hub.example", PUBLIC))
    assert not browser_may_enter(browser("hub.example", f"http://127.0.0.1:{PORT}"))
    assert not browser_may_enter(browser(f"127.0.0.1:{PORT}", PUBLIC))
    settings.ACCORD_URL = ""
    assert not browser_may_enter(browser("hub.example", PUBLIC))


def test_a_public_address_with_a_port(settings: Any) -> None:
    settings.ACCORD_URL = "https://hub.example:8443"
    assert browser_may_enter(browser("hub.example:8443", "https://hub.example:8443"))
    assert not browser_may_enter(browser("hub.example", "https://hub.example:8443"))
    assert not browser_may_enter(browser("hub.example:8443", "https://hub.example"))


@pytest.mark.parametrize("name", ["host", "origin"])
def test_a_header_that_comes_twice_counts_as_none(settings: Any, name: str) -> None:
    settings.ACCORD_URL = ""
    good = [("host", LOOPBACK[0]), ("origin", f"http://{LOOPBACK[0]}")]
    assert browser_may_enter(scope(*good))
    assert not browser_may_enter(scope(*good, (name, dict(good)[name])))


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ([("host", "anything")], True),
        ([], True),
        ([("host", "x"), ("authorization", "x")], True),
        ([("origin", f"http://{LOOPBACK[0]}")], False),
        ([("origin", "")], False),
        ([("cookie", "a=b")], False),
        ([("host", "x"), ("origin", "null"), ("cookie", "a=b")], False),
    ],
)
def test_the_programs_route_takes_nothing_that_a_browser_adds(headers: list[tuple[str, str]], may: bool) -> None:
    assert program_may_enter(scope(*headers)) == may


@pytest.mark.parametrize(
    ("url", "host", "client", "allowed"),
    [
        ("", LOOPBACK[0], "127.0.0.1", True),
        ("", LOOPBACK[1], "127.0.0.1", True),
        ("", LOOPBACK[2], "::1", True),
        ("", LOOPBACK[0], "127.8.8.8", True),
        ("", LOOPBACK[0], "192.168.1.7", False),
        ("", LOOPBACK[0], "::ffff:192.168.1.7", False),
        ("", LOOPBACK[0], "", False),
        ("", LOOPBACK[0], None, False),
        ("", "hub.example", "127.0.0.1", False),
        ("", None, "127.0.0.1", False),
        (PUBLIC, "hub.example", "127.0.0.1", True),
        (PUBLIC, "hub.example", "203.0.113.9", True),
        (PUBLIC, "other.example", "203.0.113.9", False),
        (PUBLIC, "other.example", "127.0.0.1", False),
        (PUBLIC, LOOPBACK[0], "127.0.0.1", True),
        (PUBLIC, LOOPBACK[0], "203.0.113.9", False),
        ("http://hub.example", "hub.example", "203.0.113.9", False),
        ("http://hub.example", "hub.example", "127.0.0.1", False),
    ],
)
def test_clear_frames_travel_over_tls_or_within_the_machine(
    settings: Any, url: str, host: str | None, client: str | None, allowed: bool
) -> None:
    settings.ACCORD_URL = url
    given = scope(*([("host", host)] if host else []), client=client)
    assert clear_frames_allowed(given) == allowed
    headers = {"HTTP_HOST": host} if host else {}
    request = RequestFactory().get("/", REMOTE_ADDR=client or "", SERVER_PORT=str(given["server"][1]), **headers)
    assert clear_request_allowed(request) == allowed
