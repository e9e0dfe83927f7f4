"""The login of section 3 over HTTP: two requests, nothing kept between them but which handles have been used.

Not here: the handshake itself and the sealing of its state (accord/login.py, accord/login_handle.py).
"""

from __future__ import annotations

import secrets
import threading
from typing import Any, Final

from accord.encoding import b64encode, canonical, parse_canonical
from accord.errors import AccordError, RemoteError
from accord.login import MAX_LOGIN_BYTES, Proved, Send, ServerLogin
from accord.login_handle import HANDLE_LIFE_MS, open_login, seal_login
from peers.consumer import admit, login_note, login_result
from peers.keyring import keyring
from peers.loop import loop_bridge
from peers.services import token_issue
from peers.sessions import Role, role_of

MAX_USED_HANDLES: Final = 10_000
HANDLE_BYTES: Final = 16

_RUN: Final = secrets.token_bytes(16)  # handles of a run before this one may have been used


class UsedHandles:
    """The handles that a response has come for, until they would have expired."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[bytes, int] = {}

    def take(self, handle: bytes, *, now: int) -> None:
        """Use a handle; RemoteError("bad_request") if it has been used, AccordError("busy") when too many have."""
        with self._lock:
            if len(self._used) >= MAX_USED_HANDLES:
                self._used = {key: expires for key, expires in self._used.items() if expires > now}
            if len(self._used) >= MAX_USED_HANDLES:
                raise AccordError("busy", "too many logins at once", retry_ms=HANDLE_LIFE_MS)
            if handle in self._used:
                raise RemoteError("bad_request", "that handle has been used: begin again")
            self._used[handle] = now + HANDLE_LIFE_MS


_used = UsedHandles()


def login_begin(request: Any, *, now: int) -> tuple[dict[str, Any], bytes]:
    """The challenge that answers a login_request, and the handle for the response."""
    machine = ServerLogin(keyring().hub, allow_clear=True)
    challenge = machine.receive(canonical(request), now)
    assert isinstance(challenge, Send)  # noqa: S101 - the machine's first answer
    handle = seal_login(keyring().secret, machine, run=_RUN, now=now)
    value: dict[str, Any] = parse_canonical(challenge.data, max_bytes=MAX_LOGIN_BYTES)
    return value, handle


def login_finish(handle: bytes, response: Any, *, now: int) -> bytes:
    """The login_result with `token` and `expires`, in canonical JSON, that answers a login_response; AccordError says
    why there is no session.
    """
    machine = open_login(keyring().secret, handle, server=keyring().hub, run=_RUN, now=now)
    _used.take(handle, now=now)
    proved = machine.receive(canonical(response), now)
    assert isinstance(proved, Proved)  # noqa: S101 - the machine's second answer
    try:
        role = role_of(admit(proved), proved.certificate)
        if role is Role.RELAY:  # a token stands for the whole account
            raise AccordError("denied", "a relay comes over the socket")
        if role is Role.GUEST and proved.certificate is not None:
            raise AccordError("denied", "who has no account reads answers over the socket")
    except AccordError as error:
        loop_bridge.soon(login_note, error.code, proved.certificate)
        raise
    session = secrets.token_urlsafe(HANDLE_BYTES)
    token, expires = token_issue(
        session=session, is_socket=False, client=proved.client, certificate=proved.certificate, now=now
    )
    loop_bridge.soon(login_note, role.value, proved.certificate)
    result = login_result(session, proved.certificate)
    return machine.accept({**result, "token": b64encode(token), "expires": expires})[0].data
