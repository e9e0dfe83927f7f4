"""A private DHT of libtorrent nodes on loopback: records under hub keys, announcements, what a hub makes of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64decode, canonical
from accord.errors import RemoteError
from accord.keys import SigningKey
from discovery import services
from discovery.dht import MAX_RECORD_LIFE_MS, RECORD_LIFE_MS, Dht, expanded, make_record, read_record
from discovery.finder import Finder
from discovery.models import Sighting
from peers import options
from peers.clock import now_ms
from tests.discovery.conftest import key_of
from tests.discovery.test_finder import was_dialled
from tests.factories import NOW, person
from tests.hubs import PATIENCE_SECONDS, HubProcess, wait_until

NODES = 5
LISTEN = "127.0.0.1:0"

Nodes = list[Dht]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """The first node knows nobody; the others come in through it."""
    made = [Dht([], announces=True, listen=LISTEN)]
    made += [Dht([("127.0.0.1", made[0].port)], announces=True, listen=LISTEN) for _ in range(NODES - 1)]
    assert all(node.wait_entered(PATIENCE_SECONDS) for node in made[1:])
    yield made
    for node in made:
        node.close()


def put(node: Dht, name: str, record: bytes) -> bytes:
    """Put a record, as a hub does it: again and again, for the first node hears of the others after it has begun."""
    key = person(name)

    def is_there() -> bool:
        node.put(key, record)
        return node.get(key.public) == record

    wait_until(is_there, what="the record is there")
    return key.public


def test_a_record_is_found_by_key_from_any_node(nodes: Nodes) -> None:
    record = make_record(["wss://hub.example/ws/peer"], now=NOW)
    key = put(nodes[1], "hub in the dht", record)
    assert nodes[3].get(key) == record
    assert read_record(nodes[4].get(key), now=NOW) == ["wss://hub.example/ws/peer"]


def test_a_newer_record_takes_the_place_of_the_old(nodes: Nodes) -> None:
    for number in range(3):
        record = make_record([f"wss://moved{number}.example/ws/peer"], now=NOW)
        key = put(nodes[number], "hub that moves", record)
        assert nodes[4].get(key) == record


def test_nothing_under_a_key(nodes: Nodes) -> None:
    assert nodes[2].get(person("nobody in the dht").public) is None


def test_who_announced_is_found(nodes: Nodes) -> None:
    found: set[tuple[str, int]] = set()

    def is_found() -> bool:
        nodes[4].ask_peers()
        found.update(nodes[4].take_peers())
        return ("127.0.0.1", 51099) in found

    nodes[1].announce(51099)
    wait_until(is_found, what="the announcement is known")


def test_the_secret_key_is_the_expanded_one() -> None:
    key = person("anybody")
    secret = expanded(key)
    assert len(secret) == 64
    scalar = int.from_bytes(secret[:32], "little")
    assert scalar % 8 == 0
    assert scalar >> 254 == 1
    assert key.public == Ed25519PrivateKey.from_private_bytes(key.seed).public_key().public_bytes_raw()


def test_a_record_that_holds_is_read() -> None:
    addresses = ["wss://a.example/ws/peer", "wss://b.example:8443/ws/peer"]
    assert read_record(make_record(addresses, now=NOW), now=NOW) == addresses
    with pytest.raises(RemoteError, match="expired"):
        read_record(make_record(addresses, now=NOW), now=NOW + RECORD_LIFE_MS)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": ["wss://a.example/"]},
        {"a": ["wss://a.example/"], "e": "1"},
        {"a": "wss://a.example/", "e": NOW + 1},
        {"a": ["wss://a.example/"] * 5, "e": NOW + 1},
        {"a": ["http://a.example/"], "e": NOW + 1},
        {"a": [7], "e": NOW + 1},
        {"a": ["wss://a.example/"], "e": NOW + MAX_RECORD_LIFE_MS + 1},
        [],
    ],
)
def test_other_records_are_refused(value: object) -> None:
    with pytest.raises(RemoteError):
        read_record(canonical(value), now=NOW)


@given(st.binary(max_size=1_000) | st.none() | st.dictionaries(st.text(), st.integers()))
def test_whatever_strangers_put_is_refused_or_read(data: object) -> None:
    with pytest.raises(RemoteError):
        read_record(data, now=NOW)


# -------------------------------------------------------------------------------------------------- a hub in the DHT


@pytest.fixture
def entered(finder: Finder, nodes: Nodes) -> Finder:
    """What looks, inside the private DHT, and nowhere else."""
    options.load(in_dht(nodes))
    finder.round()
    return finder


def in_dht(nodes: Nodes, **more: str) -> dict[str, str]:
    return {"find_scan": "off", "find_dht": "look", "dht_nodes": f"127.0.0.1:{nodes[0].port}", **more}


@pytest.mark.e2e
@pytest.mark.django_db
def test_a_hub_that_moved_is_found_by_its_key(entered: Finder, nodes: Nodes, other: HubProcess) -> None:
    key = key_of(other)
    old = services.sighting_note(how="invite", address="ws://127.0.0.1:1024/ws/peer", claimed=key, now=now_ms())
    assert old is not None
    Sighting.objects.update(key=key, proved_at=now_ms())
    assert entered.address_of(key) is None
    (nodes[1]).put(_signing(other), make_record([other.ws], now=now_ms()))
    wait_until(lambda: nodes[2].get(key) is not None, what="the record is there")
    assert entered.address_of(key) is None, "an inner address, which strangers may not name"
    (refused,) = Sighting.objects.filter(how="dht")
    assert "loopback" in refused.problem
    options.load(in_dht(nodes, allowed_networks="127.0.0.0/8"))
    target = entered.address_of(key)
    assert target is not None
    assert (target.ws, target.address) == (other.ws, "127.0.0.1")
    (found,) = Sighting.objects.filter(how="dht")
    assert bytes(found.key) == key


@pytest.mark.e2e
@pytest.mark.django_db
def test_an_inner_address_in_the_dht_is_not_even_dialled(entered: Finder, nodes: Nodes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ear:
        ear.settimeout(0.3)
        port = ear.getsockname()[1]
        addresses = [f"ws://{host}:{port}/ws/peer" for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0")]
        key = put(nodes[1], "liar in the dht", make_record(addresses, now=now_ms()))
        assert entered.address_of(key) is None
        assert Sighting.objects.filter(how="dht", failures=1).count() == len(addresses)
        assert not was_dialled(ear)


@pytest.mark.e2e
@pytest.mark.django_db
def test_an_announced_hub_is_found_and_proved(entered: Finder, nodes: Nodes, other: HubProcess) -> None:
    options.load(in_dht(nodes, allowed_networks="127.0.0.0/8"))

    def is_found() -> bool:
        nodes[2].announce(other.port)
        entered.round(eager=True)
        return Sighting.objects.filter(how="dht", key=key_of(other)).exists()

    wait_until(is_found, what="the announced hub is proved")


def _signing(other: HubProcess) -> SigningKey:
    return SigningKey(b64decode((other.home / "hub.key").read_text(encoding="utf-8").strip(), 32))
