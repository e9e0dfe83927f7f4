"""What lies outside this process: the running hub, its public address and TLS, clocks, links, the network."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import orjson
from django.conf import settings

from accord.encoding import b64encode
from accord_hub import home
from accord_hub.doctor.findings import Finding, problem, warning
from discovery import dht, mdns
from discovery.options import DHT, MDNS
from links.models import Link
from links.states import State, describe
from messaging.models import Message
from peers.clock import now_ms
from peers.keyring import keyring

PATIENCE_SECONDS: Final = 5.0
CLOCK_MS: Final = 5 * 60 * 1000  # section 1: beyond that messages are `future`
MAX_DOCUMENT_BYTES: Final = 64 * 1024
CERTIFICATE_SECONDS: Final = 7 * 24 * 3600
WELL_KNOWN: Final = "/.well-known/accord"
MDNS_GROUP: Final = "224.0.0.251"


def _ask(connection: http.client.HTTPConnection, path: str, host: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read(MAX_DOCUMENT_BYTES)


def running() -> Iterator[Finding]:
    """Whether the hub that runs answers."""
    facts = home.running_hub()
    if facts is None:
        return
    port = int(facts["port"])
    connection = http.client.HTTPConnection(home.LOOPBACK, port, timeout=PATIENCE_SECONDS)
    try:
        status, body = _ask(connection, "/readyz", home.LOOPBACK)
    except (OSError, http.client.HTTPException) as error:
        yield problem(
            "hub.silent",
            f"The hub runs (process {facts['pid']}), but does not answer on port {port}: {error}.",
            "Look at its log; stop it and start it again.",
        )
        return
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        checks = orjson.loads(body).get("checks", {})
        wrong = "; ".join(f"{name}: {says}" for name, says in checks.items() if says != "ok")
        yield problem("hub.not_ready", f"The hub runs, but cannot serve: {wrong}.", "Look at its log.")


def address() -> Iterator[Finding]:
    """Whether members reach the hub at its address, over TLS that a stranger's browser believes."""
    if not settings.ACCORD_URL:
        return
    parts = urlsplit(settings.ACCORD_URL)
    host = parts.hostname or ""
    if parts.scheme == "http" and host not in ("localhost", home.LOOPBACK, "::1"):
        yield problem(
            "url.clear",
            f"Members reach this hub in clear, at {settings.ACCORD_URL}.",
            "Put TLS in front of it (deploy/, docs/operator.md) and use an https address.",
        )
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        yield problem("url.unknown", f"Nobody knows the name {host}.", "Make an entry for it in the DNS.")
        return
    if home.running_hub() is not None:
        yield from _reached(parts)


def _reached(parts: SplitResult) -> Iterator[Finding]:
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=PATIENCE_SECONDS)
    try:
        connection.connect()
        yield from _certificate(connection.sock)
        status, body = _ask(connection, WELL_KNOWN, parts.netloc)
    except ssl.SSLCertVerificationError as error:
        says = f"The certificate at {settings.ACCORD_URL} is not believed: {error.verify_message}."
        yield problem("tls.certificate", says, "Get one for this name that browsers trust, and renew it in time.")
        return
    except (OSError, http.client.HTTPException) as error:
        yield warning(
            "url.silent",
            f"From this machine nobody answers at {settings.ACCORD_URL}: {error}.",
            "Look at the proxy, its port and the firewall. From outside it may still work, if this network cannot "
            "reach its own public address.",
        )
        return
    finally:
        connection.close()
    yield from _answered(status, body)


def _certificate(sock: Any) -> Iterator[Finding]:
    if not isinstance(sock, ssl.SSLSocket):
        return
    ends = (sock.getpeercert() or {}).get("notAfter")
    if isinstance(ends, str) and ssl.cert_time_to_seconds(ends) < time.time() + CERTIFICATE_SECONDS:
        yield warning(
            "tls.ending", f"The certificate ends on {ends}.", "Renew it; see why it is not renewed by itself."
        )


def _answered(status: int, body: bytes) -> Iterator[Finding]:
    try:
        key = orjson.loads(body)["hub"]
    except (ValueError, KeyError, TypeError):
        key = None
    if status == http.HTTPStatus.BAD_REQUEST:
        yield problem(
            "proxy.host",
            f"At {settings.ACCORD_URL} the hub refuses the Host that the proxy sends.",
            "Have the proxy pass Host on unchanged (deploy/, README).",
        )
    elif status != http.HTTPStatus.OK or key is None:
        yield problem(
            "proxy.other",
            f"At {settings.ACCORD_URL} something else than a hub answers (status {status}).",
            "Have the proxy forward to the port that hub.json names.",
        )
    elif key != b64encode(keyring().hub.public):
        yield problem(
            "proxy.wrong_hub",
            f"At {settings.ACCORD_URL} another hub answers.",
            "Have the proxy forward to this one's port; or is ACCORD_URL another hub's?",
        )


def clock() -> Iterator[Finding]:
    """Whether the clock has gone back; whether others find it wrong is known from links."""
    newest = Message.objects.order_by("-pk").values_list("created_at", flat=True).first()
    if newest is not None and newest > now_ms() + CLOCK_MS:
        yield problem(
            "clock.behind",
            f"This machine's clock is {(newest - now_ms()) / 60_000:,.0f} minutes behind the newest message.",
            "Set it, and have it set by itself (NTP): messages of members are refused as from the future.",
        )


def links() -> Iterator[Finding]:
    """Whether linked hubs can be talked to."""
    for link in Link.objects.filter(enabled=True, state=State.REFUSED).order_by("pk"):
        says = describe(link.state, now=now_ms(), code=link.code, next_at=link.next_at, equal_at=link.equal_at)
        mend = "docs/operator.md, Links, says what each refusal means."
        if link.code == "unauthorized":
            mend = "It may be that one of the two clocks is wrong: compare `date -u` on both. " + mend
        yield warning("link.refused", f"The link to {link.name or link.origin}: {says}.", mend)


def finding() -> Iterator[Finding]:
    """Whether other hubs can be found in the ways that are switched on."""
    if DHT.value != "off" and not dht.is_available():
        yield warning(
            "find.dht", "The DHT is switched on, but libtorrent cannot be used here.", "Switch it off under Settings."
        )
    place = mdns.lan_place(settings.ACCORD_URL) if MDNS.value == "on" else None
    if place is not None and not _can_multicast(place.address):
        yield warning(
            "find.mdns",
            f"Hubs on the local network are looked for, but the network of {place.address} takes no multicast.",
            "Look at the firewall (UDP 5353), or switch it off under Settings.",
        )


def _can_multicast(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            group = socket.inet_aton(MDNS_GROUP) + socket.inet_aton(address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError:
            return False
    return True
