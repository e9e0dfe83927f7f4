"""mDNS: two hubs on one network hear of each other; what is said there is a claim like any other."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64encode
from discovery import mdns
from discovery.mdns import Claim, Lan, Place, lan_place, read_service
from tests.factories import person
from tests.hubs import wait_until

HERE = Place("127.0.0.1", IPv4Network("127.0.0.0/8"), "hub.example", 8443)
THERE = Place("127.0.0.1", IPv4Network("127.0.0.0/8"), "other.example", 443)
KEY = person("a hub on the lan").public


def test_two_hubs_hear_of_each_other_and_not_of_themselves() -> None:
    one = Lan(HERE, key=KEY, name="The hub " + "ü" * 64)
    two = Lan(THERE, key=person("another").public, name="Another")
    heard: dict[str, set[Claim]] = {"one": set(), "two": set()}

    def both_heard() -> bool:
        heard["one"].update(one.take_claims())
        heard["two"].update(two.take_claims())
        return all(heard.values())

    try:
        wait_until(both_heard, what="both have heard of each other")
    finally:
        one.close()
        two.close()
    assert heard["two"] == {Claim("wss://hub.example:8443/ws/peer", "127.0.0.1", KEY)}
    assert heard["one"] == {Claim("wss://other.example:443/ws/peer", "127.0.0.1", person("another").public)}


def properties(**changed: str | None) -> dict[bytes, bytes | None]:
    said: dict[str, str | None] = {"v": "1", "key": b64encode(KEY), "name": "x", "tls": "1", "host": "hub.example"}
    said.update(changed)
    return {name.encode(): value.encode() for name, value in said.items() if value is not None}


def test_what_a_service_says_is_read() -> None:
    assert read_service(properties(), ["fe80::1", "192.168.1.4"], 443) == Claim(
        "wss://hub.example:443/ws/peer", "192.168.1.4", KEY
    )
    assert read_service(properties(host=None), ["192.168.1.4"], 51030) == Claim(
        "wss://192.168.1.4:51030/ws/peer", "192.168.1.4", KEY
    )


@pytest.mark.parametrize(
    "said",
    [
        {"v": "2"},
        {"v": None},
        {"tls": "0"},
        {"tls": None},
        {"key": "short"},
        {"key": None},
        {"host": "x" * 300},
        {"host": "hub.example/ws?"},
        {"host": "user@hub.example"},
        {"host": "hub.example:1#"},
    ],
)
def test_what_is_not_understood_or_not_under_tls_is_left_alone(said: dict[str, str | None]) -> None:
    assert read_service(properties(**said), ["192.168.1.4"], 443) is None


def test_a_service_without_address_or_port() -> None:
    assert read_service(properties(), [], 443) is None
    assert read_service(properties(), ["192.168.1.4"], None) is None


@given(st.dictionaries(st.sampled_from([b"v", b"key", b"tls", b"host"]), st.binary(max_size=60) | st.none()))
def test_whatever_is_said_does_no_harm(said: dict[bytes, bytes | None]) -> None:
    read_service(said, ["192.168.1.4"], 443)


def test_a_hub_is_on_the_lan_only_under_https_at_an_inner_address_of_this_machine() -> None:
    for url in ("", "http://127.0.0.1", "https://127.0.0.1", "https://localhost", "https://no-such-name.invalid"):
        assert lan_place(url) is None
    for address, network in mdns.own_networks():
        place = lan_place(f"https://{address}:8443")
        if address.is_private and not (address.is_loopback or address.is_link_local):
            assert place == Place(str(address), network, str(address), 8443)
        else:
            assert place is None
