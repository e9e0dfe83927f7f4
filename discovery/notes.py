"""Addresses of hubs in what members say about others: `identity.note` (protocol.md sections 12 and 14).

They are claims like any other: dialled under the same rules, believed once a login has proved the key there. Not here:
notes that came from other hubs; whoever has no account here has this hub dial nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from accord.encoding import b64decode
from accord.errors import RemoteError
from accord.message_types import read_body
from discovery import options, services
from discovery.models import Sighting
from messaging.admission import Right
from peers import registry
from peers.registry import Arrival

MAX_NOTED: Final = 200  # sightings of this kind; the next ones are not taken up
MEMBERS: Final = (Right.OWN, Right.ADMIN)


def addresses_note(arrivals: Sequence[Arrival], now: int) -> None:
    """Take up the addresses of new notes, in the transaction that stores them."""
    if options.NOTES.value == options.OFF:
        return
    for arrival in arrivals:
        message = arrival.message
        is_clear = message.body is not None and not message.encrypted
        if message.type == "identity.note" and is_clear and arrival.publisher.right in MEMBERS:
            for address in read_body(message).get("addresses", []):
                with contextlib.suppress(RemoteError):
                    _take(address, now)


def _take(text: str, now: int) -> None:
    """An address, with the hub's key behind a # or without; RemoteError where it is none."""
    address, _, key = text.partition("#")
    claimed = b64decode(key, 32) if key else b""
    is_known = Sighting.objects.filter(how=Sighting.How.NOTE, address=address, claimed=claimed).exists()
    if is_known or Sighting.objects.filter(how=Sighting.How.NOTE).count() < MAX_NOTED:
        services.sighting_note(how=Sighting.How.NOTE, address=address, claimed=claimed, now=now)


registry.stored_hooks.append(addresses_note)
