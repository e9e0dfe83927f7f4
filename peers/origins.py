"""Who may open which WebSocket route (protocol.md section 13).

A page of another origin must not use a member's browser to talk to the hub, so the browsers' route takes exactly the
hub's own origins. The programs' route takes nothing that a browser adds by itself.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def _header(scope: dict[str, Any], name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def _loopback_hosts(scope: dict[str, Any]) -> set[str]:
    port = (scope.get("server") or ("", 0))[1]
    return {f"{name}:{port}" for name in _LOOPBACK_NAMES}


def browser_may_enter(scope: dict[str, Any]) -> bool:
    """Exactly one Host and one Origin, both of this hub, and of each other."""
    host, origin = _header(scope, b"host"), _header(scope, b"origin")
    if host is None or origin is None:
        return False
    if host in _loopback_hosts(scope):
        return origin == f"http://{host}"
    return bool(settings.ACCORD_URL) and origin == settings.ACCORD_URL and host == urlsplit(settings.ACCORD_URL).netloc


def program_may_enter(scope: dict[str, Any]) -> bool:
    """No Origin and no cookie."""
    return not any(key in (b"origin", b"cookie") for key, _ in scope["headers"])


def _stays_private(host: str | None, client: str, loopback_hosts: set[str]) -> bool:
    """Over TLS (which ends in front of the hub, at ACCORD_URL) or within this machine."""
    if settings.ACCORD_URL.startswith("https://") and host == urlsplit(settings.ACCORD_URL).netloc:
        return True
    try:
        return ipaddress.ip_address(client).is_loopback and host in loopback_hosts
    except ValueError:
        return False


def clear_frames_allowed(scope: dict[str, Any]) -> bool:
    """Whether frames may travel unsealed: only where nobody on the way reads them."""
    client = (scope.get("client") or ("", 0))[0]
    return _stays_private(_header(scope, b"host"), client, _loopback_hosts(scope))


def clear_request_allowed(request: HttpRequest) -> bool:
    """The same for an HTTP request that brings a login or a bearer token."""
    port = request.META.get("SERVER_PORT", "")
    loopback_hosts = {f"{name}:{port}" for name in _LOOPBACK_NAMES}
    return _stays_private(request.META.get("HTTP_HOST"), request.META.get("REMOTE_ADDR", ""), loopback_hosts)
