"""The client's end of a socket: WebSocket framing by hand and the hub's login, so that the load costs next to nothing.

Client frames are masked with the zero key: the server does the same work, and ready bytes can be written as they are.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

import orjson

from accord.frames import FrameOpener, FrameSealer
from accord.keys import SigningKey
from accord.login import ClientLogin, LoggedIn, Send

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
TIMEOUT_SECONDS: Final = 30
SEAL_BYTES: Final = 17  # what sealing adds to a frame
READ_BYTES: Final = 1 << 18


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole WebSocket frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + bytes(4) + payload


def server_frame(payload: bytes) -> bytes:
    """A whole text frame as a server sends it."""
    masked = client_frame(payload)
    head = len(masked) - len(payload) - 4
    return bytes([masked[0], masked[1] & 0x7F]) + masked[2:head] + payload


class FrameReader:
    """Cuts what a server sends into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """The payloads of text and binary frames that are complete now; ConnectionError for a close."""
        buffer = self._data
        buffer += data
        payloads = []
        at = 0
        while len(buffer) - at >= 2:
            size = buffer[at + 1] & 0x7F
            start = at + 2
            if size == 126:
                start += 2
                size = int.from_bytes(buffer[at + 2 : start], "big")
            elif size == 127:
                start += 8
                size = int.from_bytes(buffer[at + 2 : start], "big")
            if len(buffer) < max(start, start + size):
                break
            opcode = buffer[at] & 0x0F
            if opcode == CLOSE:
                raise ConnectionError(f"closed by the server: {int.from_bytes(buffer[start : start + 2], 'big')}")
            if opcode != PING:  # no measurement lasts until a ping must have been answered
                payloads.append(bytes(buffer[start : start + size]))
            at = start + size
        del buffer[:at]
        return payloads


def connect(port: int) -> socket.socket:
    """A plain connection."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def open_websocket(port: int, path: str) -> tuple[socket.socket, bytes]:
    """A WebSocket after its handshake, and what came behind it."""
    sock = connect(port)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    sock.sendall(request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the server closed the handshake")
        answer += data
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        raise ConnectionError(f"no WebSocket: {head[:200]!r}")
    return sock, rest


class Connection:
    """A session at the hub. `call` and `receive` are for before and after a measurement, `encode` makes its bytes."""

    def __init__(self, port: int, client: SigningKey, certificate: dict[str, Any], hub: bytes, *, sealed: bool) -> None:
        self.sock, rest = open_websocket(port, "/ws/peer")
        self._reader = FrameReader()
        self._payloads = self._reader.feed(rest)
        self._sealer: FrameSealer | None = None
        self._opener: FrameOpener | None = None
        self.sealed = sealed
        self._log_in(ClientLogin(client, certificate=certificate, expected=hub, sealed=sealed))

    def _log_in(self, machine: ClientLogin) -> None:
        self.sock.sendall(client_frame(machine.request().data))
        response = machine.receive(self.next_payload())
        assert isinstance(response, Send), response
        self.sock.sendall(client_frame(response.data))
        result = machine.receive(self.next_payload() if self.sealed else self.next_payload().decode())
        assert isinstance(result, LoggedIn), result
        self._sealer, self._opener = machine.sealer, machine.opener

    def next_payload(self) -> bytes:
        """Wait for a frame; its payload as it came."""
        while not self._payloads:
            data = self.sock.recv(READ_BYTES)
            if not data:
                raise ConnectionError("the server has gone")
            self._payloads = self._reader.feed(data)
        return self._payloads.pop(0)

    def decode(self, payload: bytes) -> dict[str, Any]:
        """A payload as JSON; sealed ones in the order in which they came."""
        value: dict[str, Any] = orjson.loads(self._opener.open(payload) if self._opener else payload)
        return value

    def receive(self) -> dict[str, Any]:
        """Wait for a frame."""
        return self.decode(self.next_payload())

    def encode(self, frame: dict[str, Any]) -> bytes:
        """A frame as bytes for the socket; sealed ones are to be sent in the order in which they were made."""
        data = orjson.dumps(frame)
        return client_frame(self._sealer.seal(data), BINARY) if self._sealer else client_frame(data)

    def call(self, frame: dict[str, Any], answer: str) -> dict[str, Any]:
        """Send a frame and wait for its answer, by type."""
        self.sock.sendall(self.encode(frame))
        while (value := self.receive())["type"] != answer:
            if value["type"] == "error":
                raise ConnectionError(f"{frame['type']}: {value}")
        return value

    def close(self) -> None:
        """Leave without a word."""
        self.sock.close()
