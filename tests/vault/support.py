"""Vaults as the tests make them: the key stretching, which takes a second by design, is left out."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from accord import vault
from accord.keys import SigningKey
from peers.keyring import keyring

ADDRESS: Final = "192.0.2.7"


def auth_of(text: str) -> bytes:
    """What a password might become."""
    return hashlib.sha256(f"auth {text}".encode()).digest()


def sealed(
    user: SigningKey, name: str, *, version: int = 1, password: str = "pw", recovery: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A user enclave that opens with the wrap keys of these words."""
    key = hashlib.sha256(f"key {name}".encode()).digest()
    kinds = {"password": password, **({"recovery": recovery} if recovery else {})}
    slots = [
        vault.make_slot(kind, name=name, wrap=hashlib.sha256(word.encode()).digest(), key=key)
        for kind, word in kinds.items()
    ]
    params = changes.pop("params", None) or vault.hub_params(keyring().secret, name)
    content = changes or {"settings": {"theme": "dark"}}
    return vault.seal_enclave(user, name=name, version=version, params=params, slots=slots, key=key, content=content)
