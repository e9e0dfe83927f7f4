"""How often the REST API answers: per member, and per address for all that no member's token comes with.

Counted in Django's default cache, which is this process's memory (CACHES of the settings): a restart forgives.
"""

from __future__ import annotations

import ipaddress
import math
import time
from typing import Any, Final

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accord.encoding import b64encode
from peers.callers import Caller

MEMBER_REQUESTS_PER_SECOND: Final = 200
MEMBER_REQUESTS_BURST: Final = 1_000
ADDRESS_REQUESTS_PER_SECOND: Final = 10
ADDRESS_REQUESTS_BURST: Final = 200


class BucketThrottle(BaseThrottle):
    """A budget of `burst` requests, refilled at `per_second`. Two requests at the same moment may share one: it guards
    against floods, not against one more.
    """

    scope: str
    per_second: float
    burst: float
    _wait = 0.0

    def key(self, request: Request) -> str | None:
        """Whose budget; None where another throttle counts the request."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        """Take one from the budget, if there is one."""
        key = self.key(request)
        if key is None:
            return True
        name, now = f"throttle:{self.scope}:{key}", time.time()
        left, at = cache.get(name, (self.burst, now))
        left = min(self.burst, left + max(0.0, now - at) * self.per_second)
        if left < 1:
            self._wait = (1 - left) / self.per_second
            return False
        cache.set(name, (left - 1, now), timeout=math.ceil(self.burst / self.per_second) + 1)
        return True

    def wait(self) -> float:
        """Seconds until there is one again."""
        return self._wait


class MemberThrottle(BucketThrottle):
    """All requests of one member, under whichever token."""

    scope = "member"
    per_second = MEMBER_REQUESTS_PER_SECOND
    burst = MEMBER_REQUESTS_BURST

    def key(self, request: Request) -> str | None:
        caller = request.user
        return b64encode(caller.key) if isinstance(caller, Caller) and caller.is_member else None


class AddressThrottle(BucketThrottle):
    """Requests of one address that no member's token comes with: logins, guests, public documents."""

    scope = "address"
    per_second = ADDRESS_REQUESTS_PER_SECOND
    burst = ADDRESS_REQUESTS_BURST

    def key(self, request: Request) -> str | None:
        caller = request.user
        return None if isinstance(caller, Caller) and caller.is_member else self.address(request)

    def address(self, request: Request) -> str:
        """The address; of IPv6 the network that one customer has."""
        text = self.get_ident(request) or ""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "unknown"
        if address.version == 6:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)


class RefusedThrottle(AddressThrottle):
    """Requests with a token that is not good: they have no caller yet."""

    def key(self, request: Request) -> str | None:
        return self.address(request)
