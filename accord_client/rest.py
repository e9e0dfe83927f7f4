"""The login over HTTP, for programs that use the REST API (protocol.md section 3): a bearer token, good for 15 minutes;
and reading with it.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from accord.encoding import canonical, parse_json
from accord.errors import HTTP_STATUS, AccordError, RemoteError
from accord.login import ClientLogin, LoggedIn, Send
from accord_client.discovery import TIMEOUT_SECONDS, http_opener
from accord_client.errors import ClientError, HubUnreachable, LoginRefused
from accord_client.profile import Profile

API_PATH: Final = "/api/v1"
MAX_ANSWER_BYTES: Final = 1024 * 1024
PAGE_ITEMS: Final = 50


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token, the address of the API, and when it ends (ms)."""

    token: str
    api: str
    expires: int


def _ask_bytes(url: str, body: bytes | None, headers: dict[str, str], method: str | None = None) -> bytes:
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - the profile's hub
    try:
        with http_opener(url).open(request, timeout=TIMEOUT_SECONDS) as response:
            data: bytes = response.read(MAX_ANSWER_BYTES + 1)
            return data
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.read(MAX_ANSWER_BYTES)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise HubUnreachable(f"{url} cannot be reached: {reason}") from error


def _ask(url: str, body: bytes | None, headers: dict[str, str], method: str | None = None) -> Any:
    data = _ask_bytes(url, body, headers, method)
    return parse_json(data, max_bytes=MAX_ANSWER_BYTES) if data else None


def _post(url: str, body: bytes) -> Any:
    return _ask(url, body, {"Content-Type": "application/json"})


def _refusal(data: bytes) -> AccordError:
    try:
        value = parse_json(data, max_bytes=MAX_ANSWER_BYTES)
        code, detail, retry = value["code"], value["detail"], value.get("retry_ms")
    except (RemoteError, TypeError, KeyError):
        code, detail, retry = "internal", "the hub did not say why", None
    if code in ("unauthorized", "denied"):
        return LoginRefused(code, authenticated=False)
    retry_ms = retry if type(retry) is int and retry >= 0 else None
    return AccordError(code if code in HTTP_STATUS else "internal", str(detail), retry_ms=retry_ms)


def http_login(profile: Profile, certificate: dict[str, Any]) -> BearerToken:
    """A bearer token for the account of a profile; LoginRefused, RemoteError (not the hub expected), HubUnreachable."""
    api = f"{profile.url}{API_PATH}"
    machine = ClientLogin(profile.device, certificate=certificate, expected=profile.hub, sealed=False)
    begun = _post(f"{api}/login/request", machine.request().data)
    if not isinstance(begun, dict):
        raise RemoteError("bad_request", "a challenge expected")
    response = machine.receive(canonical(begun.get("challenge")))
    if not isinstance(response, Send):
        raise RemoteError("bad_request", "a challenge expected")
    answer = {"handle": begun.get("handle"), "response": orjson.loads(response.data)}
    result = _post(f"{api}/login/response", orjson.dumps(answer))
    welcome = machine.receive(canonical(result))
    if not isinstance(welcome, LoggedIn):
        raise RemoteError("bad_request", "a login_result expected")
    token, expires = welcome.result.get("token"), welcome.result.get("expires")
    if not isinstance(token, str) or not isinstance(expires, int):
        raise ClientError("the hub gave no token")
    return BearerToken(token, api, expires)


def http_ask(method: str, url: str, value: Any = None, token: BearerToken | None = None) -> Any:
    """The answer of the API to one request, None where it is empty; AccordError as the hub refuses, HubUnreachable."""
    headers = {} if token is None else {"Authorization": f"Bearer {token.token}"}
    body = None if value is None else orjson.dumps(value)
    return _ask(url, body, headers if body is None else {**headers, "Content-Type": "application/json"}, method)


def http_get(token: BearerToken, path: str) -> Any:
    """One answer of the API; AccordError as the hub refuses, HubUnreachable."""
    return _ask(f"{token.api}/{path}", None, {"Authorization": f"Bearer {token.token}"})


def http_bytes(method: str, token: BearerToken, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    """The bytes of an answer to bytes, <= MAX_ANSWER_BYTES; AccordError as the hub refuses, HubUnreachable."""
    known = {"Authorization": f"Bearer {token.token}", **headers}
    return _ask_bytes(f"{token.api}/{path}", body, known, method)


def http_list(token: BearerToken, path: str) -> Iterator[Any]:
    """Every item of a list of the API, page by page; AccordError as the hub refuses, HubUnreachable."""
    cursor = ""
    while True:
        page = http_get(token, f"{path}?limit={PAGE_ITEMS}{cursor and f'&cursor={cursor}'}")
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise RemoteError("bad_request", "a page of a list expected")
        yield from page["items"]
        if page.get("next") is None:
            return
        if not page["items"] or not isinstance(page["next"], str):
            raise RemoteError("bad_request", "a page that leads nowhere")
        cursor = urllib.parse.quote(page["next"])
