"""WebSocket connections that break the rules are told so, under both servers (protocol.md section 3)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from tests.hubs import HubProcess

MIB = 1024 * 1024


@pytest.fixture
def connection(hub: HubProcess) -> Iterator[ClientConnection]:
    with connect(hub.ws, proxy=None, compression=None, max_size=None) as open_connection:
        yield open_connection


def send(connection: ClientConnection, message: str | Iterator[str]) -> None:
    with contextlib.suppress(ConnectionClosedError):  # the hub need not wait for the end of what it refuses
        connection.send(message)


def close_code(connection: ClientConnection) -> int:
    with pytest.raises(ConnectionClosedError) as closed:
        list(connection)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_message_of_more_than_a_frame(connection: ClientConnection) -> None:
    send(connection, "x" * (MIB + 100))
    assert close_code(connection) == 4413


def test_fragments_of_more_than_a_frame(connection: ClientConnection) -> None:
    send(connection, itertools.repeat("x" * (MIB // 4), 5))
    assert close_code(connection) == 4413


def test_hundreds_of_fragments(connection: ClientConnection) -> None:
    send(connection, itertools.repeat("x", 300))
    assert close_code(connection) == 4413


def test_unknown_opcode(connection: ClientConnection) -> None:
    connection.socket.sendall(bytes([0x83, 0x80, 0, 0, 0, 0]))
    assert close_code(connection) == 1002


def test_compression_is_off(hub: HubProcess) -> None:
    with connect(hub.ws, proxy=None, compression="deflate") as asking:
        assert asking.response is not None
        assert "Sec-WebSocket-Extensions" not in asking.response.headers


def test_the_login_closes_what_is_no_login(connection: ClientConnection) -> None:
    connection.send("{}")
    assert close_code(connection) == 4401
