"""How often the API answers whom; the clock is the test's."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import RequestFactory
from rest_framework.request import Request

from peers import throttles
from peers.callers import Caller
from peers.selectors import Bearer, Member
from peers.sessions import Role
from peers.throttles import (
    ADDRESS_REQUESTS_BURST,
    ADDRESS_REQUESTS_PER_SECOND,
    MEMBER_REQUESTS_BURST,
    MEMBER_REQUESTS_PER_SECOND,
    AddressThrottle,
    BucketThrottle,
    MemberThrottle,
    RefusedThrottle,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    cache.clear()
    clock = Clock()
    monkeypatch.setattr(throttles, "time", clock)
    return clock


def caller(number: int, *, role: Role = Role.MEMBER, session: str = "s") -> Caller:
    member = Member(number, f"m{number}", "real")
    key = bytes([number]) * 32
    return Caller(role, Bearer(session, False, key, key, bytes(16), 0, member))


def asked(who: Caller | None = None, address: str = "203.0.113.9", **headers: str) -> Request:
    request = Request(RequestFactory().get("/", REMOTE_ADDR=address, **headers))
    request.user = who
    return request


def taken(throttle: type[BucketThrottle], request: Request, most: int = 10_000) -> int:
    """How many are answered at one moment."""
    return next(number for number in range(most) if not throttle().allow_request(request, None))


def test_a_member_has_a_budget_under_whichever_token(clock: Clock) -> None:
    assert taken(MemberThrottle, asked(caller(1))) == MEMBER_REQUESTS_BURST
    assert taken(MemberThrottle, asked(caller(1, session="other"), address="203.0.113.1")) == 0
    assert taken(MemberThrottle, asked(caller(2))) == MEMBER_REQUESTS_BURST
    clock.now += 1
    assert taken(MemberThrottle, asked(caller(1))) == MEMBER_REQUESTS_PER_SECOND
    clock.now += 1_000_000
    assert taken(MemberThrottle, asked(caller(1))) == MEMBER_REQUESTS_BURST


def test_a_refusal_says_how_long(clock: Clock) -> None:
    taken(AddressThrottle, asked())
    throttle = AddressThrottle()
    assert not throttle.allow_request(asked(), None)
    assert throttle.wait() == pytest.approx(1 / ADDRESS_REQUESTS_PER_SECOND)
    clock.now += throttle.wait() + 0.001
    assert AddressThrottle().allow_request(asked(), None)
    assert not AddressThrottle().allow_request(asked(), None)


def test_each_request_has_one_budget(clock: Clock) -> None:
    assert MemberThrottle().key(asked()) is None
    assert AddressThrottle().key(asked(caller(1))) is None
    for role in (Role.GUEST, Role.TEMP):  # their tokens are had for nothing
        assert MemberThrottle().key(asked(caller(1, role=role))) is None
        assert AddressThrottle().key(asked(caller(1, role=role))) == "203.0.113.9"
    assert RefusedThrottle().key(asked(caller(1))) == "203.0.113.9"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True),  # what one customer has
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("", "junk", True),
    ],
)
def test_addresses(clock: Clock, one: str, other: str, same: bool) -> None:
    keys = {AddressThrottle().key(asked(address=address)) for address in (one, other)}
    assert (len(keys) == 1) == same


@pytest.mark.parametrize(("proxies", "key"), [(0, "127.0.0.1"), (1, "203.0.113.7")])
def test_only_the_hubs_own_proxy_is_believed(clock: Clock, settings: Any, proxies: int, key: str) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    request = asked(address="127.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.7")
    assert AddressThrottle().key(request) == key


def test_a_clock_that_is_set_back_gives_nothing(clock: Clock) -> None:
    assert taken(AddressThrottle, asked()) == ADDRESS_REQUESTS_BURST
    clock.now -= 3600
    assert taken(AddressThrottle, asked()) == 0
