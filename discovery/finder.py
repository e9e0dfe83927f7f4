"""Looks for other hubs, a round a minute: what the hub's process keeps running for that, and what a round does.

A round is started by the schedule (tasks.py), takes looking.ROUND_SECONDS and a little, and dials only what the rules
for addresses allow. Not here: linking to a hub that was found (the app links).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from accord.errors import RemoteError
from discovery import options, scan, selectors, services
from discovery.addresses import EVERYWHERE, Network, Target, resolve
from discovery.dht import Dht, is_available, make_record, read_record
from discovery.looking import Host, Question, look
from discovery.mdns import Lan, Place, lan_place
from discovery.models import Sighting
from discovery.probe import Found, prove
from peers.clock import now_ms
from peers.keyring import keyring
from peers.options import HUB_NAME

logger = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
HOSTS_A_ROUND: Final = 4
HOSTS_A_ROUND_NOW: Final = 16  # when the operator waits for it
PROOFS_A_ROUND: Final = 16
NO_HUB_MS: Final = 10 * 60 * 1000  # a port where no hub answered is left alone
MAX_NO_HUBS: Final = 1_000
DHT_ROUND_MS: Final = 10 * 60 * 1000
DHT_ENTER_SECONDS: Final = 5.0
PLACES_TRIED: Final = 4
STOP_SECONDS: Final = 0.5


class Finder:
    """The one of this process. `start` and `stop` are called by whoever runs the hub; rounds come one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._port = 0
        self._is_running = False
        self._rounds = scan.Rounds()
        self._no_hub: dict[str, int] = {}
        self._lan: Lan | None = None
        self._place: Place | None = None
        self._told_name = ""
        self._dht: Dht | None = None
        self._dht_as = ""
        self._dht_next = 0

    def start(self, port: int) -> None:
        """The hub listens on this port of the loopback interface, where the scan need not look."""
        self._port = port
        self._is_running = True

    def stop(self) -> None:
        """Take back what was announced on the LAN, leave the DHT."""
        self._is_running = False
        is_idle = self._lock.acquire(timeout=STOP_SECONDS)  # a round under way is not waited for longer
        try:
            self._close_lan()
            self._close_dht()
        finally:
            if is_idle:
                self._lock.release()

    def round(self, *, eager: bool = False) -> None:
        """Look once; `eager` for an operator who waits: more computers, and everything is asked again."""
        with self._lock:
            if not self._is_running:
                return
            now = now_ms()
            if eager:
                self._no_hub.clear()
                self._dht_next = 0
                services.sightings_recall(now=now)
            self._keep_lan()
            self._keep_dht(now)
            self._take_claims(now)
            self._look(now, HOSTS_A_ROUND_NOW if eager else HOSTS_A_ROUND)
            services.sightings_sweep(now=now)

    def address_of(self, key: bytes) -> Target | None:
        """Where the hub with this key is now: proved again where it was, else where the DHT says; None if nowhere.

        Blocks for seconds; for a hub that does not answer where it used to be.
        """
        now = now_ms()
        for sighting in selectors.sightings_of(key, limit=PLACES_TRIED):
            if (target := self._try(sighting, key)) is not None:
                return target
        dht = self._dht
        record = dht.get(key) if dht is not None else None
        try:
            addresses = read_record(record, now=now) if record is not None else []
        except RemoteError:
            return None
        for address in addresses:
            with contextlib.suppress(RemoteError):
                noted = services.sighting_note(how=Sighting.How.DHT, address=address, claimed=key, now=now)
                if noted is not None and (target := self._try(noted, key)) is not None:
                    return target
        return None

    # ------------------------------------------------------------------------------------------------ what is kept up

    def _keep_lan(self) -> None:
        place = lan_place(settings.ACCORD_URL) if options.MDNS.value != options.OFF else None
        if place == self._place and (place is None or HUB_NAME.value == self._told_name):
            return
        self._close_lan()
        self._place, self._told_name = place, HUB_NAME.value
        if place is not None:
            try:
                self._lan = Lan(place, key=keyring().hub.public, name=self._told_name)
            except OSError as error:
                logger.warning("other hubs are not looked for on the local network: %s", error)

    def _close_lan(self) -> None:
        if self._lan is not None:
            self._lan.close()
        self._lan, self._place = None, None

    def _keep_dht(self, now: int) -> None:
        wanted = options.DHT.value
        as_ = "" if wanted == options.OFF else f"{wanted} {options.DHT_NODES.value}"
        if as_ != self._dht_as:
            self._close_dht()
            self._dht_as, self._dht_next = as_, 0
            if as_ and not is_available():
                logger.warning("libtorrent is not installed on this machine: the DHT stays off")
            elif as_:
                self._dht = Dht(options.read_nodes(options.DHT_NODES.value), announces=wanted == options.ANNOUNCE)
                self._dht.wait_entered(DHT_ENTER_SECONDS)
        if self._dht is None or now < self._dht_next:
            return
        self._dht_next = now + DHT_ROUND_MS
        self._dht.ask_peers()
        if wanted == options.ANNOUNCE and settings.ACCORD_URL:
            parts = urlsplit(settings.ACCORD_URL)
            ws = f"ws{settings.ACCORD_URL.removeprefix('http')}/ws/peer"
            self._dht.put(keyring().hub, make_record([ws], now=now))
            self._dht.announce(parts.port or (443 if parts.scheme == "https" else 80))

    def _close_dht(self) -> None:
        if self._dht is not None:
            self._dht.close()
        self._dht, self._dht_as = None, ""

    def _take_claims(self, now: int) -> None:
        if self._lan is not None:
            for claim in self._lan.take_claims():
                with contextlib.suppress(RemoteError):
                    services.sighting_note(
                        how=Sighting.How.MDNS, address=claim.ws, claimed=claim.key, known_as=claim.address, now=now
                    )
        if self._dht is not None:
            for host, port in self._dht.take_peers():
                shown = f"[{host}]" if ":" in host else host
                for scheme in ("wss", "ws")[: 1 if port == 443 else 2]:
                    with contextlib.suppress(RemoteError):
                        services.sighting_note(
                            how=Sighting.How.DHT, address=f"{scheme}://{shown}:{port}/ws/peer", now=now
                        )

    # -------------------------------------------------------------------------------------------------------- looking

    def _look(self, now: int, most: int) -> None:
        scans = options.SCAN.value
        waiting = selectors.due(ways=self._ways(), now=now, limit=PROOFS_A_ROUND)
        known = dict(selectors.known_hosts()) if scans in (options.KNOWN, options.LISTED) else {}
        chosen = self._rounds.following(list(known), options.scanned_networks(), most)
        # A name that strangers brought may lead to inner addresses only where the operator allowed it.
        hosts = [Host(host, EVERYWHERE if known.get(host, True) else options.allowed_networks()) for host in chosen]
        if scans != options.OFF:
            hosts.insert(0, Host(LOOPBACK, EVERYWHERE))
        self._no_hub = {ws: at for ws, at in self._no_hub.items() if now - NO_HUB_MS < at <= now}
        skipped = {f"ws://{LOOPBACK}:{self._port}/ws/peer", *self._no_hub, *(sighting.address for sighting in waiting)}
        skipped |= selectors.proved_addresses(now=now)
        outcome = asyncio.run(look([self._question(sighting) for sighting in waiting], hosts, skipped=skipped))
        for sighting, met in zip(waiting, outcome.answers, strict=True):
            self._keep(sighting, met)
        for ws, found in outcome.seen.items():
            noted = services.sighting_note(how=Sighting.How.SCAN, address=ws, now=now)
            if noted is not None:
                self._keep(noted, found)
        for ws in outcome.no_hub[: MAX_NO_HUBS - len(self._no_hub)]:
            self._no_hub[ws] = now

    def _ways(self) -> list[str]:
        """Those whose sightings are asked for their keys: what is switched off is left alone."""
        ways: list[str] = [Sighting.How.OPERATOR, Sighting.How.INVITE]
        ways += [Sighting.How.SCAN] if options.SCAN.value != options.OFF else []
        ways += [Sighting.How.NOTE] if options.NOTES.value != options.OFF else []
        ways += [Sighting.How.MDNS] if self._lan is not None else []
        ways += [Sighting.How.DHT] if self._dht is not None else []
        return ways

    def _question(self, sighting: Sighting) -> Question:
        allowed: Sequence[Network] = options.allowed_networks()
        if sighting.how in (Sighting.How.OPERATOR, Sighting.How.INVITE, Sighting.How.SCAN):
            allowed = EVERYWHERE  # the operator named it, or the place that was scanned
        elif sighting.how == Sighting.How.MDNS and self._place is not None:
            allowed = [*allowed, self._place.network]
        return Question(sighting.address, bytes(sighting.claimed) or None, allowed, sighting.known_as)

    @staticmethod
    def _keep(sighting: Sighting, met: Found | RemoteError | None) -> None:
        now = now_ms()
        if isinstance(met, RemoteError):
            services.sighting_fail(sighting=sighting, error=met, now=now)
        elif met is not None:
            services.sighting_prove(sighting=sighting, found=met, now=now)
            if sighting.how == Sighting.How.DHT and not sighting.claimed and met.ws != sighting.address:
                with contextlib.suppress(RemoteError):  # who announces is known by number; the document has the name
                    services.sighting_note(how=Sighting.How.DHT, address=met.ws, claimed=met.key, now=now)

    def _try(self, sighting: Sighting, key: bytes) -> Target | None:
        question = replace(self._question(sighting), expected=key)

        async def prove_there() -> tuple[Target, Found]:
            target = await resolve(question.ws, allowed=question.allowed, known_as=question.known_as)
            return target, await prove(target, expected=key)

        try:
            target, found = asyncio.run(prove_there())
        except RemoteError as error:
            self._keep(sighting, error)
            return None
        self._keep(sighting, found)
        return target


finder: Final = Finder()
