"""Messages to people go to the hubs that they have blessed (protocol.md section 4, `serve`): each waits as a parcel,
written in the transaction that stores it, until that hub has it.

Not here: sending parcels (peering.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from links.selectors import inbox_cursors
from links.services import parcels_make
from peers import registry
from peers.blessings import blessed_hubs


def parcel_stored(arrivals: Sequence[registry.Arrival], now: int) -> None:
    """What a commit stores for people waits for their other hubs, but not for the one that has just brought it."""
    letters = [arrival for arrival in arrivals if arrival.message.topic.kind == "user"]
    if not letters:
        return
    hubs = blessed_hubs({letter.message.topic.ident for letter in letters}, now=now)
    wanted = [
        (hub, letter.cursor)
        for letter in letters
        for hub in sorted(hubs.get(letter.message.topic.ident, ()))
        if hub != letter.publisher.link
    ]
    if wanted:
        parcels_make(cursors=wanted, now=now)


def parcel_held(user: bytes, hub: bytes, now: int) -> None:
    """Somebody has blessed a hub: what is held for them waits for it."""
    parcels_make(cursors=[(hub, cursor) for cursor in inbox_cursors(user)], now=now)


registry.stored_hooks.append(parcel_stored)
registry.blessing_hooks.append(parcel_held)
