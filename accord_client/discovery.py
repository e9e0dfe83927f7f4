"""The hub's own document, read once when joining (protocol.md section 3, "Statements", and section 12)."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any, Final
from urllib.parse import urlsplit

from accord.encoding import parse_json
from accord.errors import RemoteError
from accord.statements import HubAdmin, read_admin, verify_statement
from accord_client.errors import ClientError, HubUnreachable
from accord_client.wire import is_loopback

DOCUMENT_PATH: Final = "/.well-known/accord"
MAX_DOCUMENT_BYTES: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class HubDocument:
    """What a hub says of itself, signed: its name, the WebSocket address for programs, who its admin is."""

    name: str
    ws: str
    admin: HubAdmin | None = None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def http_opener(url: str) -> urllib.request.OpenerDirector:
    """What asks a hub over HTTP: follows no redirect, and no proxy stands between this computer and itself."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_loopback(url):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _get(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - http(s), see parse_link
    with http_opener(url).open(request, timeout=TIMEOUT_SECONDS) as response:
        data: bytes = response.read(MAX_DOCUMENT_BYTES + 1)
    return data


def check_ws(ws: object) -> str:
    """A WebSocket address as given, or RemoteError."""
    try:
        parts = urlsplit(ws if isinstance(ws, str) else "")
        good = parts.scheme in ("ws", "wss") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:  # a port that is no number
        good = False
    if not good or not isinstance(ws, str):
        raise RemoteError("bad_request", "ws: no WebSocket address")
    return ws


def _admin(document: dict[str, Any], hub: bytes) -> HubAdmin | None:
    """Whom the hub's statement names as its admin."""
    statement = document.get("admin")
    return None if statement is None else read_admin(statement, hub=hub)


async def hub_document(origin: str, hub: bytes) -> HubDocument:
    """The document at `origin`, signed by the hub with key `hub`.

    HubUnreachable, ClientError, each a sentence for the person.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            data = await asyncio.to_thread(_get, origin + DOCUMENT_PATH)
    except urllib.error.HTTPError as error:
        error.close()
        raise ClientError(f"{origin} does not answer as a hub (status {error.code})") from error
    except TimeoutError as error:
        raise HubUnreachable(f"{origin} does not answer") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise HubUnreachable(f"{origin} cannot be reached: {reason}") from error
    try:
        document = verify_statement(parse_json(data, max_bytes=MAX_DOCUMENT_BYTES), type="hub", hub=hub)
        return HubDocument(str(document.get("name", "")), check_ws(document.get("ws")), _admin(document, hub))
    except RemoteError as error:
        if error.code == "wrong_server":
            raise ClientError(
                f"the hub at {origin} is not the one that the link names: ask for a new link, and by other means why"
            ) from error
        raise ClientError(f"{origin} does not answer as a hub ({error.detail})") from error
