"""Who is at an address: the hub that proves its key there, and what it says of itself (protocol.md sections 3 and 12).

A login is begun under a key made for the purpose and left once the hub has proved its own: no session, no account, and
nothing that tells who asked. Not here: which addresses may be asked at all (addresses.py).
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from accord import login
from accord.encoding import parse_json
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.statements import verify_statement
from accord_client.wire import open_socket
from discovery.addresses import Target

PROBE_SECONDS: Final = 5.0
MAX_DOCUMENT_BYTES: Final = 64 * 1024
MAX_NAME_CHARS: Final = 64
DOCUMENT_PATH: Final = "/.well-known/accord"


@dataclass(frozen=True, slots=True)
class Found:
    """A hub that has proved its key. What it says of itself is empty where it did not say it, signed."""

    key: bytes
    name: str
    ws: str


async def prove(target: Target, *, expected: bytes | None) -> Found:
    """The hub at `target`, within PROBE_SECONDS each for login and document.

    RemoteError: wrong_server (another key than expected), not_found (nobody answers as a hub), what else it did.
    """
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            key = await _proved_key(target, expected)
    except TimeoutError:
        raise RemoteError("not_found", "no answer in time") from None
    except (OSError, WebSocketException, EOFError) as error:
        raise RemoteError("not_found", f"no hub answers: {type(error).__name__}") from error
    name, ws = "", ""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            document = verify_statement(parse_json(await _document(target), max_bytes=MAX_DOCUMENT_BYTES), hub=key)
        name, ws = str(document.get("name", "")), str(document.get("ws", ""))
    except (TimeoutError, OSError, RemoteError):  # the key is proved without it
        pass
    return Found(key, "".join(letter for letter in name if letter.isprintable())[:MAX_NAME_CHARS], ws)


def _tls(target: Target) -> ssl.SSLContext | None:
    if not target.tls:
        return None
    context = ssl.create_default_context()
    if _is_number(target.host):  # no certificate names it: only the login says who is there
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _proved_key(target: Target, expected: bytes | None) -> bytes:
    socket: ClientConnection | None = None
    try:
        socket = await open_socket(target.ws, address=target.address, tls=_tls(target))
        machine = login.ClientLogin(SigningKey.generate(), certificate=None, expected=expected)
        await socket.send(machine.request().data, text=True)
        step = machine.receive(await socket.recv())
        if isinstance(step, login.Refused):
            raise RemoteError("wrong_server" if step.code == "wrong_server" else "not_found", f"refused: {step.code}")
        return machine.server
    finally:
        if socket is not None:
            socket.transport.abort()


async def _document(target: Target) -> bytes:
    netloc = urlsplit(target.ws).netloc
    reader, writer = await asyncio.open_connection(
        target.address,
        target.port,
        ssl=_tls(target),
        server_hostname=target.host if target.tls else None,
        limit=MAX_DOCUMENT_BYTES,
    )
    try:
        writer.write(f"GET {DOCUMENT_PATH} HTTP/1.0\r\nHost: {netloc}\r\nAccept: application/json\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1:2] != [b"200"]:
            raise RemoteError("not_found", "no hub document")
        body = bytearray()
        while len(body) <= MAX_DOCUMENT_BYTES and (part := await reader.read(MAX_DOCUMENT_BYTES)):
            body += part
        return bytes(body)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise RemoteError("bad_request", "no hub document") from error
    finally:
        writer.transport.abort()
