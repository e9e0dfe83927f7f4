"""Rounds against a real hub: what is found, what is believed, what is dialled at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RemoteError
from discovery import options as settings
from discovery import scan, services
from discovery.addresses import EVERYWHERE, read_networks, resolve
from discovery.finder import Finder
from discovery.models import Sighting
from discovery.probe import Found, prove
from peers import options
from peers.clock import now_ms
from peers.keyring import keyring
from tests.discovery.conftest import key_of
from tests.factories import NOW, Hub, person
from tests.hubs import HubProcess

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]

How = Sighting.How


def note(other: HubProcess, *, how: str = How.OPERATOR, claimed: bytes = b"", ws: str = "") -> Sighting:
    made = services.sighting_note(how=how, address=ws or other.ws, claimed=claimed, now=now_ms())
    assert made is not None
    return made


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    """A listening socket that takes no connection by itself: who has connected waits in it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        yield listener


def was_dialled(ear: socket.socket) -> bool:
    try:
        connection, _ = ear.accept()
    except TimeoutError:
        return False
    connection.close()
    return True


def test_the_scan_of_this_machine_finds_a_hub_and_its_key(finder: Finder, other: HubProcess) -> None:
    finder.round()
    (found,) = Sighting.objects.filter(address=other.ws)
    assert bytes(found.key) == key_of(other)
    assert (found.how, found.name, found.problem) == (How.SCAN, "The other hub", "")
    assert found.proved_at is not None
    proved_at = found.proved_at
    finder.round()
    found.refresh_from_db()
    assert found.proved_at == proved_at, "it is not asked again within minutes"
    finder.round(eager=True)
    found.refresh_from_db()
    assert found.proved_at > proved_at


def test_the_scan_is_switched_off(finder: Finder, other: HubProcess) -> None:
    options.load({"find_scan": "off"})
    finder.round(eager=True)
    assert not Sighting.objects.exists()


def test_networks_of_the_operator_are_gone_through(finder: Finder, other: HubProcess) -> None:
    options.load({"find_scan": "listed", "scan_networks": "127.0.0.0/29"})
    hosts = settings.scanned_networks()
    rounds = scan.Rounds()
    seen = [rounds.following(["hub.example"], hosts, 4) for _ in range(2)]
    assert seen == [
        ["hub.example", *(f"127.0.0.{last}" for last in (1, 2, 3))],
        [*(f"127.0.0.{last}" for last in (4, 5, 6)), "hub.example"],
    ]
    assert scan.Rounds().following([], read_networks("10.0.0.0/31 fd00::/127"), 9) == [
        "10.0.0.0",
        "10.0.0.1",
        "fd00::",
        "fd00::1",
    ]
    assert rounds.following([], [], 9) == []
    options.load({"find_scan": "listed", "scan_networks": "127.0.0.2/32"})
    with socket.create_server(("127.0.0.2", scan.PORTS[-1])) as ear:
        ear.settimeout(0.3)
        finder.round()
        assert was_dialled(ear)


@given(
    st.integers(0, 3), st.lists(st.integers(28, 32), max_size=3, unique=True), st.integers(1, 20), st.integers(0, 100)
)
def test_a_cycle_of_the_scan_meets_every_computer_once(hosts: int, prefixes: list[int], most: int, begun: int) -> None:
    names = [f"h{number}.example" for number in range(hosts)]
    networks = read_networks(" ".join(f"10.0.{number}.0/{prefix}" for number, prefix in enumerate(prefixes)))
    everyone = names + [str(host) for network in networks for host in network.hosts()]
    rounds = scan.Rounds(begun)
    met: list[str] = []
    while len(met) < len(everyone):
        chosen = rounds.following(names, networks, min(most, len(everyone) - len(met)))
        assert 1 <= len(chosen) <= most
        met += chosen
    assert sorted(met) == sorted(everyone)


def test_a_claim_with_another_key_is_not_believed(finder: Finder, other: HubProcess) -> None:
    wrong = note(other, claimed=person("somebody").public)
    right = note(other, claimed=key_of(other))
    finder.round()
    wrong.refresh_from_db()
    right.refresh_from_db()
    assert wrong.key is None
    assert wrong.proved_at is None
    assert wrong.failures == 1
    assert wrong.next_try > now_ms()
    assert wrong.problem
    assert bytes(right.key) == key_of(other)


