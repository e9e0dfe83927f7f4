"""Which WebSocket handshakes enter, under both servers (protocol.md section 13)."""

from __future__ import annotations

import base64
import socket

import pytest

from tests.hubs import HubProcess

OWN = "http://127.0.0.1:{port}"


def handshake_status(hub: HubProcess, path: str, headers: list[tuple[str, str]]) -> int:
    """The status that answers a WebSocket handshake: 101 or a refusal."""
    lines = [f"GET /{path} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}"]
    if "Host" not in dict(headers):
        lines += [f"Host: 127.0.0.1:{hub.port}"]
    lines += [f"{name}: {value.format(port=hub.port)}" for name, value in headers]
    with socket.create_connection(("127.0.0.1", hub.port), timeout=60) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(client.recv(4096).split()[1])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Origin", OWN)], 101),
        ([("Origin", OWN), ("Cookie", "a=b")], 101),
        ([("Origin", "http://localhost:{port}"), ("Host", "localhost:{port}")], 101),
        ([], 403),
        ([("Origin", "http://localhost:{port}")], 403),
        ([("Origin", "https://127.0.0.1:{port}")], 403),
        ([("Origin", "http://127.0.0.1")], 403),
        ([("Origin", "http://127.0.0.1:1")], 403),
        ([("Origin", "http://127.0.0.1:{port}/")], 403),
        ([("Origin", "http://elsewhere.example")], 403),
        ([("Origin", "null")], 403),
        ([("Origin", "http://elsewhere.example:{port}"), ("Host", "elsewhere.example:{port}")], 403),
    ],
)
def test_browsers_route(hub: HubProcess, headers: list[tuple[str, str]], status: int) -> None:
    assert handshake_status(hub, "ws", headers) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 101),
        ([("Origin", OWN)], 403),
        ([("Origin", "null")], 403),
        ([("Cookie", "a=b")], 403),
    ],
)
def test_programs_route(hub: HubProcess, headers: list[tuple[str, str]], status: int) -> None:
    assert handshake_status(hub, "ws/peer", headers) == status


def test_two_origins_are_none(hub: HubProcess) -> None:
    status = handshake_status(hub, "ws", [("Origin", OWN), ("Origin", OWN)])
    assert status in (400, 403)  # uvicorn's WebSocket library refuses it before the hub is asked


@pytest.mark.parametrize("path", ["", "elsewhere", "ws/", "ws/peer/", "ws/elsewhere", "join"])
def test_other_routes_are_refused_quietly(hub: HubProcess, path: str) -> None:
    assert handshake_status(hub, path, []) == 403
    assert "Traceback" not in hub.output
