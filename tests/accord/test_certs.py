from __future__ import annotations

from typing import Any

import pytest

from accord.certs import ANYWHERE, DEFAULT_LIFE_MS, MAX_LIFE_MS, issue, verify_certificate
from accord.encoding import b64encode, canonical
from tests.accord.support import CLIENT, HOUR_MS, HUB, NOW, OTHER, USER, code_of

DAY_MS = 24 * HOUR_MS
KEYS = sorted([HUB.public, OTHER.public])
ABSENT = object()


def _signed(**changes: Any) -> dict[str, Any]:
    """A certificate that USER did sign, whatever it says."""
    value = {
        "v": 1,
        "type": "cert",
        "userkey": b64encode(USER.public),
        "clientkey": b64encode(CLIENT.public),
        "issued_at": NOW,
        "expiration": NOW + HOUR_MS,
        "scope": ["login"],
        "servers": [b64encode(HUB.public)],
        "serial": b64encode(bytes(16)),
        **changes,
    }
    value = {name: item for name, item in value.items() if item is not ABSENT}
    return {**value, "signature": b64encode(USER.sign("cert", canonical(value)))}


def _code(value: object, *, now: int = NOW, server: bytes = HUB.public) -> str | None:
    return code_of(verify_certificate, value, server=server, now=now)


def test_issue_and_verify():
    value = issue(
        USER, client=CLIENT.public, servers=KEYS[::-1], issued_at=NOW, life_ms=HOUR_MS, scope=("relay", "login")
    )
    certificate = verify_certificate(value, server=HUB.public, now=NOW)
    assert (certificate.user, certificate.client) == (USER.public, CLIENT.public)
    assert (certificate.issued_at, certificate.expiration) == (NOW, NOW + HOUR_MS)
    assert (certificate.scope, certificate.servers) == (("login", "relay"), tuple(KEYS))
    assert b64encode(certificate.serial) == value["serial"]
    again = issue(USER, client=CLIENT.public, servers=KEYS, issued_at=NOW)
    assert again["expiration"] == NOW + DEFAULT_LIFE_MS == NOW + DAY_MS
    assert again["serial"] != value["serial"]


ACCEPTED = {
    "as it is": {},
    "30 days": {"expiration": NOW + 30 * DAY_MS},
    "anywhere for 24 hours": {"servers": ["*"], "expiration": NOW + DAY_MS},
    "both scopes": {"scope": ["login", "relay"]},
    "relay": {"scope": ["relay"]},
    "two hubs": {"servers": [b64encode(key) for key in KEYS]},
    "5 minutes ahead": {"issued_at": NOW + 300_000},
    "one ms left": {"issued_at": NOW - HOUR_MS, "expiration": NOW + 1},
    "one ms long": {"expiration": NOW + 1},
}
REFUSED = {
    "over 30 days": ({"expiration": NOW + MAX_LIFE_MS + 1}, "unauthorized"),
    "anywhere for over 24 hours": ({"servers": ["*"], "expiration": NOW + DAY_MS + 1}, "unauthorized"),
    "no life": ({"expiration": NOW}, "unauthorized"),
    "no life, not begun": ({"issued_at": NOW + 1000, "expiration": NOW + 1000}, "unauthorized"),
    "ends before it begins": ({"expiration": NOW - 1}, "unauthorized"),
    "more than 5 minutes ahead": ({"issued_at": NOW + 300_001}, "unauthorized"),
    "expired this ms": ({"issued_at": NOW - HOUR_MS, "expiration": NOW}, "unauthorized"),
    "for another hub": ({"servers": [b64encode(OTHER.public)]}, "unauthorized"),
    "user key as client key": ({"clientkey": b64encode(USER.public)}, "bad_request"),
    "star among others": ({"servers": ["*", b64encode(HUB.public)]}, "bad_request"),
    "star after others": ({"servers": [b64encode(bytes(32)), "*"]}, "bad_request"),
    "servers falling": ({"servers": [b64encode(key) for key in KEYS[::-1]]}, "bad_request"),
    "server twice": ({"servers": [b64encode(HUB.public)] * 2}, "bad_request"),
    "65 servers": ({"servers": [b64encode(bytes([number]) * 32) for number in range(65)]}, "bad_request"),
    "servers a text": ({"servers": "*"}, "bad_request"),
    "scope out of order": ({"scope": ["relay", "login"]}, "bad_request"),
    "scope twice": ({"scope": ["login", "login"]}, "bad_request"),
    "scope unknown": ({"scope": ["admin"]}, "bad_request"),
    "scope of a list": ({"scope": [["login"]]}, "bad_request"),
    "v 2": ({"v": 2}, "bad_request"),
    "v true": ({"v": True}, "bad_request"),
    "type": ({"type": "event"}, "bad_request"),
    "serial of 15 bytes": ({"serial": b64encode(bytes(15))}, "bad_request"),
    "unknown field": ({"admin": True}, "bad_request"),
    "user of small order": ({"userkey": b64encode(bytes(32))}, "bad_sig"),
    "another user": ({"userkey": b64encode(OTHER.public)}, "bad_sig"),
    **{
        f"no {name}": ({name: ABSENT}, "bad_request")
        for name in ("v", "type", "userkey", "clientkey", "issued_at", "expiration", "scope", "servers", "serial")
    },
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(changes):
    assert _code(_signed(**changes)) is None


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(changes, code):
    assert _code(_signed(**changes)) == code


def test_empty_lists_are_refused():
    for name in ("scope", "servers"):
        assert _code({**_signed(), name: []}) == "bad_request"


def test_64_servers_are_enough():
    servers = sorted([HUB.public, *(bytes([number]) * 32 for number in range(63))])
    assert _code(_signed(servers=[b64encode(key) for key in servers])) is None


@pytest.mark.parametrize(
    "change",
    [
        {"userkey": b64encode(OTHER.public)},
        {"clientkey": b64encode(OTHER.public)},
        {"issued_at": NOW - 1},
        {"expiration": NOW + HOUR_MS + 1},
        {"scope": ["relay"]},
        {"servers": ["*"]},
        {"serial": b64encode(b"\1" * 16)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_is_signed(change):
    assert _code({**_signed(), **change}) == "bad_sig"


def test_signature_under_another_label_or_by_the_client():
    value = {name: item for name, item in _signed().items() if name != "signature"}
    for key, label in ((USER, "event"), (CLIENT, "cert")):
        assert _code({**value, "signature": b64encode(key.sign(label, canonical(value)))}) == "bad_sig"


def test_anywhere_is_good_at_every_hub_and_no_hub_is_called_star():
    value = issue(USER, client=CLIENT.public, servers=[ANYWHERE], issued_at=NOW)
    assert value["servers"] == ["*"]
    assert {_code(value, server=key) for key in (HUB.public, OTHER.public)} == {None}
    assert _code(_signed(), server=ANYWHERE) == "unauthorized"