def test_what_the_operator_wrote_down_stays_and_is_asked_again(finder: Finder, ear: socket.socket) -> None:
    options.load({"find_scan": "off"})
    port = ear.getsockname()[1]
    ear.close()
    made = note(None, ws=f"ws://127.0.0.1:{port}/ws/peer")  # type: ignore[arg-type]
    for tries in (1, 2):
        finder.round(eager=True)
        made.refresh_from_db()
        assert made.failures == tries
    assert "no hub answers" in made.problem
    services.sightings_sweep(now=now_ms() + 2 * services.PROVED_KEPT_MS)
    assert Sighting.objects.filter(pk=made.pk).exists()


def test_this_hub_does_not_find_itself(finder: Finder, other: HubProcess) -> None:
    options.load({"find_scan": "off"})
    made = note(other)
    itself = Found(keyring().hub.public, "me", other.ws)
    services.sighting_prove(sighting=made, found=itself, now=now_ms())
    assert not Sighting.objects.exists()
    assert services.sighting_note(how=How.DHT, address=other.ws, claimed=keyring().hub.public, now=NOW) is None


def test_claims_are_bounded_and_the_oldest_unproved_goes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_SIGHTINGS", 3)
    for number in range(5):
        services.sighting_note(how=How.DHT, address=f"wss://h{number}.example/ws/peer", now=NOW + number)
    assert {row.address for row in Sighting.objects.all()} == {
        f"wss://h{number}.example/ws/peer" for number in (2, 3, 4)
    }
    Sighting.objects.update(proved_at=NOW)
    assert services.sighting_note(how=How.DHT, address="wss://more.example/ws/peer", now=NOW) is None


def test_what_was_not_seen_for_long_is_forgotten(hub: Hub) -> None:
    services.sighting_note(how=How.DHT, address="wss://a.example/ws/peer", now=NOW)
    services.sightings_sweep(now=NOW + services.UNPROVED_KEPT_MS)
    assert Sighting.objects.count() == 1
    services.sightings_sweep(now=NOW + services.UNPROVED_KEPT_MS + 1)
    assert Sighting.objects.count() == 0


def test_a_process_that_serves_no_hub_looks_for_none(hub: Hub, ear: socket.socket) -> None:
    services.sighting_note(how=How.OPERATOR, address=f"ws://127.0.0.1:{ear.getsockname()[1]}/ws/peer", now=NOW)
    Finder().round()
    assert not was_dialled(ear)


# ------------------------------------------------------------------------------------------------------------ the probe


async def _answering(lines: list[bytes]) -> asyncio.Server:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    return await asyncio.start_server(take, "127.0.0.1", 0)


async def test_the_checked_address_is_dialled_under_the_hosts_name_and_no_redirect_is_followed() -> None:
    heads: list[bytes] = []
    async with await _answering(heads) as server:
        port = server.sockets[0].getsockname()[1]
        target = await resolve(f"ws://hub.example:{port}/ws/peer", allowed=EVERYWHERE, known_as="127.0.0.1")
        with pytest.raises(RemoteError) as refusal:
            await prove(target, expected=None)
    assert refusal.value.code == "not_found"
    assert len(heads) == 1
    assert f"Host: hub.example:{port}\r\n".encode() in heads[0]


async def test_tls_asks_for_the_hosts_name_and_checks_it() -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda connection, name, itself: asked.append(name)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        target = await resolve(f"wss://hub.example:{port}/ws/peer", allowed=EVERYWHERE, known_as="127.0.0.1")
        with pytest.raises(RemoteError):
            await prove(target, expected=None)
    assert asked == ["hub.example"]


async def test_a_hub_is_proved_without_a_session(other: HubProcess) -> None:
    target = await resolve(other.ws, allowed=EVERYWHERE)
    found = await prove(target, expected=key_of(other))
    assert (found.key, found.name, found.ws) == (key_of(other), "The other hub", other.ws)
    with pytest.raises(RemoteError) as refusal:
        await prove(target, expected=person("somebody").public)
    assert refusal.value.code == "wrong_server"
