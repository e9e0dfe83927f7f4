"""Where a hub may dial: the rules for addresses that strangers claim (protocol.md section 12).

A name is resolved once; if any of its addresses is one that only this machine, its network or nobody can mean, the
whole claim is refused; the connection then goes to the checked address, with the name in Host and SNI. So a name that
changes its address between check and use gains nothing. Not here: who is at the address; only a login proves that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from accord.errors import RemoteError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL_CHARS: Final = 255
MAX_ADDRESSES: Final = 16  # of one name
LOWEST_PORT: Final = 1024  # below it are other people's services; the web's two ports are where proxies listen
WEB_PORTS: Final = (80, 443)


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# Forms that no permission opens: they mean several hosts, or hide another address inside.
_NEVER: Final = (
    ("unspecified", _networks("0.0.0.0/8", "::/128")),
    ("multicast", _networks("224.0.0.0/4", "ff00::/8")),
    ("broadcast", _networks("255.255.255.255/32")),
    ("IPv4 in IPv6", _networks("::ffff:0:0/96", "::ffff:0:0:0/96")),
    ("NAT64", _networks("64:ff9b::/96", "64:ff9b:1::/48")),
    ("6to4", _networks("2002::/16", "192.88.99.0/24")),
    ("Teredo", _networks("2001::/32")),
)
_UNLESS_ALLOWED: Final = (
    ("loopback", _networks("127.0.0.0/8", "::1/128")),
    ("link-local", _networks("169.254.0.0/16", "fe80::/10")),
    ("private", _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    ("of a provider's inner network", _networks("100.64.0.0/10")),
    ("for protocols", _networks("192.0.0.0/24", "2001::/23", "100::/64")),
    ("for documentation", _networks("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")),
    ("for benchmarks", _networks("198.18.0.0/15")),
    ("reserved", _networks("240.0.0.0/4")),
)
_IPV6_UNICAST: Final = IPv6Network("2000::/3")
EVERYWHERE: Final = _networks("0.0.0.0/0", "::/0")  # what the operator has written down himself may lead anywhere


@dataclass(frozen=True, slots=True)
class Target:
    """A hub's WebSocket address, and the checked address of this moment that stands for its host."""

    ws: str
    host: str
    port: int
    address: str
    tls: bool


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def check_address(text: str, *, allowed: Sequence[Network] = ()) -> Address:
    """The address, if it may be dialled: a public one, or one in a network that the operator allowed.

    RemoteError("denied") says what it is.
    """
    try:
        address = ip_address(text)
    except ValueError:
        raise RemoteError("bad_request", "no address") from None
    if getattr(address, "scope_id", None):
        raise RemoteError("denied", "an address with a zone means something on one machine only")
    for name, networks in _NEVER:
        if _within(address, networks):
            raise RemoteError("denied", f"{address} is {name}: never dialled")
    if _within(address, allowed):
        return address
    for name, networks in _UNLESS_ALLOWED:
        if _within(address, networks):
            raise RemoteError("denied", f"{address} is {name}: not dialled unless its network is allowed")
    if isinstance(address, IPv6Address) and address not in _IPV6_UNICAST:
        raise RemoteError("denied", f"{address} is no public address")
    return address


def parse_ws(ws: object) -> tuple[str, int, bool]:
    """Host, port and whether under TLS, of a WebSocket address as strangers may claim it; RemoteError."""
    if not isinstance(ws, str) or len(ws) > MAX_URL_CHARS or not ws.isascii() or not ws.isprintable() or " " in ws:
        raise RemoteError("bad_request", "no WebSocket address")
    try:
        parts = urlsplit(ws)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise RemoteError("bad_request", "no WebSocket address") from None
    if parts.scheme not in ("ws", "wss") or not host or "@" in parts.netloc or parts.fragment or "\\" in ws:
        raise RemoteError("bad_request", "no WebSocket address")
    tls = parts.scheme == "wss"
    port = (443 if tls else 80) if port is None else port
    if port < LOWEST_PORT and port not in WEB_PORTS:
        raise RemoteError("denied", f"port {port} is no hub's")
    return host, port, tls


async def _look_up(host: str, port: int) -> list[Any]:
    """`getaddrinfo` in a thread that nobody waits for: the loop's own would have a round wait for a name server that
    does not answer long after the round's time is over. OSError, UnicodeError.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def tell(rows: list[Any] | None, error: Exception | None) -> None:
        if not answer.done():  # cancelled, if nobody waits any more
            answer.set_result(rows or []) if error is None else answer.set_exception(error)

    def ask() -> None:
        rows, failed = None, None
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: too late
            loop.call_soon_threadsafe(tell, rows, failed)

    threading.Thread(target=ask, name="name", daemon=True).start()
    return await answer


async def resolve(ws: object, *, allowed: Sequence[Network] = (), known_as: str = "") -> Target:
    """Where a claimed address leads, resolved once and checked; RemoteError("bad_request" | "denied" | "not_found").

    `known_as` is an address that came with the claim, in place of asking for the name's.
    """
    host, port, tls = parse_ws(ws)
    if known_as:
        found = [known_as]
    else:
        try:
            rows = await _look_up(host, port)
        except (OSError, UnicodeError):
            raise RemoteError("not_found", f"{host} has no address") from None
        found = list(dict.fromkeys(str(row[4][0]) for row in rows))[: MAX_ADDRESSES + 1]
    if not 1 <= len(found) <= MAX_ADDRESSES:
        raise RemoteError("denied", f"{host} has too many addresses or none")
    checked = [check_address(address, allowed=allowed) for address in found]
    return Target(str(ws), host, port, str(checked[0]), tls)


def read_networks(text: str, *, most_hosts: int | None = None) -> list[Network]:
    """Networks as an operator writes them, between commas or spaces; ValueError with a sentence for the operator."""
    networks: list[Network] = []
    for word in text.replace(",", " ").split():
        try:
            networks.append(ip_network(word))
        except ValueError:
            raise ValueError(f"{word} is no network: write it like 192.168.1.0/24") from None
    if most_hosts is not None and sum(network.num_addresses for network in networks) > most_hosts:
        raise ValueError(f"that is more than {most_hosts:,} addresses in all")
    return networks
