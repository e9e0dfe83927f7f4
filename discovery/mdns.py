"""Hubs on the local network: what this one says of itself there, and what others say (protocol.md section 12, mDNS).

Only for a hub that is bound to the LAN. The hub itself listens on loopback; it is on the LAN when its ACCORD_URL is
https and leads to an inner address of this machine, where the operator's TLS proxy listens (section 13: no plain http
on a LAN). zeroconf does the work in threads of its own. IPv4 only. Not here: whether it is true; a login shows that.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_interface
from typing import Any, Final
from urllib.parse import urlsplit

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from discovery.addresses import parse_ws

SERVICE: Final = "_accord._tcp.local."
MAX_NAME_BYTES: Final = 200  # a TXT string holds 255
MAX_HOST_CHARS: Final = 200
RESOLVE_MS: Final = 2_000
MAX_CLAIMS_WAITING: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where this hub is on the LAN: the address of this machine behind ACCORD_URL, and the network around it."""

    address: str
    network: IPv4Network
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody on the LAN says: a hub with this key is at `ws`, whose host has this address."""

    ws: str
    address: str
    key: bytes


def lan_place(url: str) -> Place | None:
    """Where on the LAN a hub with this ACCORD_URL is; None: not LAN-bound."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    try:
        rows = socket.getaddrinfo(parts.hostname, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    named = {str(row[4][0]) for row in rows}
    for address, network in own_networks():
        if str(address) in named and address.is_private and not (address.is_loopback or address.is_link_local):
            return Place(str(address), network, parts.hostname, parts.port or 443)
    return None


def own_networks() -> list[tuple[IPv4Address, IPv4Network]]:
    """The IPv4 addresses of this machine, each with the network around it."""
    adapters = importlib.import_module("ifaddr").get_adapters()
    found = []
    for adapter in adapters:
        for ip in adapter.ips:
            if ip.is_IPv4:
                interface = ip_interface(f"{ip.ip}/{ip.network_prefix}")
                if isinstance(interface.network, IPv4Network) and isinstance(interface.ip, IPv4Address):
                    found.append((interface.ip, interface.network))
    return found


class Lan:
    """Listens on one network, and says there what this hub is; close() takes it back."""

    def __init__(self, place: Place, *, key: bytes, name: str) -> None:
        """Blocks for about a second: the name must be free on the network. OSError where mDNS cannot be spoken."""
        zeroconf = importlib.import_module("zeroconf")
        self._own = key
        self._lock = threading.Lock()
        self._claims: dict[Claim, None] = {}
        self._zeroconf = zeroconf.Zeroconf(interfaces=[place.address], ip_version=zeroconf.IPVersion.V4Only)
        label = f"hub-{key[:8].hex()}"
        info = zeroconf.ServiceInfo(
            SERVICE,
            f"{label}.{SERVICE}",
            addresses=[IPv4Address(place.address).packed],
            port=place.port,
            server=f"{label}.local.",
            properties={
                "v": "1",
                "key": b64encode(key),
                "name": name.encode()[:MAX_NAME_BYTES].decode(errors="ignore"),
                "tls": "1",
                "host": place.host,
            },
        )
        try:
            self._zeroconf.register_service(info, allow_name_change=True)
            changed: Callable[..., None] = self._changed
            self._browser = zeroconf.ServiceBrowser(self._zeroconf, SERVICE, handlers=[changed])
        except Exception as error:
            self._zeroconf.close()
            raise OSError(f"mDNS: {error or type(error).__name__}") from error

    def take_claims(self) -> list[Claim]:
        """What others have said since the last call."""
        with self._lock:
            claims, self._claims = list(self._claims), {}
        return claims

    def close(self) -> None:
        """Say goodbye and stop."""
        with contextlib.suppress(OSError, RuntimeError):
            self._zeroconf.close()

    def _changed(self, zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        if state_change.name != "Removed":
            self._read(name)

    def _read(self, name: str) -> None:
        info = self._zeroconf.get_service_info(SERVICE, name, RESOLVE_MS)
        claim = read_service(info.properties, info.parsed_addresses(), info.port) if info is not None else None
        if claim is None or claim.key == self._own:
            return
        with self._lock:
            if len(self._claims) < MAX_CLAIMS_WAITING:
                self._claims[claim] = None


def read_service(properties: dict[bytes, bytes | None], addresses: list[str], port: int | None) -> Claim | None:
    """What a service's record claims; None where it is none of this version, or not under TLS (section 13)."""
    texts = {name: value.decode(errors="replace") for name, value in properties.items() if value is not None}
    inner = [address for address in addresses if ":" not in address]
    host = texts.get(b"host", "") or (inner[0] if inner else "")
    if texts.get(b"v") != "1" or texts.get(b"tls") != "1" or not inner or not port or len(host) > MAX_HOST_CHARS:
        return None
    try:
        ws = f"wss://{host}:{port}/ws/peer"
        return Claim(ws, inner[0], b64decode(texts.get(b"key", ""), 32)) if parse_ws(ws)[0] == host.lower() else None
    except RemoteError:
        return None
