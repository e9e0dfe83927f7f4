"""What strangers may make the hub dial: nothing but public addresses, whatever they are written like."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RemoteError
from discovery.addresses import EVERYWHERE, check_address, parse_ws, read_networks, resolve

REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "169.254.169.254",
    "fe80::1",
    "100.64.0.1",
    "224.0.0.251",
    "239.1.1.1",
    "ff02::fb",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "192.88.99.1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "::8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2001::1",
    "2001:10::1",
    "4000::1",
    "fe80::1%eth0",
    "2600::1%eth0",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.3.1", "223.255.255.255", "2600::1", "2a00:1450::5"]
NEVER = ["0.0.0.7", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    with pytest.raises(RemoteError) as refusal:
        check_address(address)
    assert refusal.value.code == "denied"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert check_address(address) == ip_address(address)


@pytest.mark.parametrize("address", NEVER)
def test_no_permission_opens_what_means_several_hosts_or_hides_another(address: str) -> None:
    with pytest.raises(RemoteError):
        check_address(address, allowed=EVERYWHERE)


def test_the_operator_allows_a_network_and_only_that() -> None:
    allowed = read_networks("192.168.7.0/24, fd00::/8")
    assert check_address("192.168.7.9", allowed=allowed)
    assert check_address("fd00::9", allowed=allowed)
    for address in ("192.168.8.9", "127.0.0.1", "::ffff:192.168.7.9"):
        with pytest.raises(RemoteError):
            check_address(address, allowed=allowed)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_that_passes_is_a_global_one(address: IPv4Address) -> None:
    try:
        check_address(str(address))
    except RemoteError:
        return
    assert address.is_global
    assert not address.is_multicast
    assert not address.is_reserved


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_that_passes_is_a_global_one_and_hides_no_other(address: IPv6Address) -> None:
    try:
        check_address(str(address))
    except RemoteError:
        return
    assert address in ip_network("2000::/3")
    assert address.is_global
    assert address.ipv4_mapped is None
    assert address.sixtofour is None
    assert address.teredo is None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}", "::ffff:0:{}"]))
def test_an_ipv4_address_inside_an_ipv6_one_never_passes(inner: IPv4Address, form: str) -> None:
    for allowed in ((), [ip_network("0.0.0.0/0")]):
        with pytest.raises(RemoteError):
            check_address(form.format(inner), allowed=allowed)


@pytest.mark.parametrize(
    "ws",
    [
        "http://hub.example/ws",
        "hub.example",
        "wss://",
        "wss://user@hub.example/ws",
        "wss://hub.example:x/ws",
        "wss://hub.example:99999/ws",
        "wss://hub.example/ws#key",
        "wss://hub.example\\@10.0.0.1/ws",
        "wss://hub .example/ws",
        "wss://hub.example/\r\nHost: x",
        "wss://hüb.example/ws",
        "wss://[::1/ws",
        "wss://hub.example/" + "x" * 255,
        None,
        7,
    ],
)
def test_what_is_no_websocket_address(ws: object) -> None:
    with pytest.raises(RemoteError) as refusal:
        parse_ws(ws)
    assert refusal.value.code == "bad_request"


@pytest.mark.parametrize("port", [22, 25, 53, 0])
def test_ports_of_other_services_are_left_alone(port: int) -> None:
    with pytest.raises(RemoteError):
        parse_ws(f"wss://hub.example:{port}/ws/peer")


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for ws in (text, f"wss://{text}/ws/peer", f"ws://{text}"):
        try:
            host, port, _ = parse_ws(ws)
        except RemoteError:
            continue
        assert host
        assert 0 < port < 65536


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "0"])
async def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises(RemoteError) as refusal:
        await resolve(f"ws://{host}:51030/ws/peer")
    assert refusal.value.code in ("denied", "not_found")


class Names:
    """A name service that answers as it is told, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    def __call__(self, host: str, port: int, **named: Any) -> list[Any]:
        found = self.answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


async def test_a_name_is_resolved_once_and_that_address_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", names)
    target = await resolve("wss://hub.example/ws/peer")
    assert (target.host, target.port, target.address, target.tls) == ("hub.example", 443, "8.8.8.8", True)
    assert len(names.answers) == 1, "what the name means later is not asked"


@pytest.mark.parametrize("answer", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], [], ["8.8.8.8"] * 1 + ["::1"]])
async def test_one_bad_address_of_a_name_refuses_it_whole(monkeypatch: pytest.MonkeyPatch, answer: list[str]) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names(answer))
    with pytest.raises(RemoteError):
        await resolve("wss://hub.example/ws/peer")


def test_a_round_ends_though_a_name_server_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up, answered = Event(), Event()

    def silent(*where: Any, **named: Any) -> list[Any]:
        given_up.wait(60)
        answered.set()
        return []

    async def ask() -> None:
        async with asyncio.timeout(0.01):
            await resolve("wss://hub.example/ws/peer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with pytest.raises(TimeoutError):
        asyncio.run(ask())
    assert not answered.is_set()
    given_up.set()
    assert answered.wait(60)


async def test_an_address_that_came_with_the_claim_is_checked_too() -> None:
    with pytest.raises(RemoteError):
        await resolve("wss://hub.example/ws/peer", known_as="192.168.1.4")
    target = await resolve("wss://hub.example/ws/peer", known_as="192.168.1.4", allowed=[ip_network("192.168.1.0/24")])
    assert target.address == "192.168.1.4"


def test_networks_are_read_as_people_write_them() -> None:
    assert read_networks("") == []
    assert read_networks("10.0.0.0/30,10.1.0.0/30  fd00::/126", most_hosts=12) == [
        ip_network("10.0.0.0/30"),
        ip_network("10.1.0.0/30"),
        ip_network("fd00::/126"),
    ]
    for text in ("10.0.0.1/8", "here", "10.0.0.0/33"):
        with pytest.raises(ValueError, match="is no network"):
            read_networks(text)
    with pytest.raises(ValueError, match="more than"):
        read_networks("10.0.0.0/8", most_hosts=4096)
