"""Below a session: opening the socket, the login's messages, refusals as exceptions (protocol.md section 3)."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from accord import login
from accord.errors import HTTP_STATUS, AccordError
from accord.frames import MAX_FRAME_BYTES
from accord_client.errors import LoginRefused

MAX_SOCKET_BYTES: Final = MAX_FRAME_BYTES + 1024
MAX_PUBLISH_MESSAGES: Final = 100
MAX_PUBLISH_BYTES: Final = MAX_FRAME_BYTES - 64 * 1024
PING_INTERVAL_SECONDS: Final = 30
PING_TIMEOUT_SECONDS: Final = 30
CLOSE_TIMEOUT_SECONDS: Final = 5

_socket_log = logging.getLogger("accord_client.websocket")


class _Open(open_websocket):
    """Opens a WebSocket and follows no redirect: the address comes from the hub's signed document."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def is_loopback(url: str) -> bool:
    """Whether a URL names this computer: no proxy stands in between then."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def open_socket(ws: str, *, address: str | None = None, tls: ssl.SSLContext | None = None) -> ClientConnection:
    """A WebSocket to the programs' route; OSError or a WebSocketException where there is none.

    `address` stands for the host of `ws`, which stays in Host and SNI; then no proxy is asked. `tls` checks a `wss`
    server otherwise than the system does.
    """
    direct: dict[str, Any] = {"host": address} if address is not None else {}
    if tls is not None:
        direct["ssl"] = tls
    return await _Open(
        ws,
        compression=None,
        max_size=MAX_SOCKET_BYTES,
        open_timeout=None,
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        close_timeout=CLOSE_TIMEOUT_SECONDS,
        proxy=None if address is not None or is_loopback(ws) else True,
        user_agent_header=None,
        logger=_socket_log,
        **direct,
    )


async def log_in(socket: ClientConnection, machine: login.ClientLogin) -> login.LoggedIn:
    """Carry the login's messages until the hub has decided; LoginRefused, RemoteError."""
    await _send_raw(socket, machine.request())
    while True:
        step = machine.receive(await socket.recv())
        if isinstance(step, login.LoggedIn):
            return step
        if isinstance(step, login.Refused):
            raise LoginRefused(step.code, authenticated=step.authenticated, reason=step.reason, until=step.until)
        await _send_raw(socket, step)


async def _send_raw(socket: ClientConnection, message: login.Send) -> None:
    await socket.send(message.data, text=not message.binary)


def close_code(error: ConnectionClosed) -> int:
    """The code that the hub closed with, 1006 where it gave none."""
    return error.rcvd.code if error.rcvd is not None else 1006


def refusal(frame: dict[str, Any]) -> AccordError:
    """An `error` frame as an exception; codes of a later version become `internal`, with their name in the detail."""
    code, detail, retry = str(frame.get("code")), str(frame.get("detail", ""))[:500], frame.get("retry_ms")
    retry_ms = retry if type(retry) is int and retry >= 0 else None
    if code not in HTTP_STATUS:
        return AccordError("internal", f"{code[:64]} {detail}".strip(), retry_ms=retry_ms)
    return AccordError(code, detail, retry_ms=retry_ms)


def publish_batches(envelopes: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Envelopes in order, in lists that fit a `publish` frame."""
    batch: list[dict[str, Any]] = []
    size = 0
    for envelope in envelopes:
        length = len(orjson.dumps(envelope))
        if batch and (len(batch) == MAX_PUBLISH_MESSAGES or size + length > MAX_PUBLISH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(envelope)
        size += length
    if batch:
        yield batch
