"""Box keys of a user's devices: `device.keys` in the feed, and which of them live (protocol.md section 7).

A device publishes a box key each week and deletes its private half two weeks later; whoever seals to a user seals to
all that live. Not here: storing them, sealing (hpke.py), certificates (certs.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from accord.encoding import b64encode, canonical
from accord.message_types import MAX_BOXKEY_LIFE_MS, read_body
from accord.messages import Envelope

RENEW_MS: Final = 7 * 24 * 3600 * 1000
MAX_DEVICES: Final = 16  # the newest count, so that nobody makes the epochs of others long


@dataclass(frozen=True, slots=True)
class Device:
    """A living box key: whose peer key it is with (None: not said), until when (ms), from when, in which message."""

    boxkey: bytes
    client: bytes | None
    not_after: int
    created_at: int
    message: bytes


def device_body(boxkey: bytes, *, created_at: int, client: bytes | None = None) -> bytes:
    """The body of `device.keys` for a box key that is used from `created_at` (ms) for MAX_BOXKEY_LIFE_MS."""
    body: dict[str, Any] = {"boxkey": b64encode(boxkey), "not_after": created_at + MAX_BOXKEY_LIFE_MS}
    if client is not None:
        body["clientkey"] = b64encode(client)
    return canonical(body)


def living_devices(feed: Iterable[Envelope], now: int) -> list[Device]:
    """The box keys that live at `now` (ms), the newest first, of one user's messages in any order.

    Only `device.keys` and `cert.revoke` are looked at. The newest by (created_at, id) of a clientkey counts, without
    one the newest of a box key; a revoked clientkey has none, whatever it publishes later.
    """
    revoked: set[bytes] = set()
    newest: dict[tuple[str, bytes], Device] = {}
    for message in feed:
        if message.body is None:
            continue
        if message.type == "cert.revoke":
            revoked |= {read_body(message).get("clientkey", b"")}
        elif message.type == "device.keys":
            body = read_body(message)
            client, boxkey = body.get("clientkey"), body["boxkey"]
            device = Device(boxkey, client, body["not_after"], message.created_at, message.id)
            place = ("client", client) if client is not None else ("boxkey", boxkey)
            before = newest.get(place)
            if before is None or _age(before) < _age(device):
                newest[place] = device
    alive = [device for device in newest.values() if device.not_after >= now and device.client not in revoked]
    return sorted(alive, key=_age, reverse=True)[:MAX_DEVICES]


def _age(device: Device) -> tuple[int, bytes]:
    return device.created_at, device.message
