"""The sealed state of a login over HTTP (protocol.md section 3, "HTTP"), sans-IO.

Between the two requests of a login the hub keeps nothing: what it must know again travels with the client, sealed under
a key that only the hub has. Not here: that a handle is accepted once, which is the hub's to remember.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.login import HANDSHAKE_TIMEOUT_SECONDS, ServerLogin
from accord.primitives import HASH_BYTES, expand, u64

HANDLE_LIFE_MS: Final = HANDSHAKE_TIMEOUT_SECONDS * 1000
NONCE_BYTES: Final = 12
STATE_BYTES: Final = 2 * HASH_BYTES
HANDLE_BYTES: Final = NONCE_BYTES + 8 + STATE_BYTES + 16  # with the tag of GCM


def seal_login(secret: bytes, machine: ServerLogin, *, run: bytes, now: int, nonce: bytes | None = None) -> bytes:
    """The handle of a login that waits for its response, good for HANDLE_LIFE_MS from `now` (ms).

    `secret` is 32 bytes that only the hub knows, `run` names the run of the hub that will remember what was used.
    RemoteError("unsupported") where sealed frames were asked for.
    """
    nonce = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
    plain = u64(now + HANDLE_LIFE_MS) + machine.suspend()
    return nonce + AESGCM(expand(secret, "login-handle")).encrypt(nonce, plain, run)


def open_login(secret: bytes, handle: bytes, *, server: SigningKey, run: bytes, now: int) -> ServerLogin:
    """The login that a handle stands for; RemoteError("bad_request") for one that is forged, of another run or too
    old.
    """
    if len(handle) != HANDLE_BYTES:
        raise RemoteError("bad_request", f"a handle has {HANDLE_BYTES} bytes")
    nonce, box = handle[:NONCE_BYTES], handle[NONCE_BYTES:]
    try:
        plain = AESGCM(expand(secret, "login-handle")).decrypt(nonce, box, run)
    except InvalidTag as error:
        raise RemoteError("bad_request", "this hub did not give that handle, or was started anew since") from error
    if int.from_bytes(plain[:8], "big") <= now:
        raise RemoteError("bad_request", f"the login took more than {HANDSHAKE_TIMEOUT_SECONDS} seconds: begin again")
    return ServerLogin.resume(server, plain[8:])
