"""Encrypted bodies of messages (protocol.md section 7): sealed with a window's key, bound to the author and the header.

Each message has a key of its own, made of the window's key, the message's salt and its author; it opens that message
alone, so a reporter can show one message and nothing else. Not here: where window keys come from (epochs.py), what a
body says (message_types.py).
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accord.encoding import b64encode, canonical
from accord.epochs import message_kid, window_at
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.messages import SALT_BYTES, Envelope, create
from accord.primitives import domain, expand, same

PAD_BYTES: Final = 256
KEY_BYTES: Final = 32
MESSAGE_KEY_BYTES: Final = 44  # the key and the nonce of one message

_NOT_BOUND: Final = frozenset({"body_hash", "body_size"})


def pad(plaintext: bytes) -> bytes:
    """The plaintext, 0x80 and zeros: a multiple of PAD_BYTES."""
    return plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % PAD_BYTES)


def unpad(padded: bytes) -> bytes:
    """What was padded; RemoteError("bad_request") for anything that `pad` does not make."""
    plaintext = padded.rstrip(b"\0")[:-1]
    if pad(plaintext) != padded:
        raise RemoteError("bad_request", "the body is not padded as it should be")
    return plaintext


def message_key(window_key: bytes, salt: bytes, author: bytes) -> bytes:
    """The key of one message, MESSAGE_KEY_BYTES: who has it reads that message and no other."""
    return expand(window_key, "msg", salt + author, MESSAGE_KEY_BYTES)


def _bound(header: dict[str, Any]) -> bytes:
    return domain("msg-aad") + canonical({name: value for name, value in header.items() if name not in _NOT_BOUND})


def create_encrypted(
    author: SigningKey,
    *,
    type: str,
    to: str,
    body: bytes,
    created_at: int,
    epoch: int,
    win: int,
    window_key: bytes,
    salt: bytes | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A signed envelope whose body only those read who have the window's key; ready for JSON.

    `body` is what a clear message of the type would have as body; `win` is the window of `created_at`, `fields` are
    further header fields as messages.create takes them.
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    enc = {"epoch": epoch, "win": win, "kid": b64encode(message_kid(window_key))}
    bound = {"v": 1, "type": type, "from": b64encode(author.public), "to": to, "created_at": created_at, "enc": enc}
    key = message_key(window_key, salt, author.public)
    sealed = AESGCM(key[:KEY_BYTES]).encrypt(key[KEY_BYTES:], pad(body), _bound({**bound, **fields}))
    return create(author, type=type, to=to, body=sealed, created_at=created_at, salt=salt, enc=enc, **fields)


def open_with_message_key(message: Envelope, key: bytes) -> bytes:
    """The clear body of an encrypted message by its own key of MESSAGE_KEY_BYTES.

    RemoteError: gone (the body is not here), bad_request (not encrypted, not the key, not for this header).
    """
    if not message.encrypted:
        raise RemoteError("bad_request", "the message is not encrypted")
    if message.body is None:
        raise RemoteError("gone", "the body is not here")
    try:
        cipher, nonce = AESGCM(key[:KEY_BYTES]), key[KEY_BYTES:]
        padded = cipher.decrypt(nonce, message.body, _bound(message.header))
    except (InvalidTag, ValueError) as error:
        raise RemoteError("bad_request", "the body does not open with that key") from error
    return unpad(padded)


def open_body(message: Envelope, window_key: bytes, *, window_ms: int) -> bytes:
    """The clear body of an encrypted message by the key of its window.

    RemoteError: gone (the body is not here), bad_request (not encrypted, another window's key, a window more than one
    from the message's time, not for this header).
    """
    enc = message.header.get("enc")
    if enc is None:
        raise RemoteError("bad_request", "the message is not encrypted")
    if not same(b64encode(message_kid(window_key)).encode(), enc["kid"].encode()):
        raise RemoteError("bad_request", "the message is sealed with another key")
    if abs(enc["win"] - window_at(message.created_at, window_ms)) > 1:
        raise RemoteError("bad_request", "the message says a window that is not of its time")
    if message.salt is None:
        raise RemoteError("gone", "the body is not here")
    return open_with_message_key(message, message_key(window_key, message.salt, message.author))
