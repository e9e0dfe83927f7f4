"""Messages to people go to the hubs that they have blessed (protocol.md section 4, `serve`): each waits as a parcel,
written in the transaction that stores it, until that hub has it. So does what is said in private topics for the hubs of
their members; what is there already when somebody comes, the two hubs find by comparing.

Not here: sending parcels (peering.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from links.selectors import inbox_cursors
from links.services import links_ask, parcels_make
from messaging.spaces.rooms import seated_hooks
from peers import registry
from peers.blessings import blessed_hubs


def _concerned(arrival: registry.Arrival) -> frozenset[bytes]:
    """The users who read it wherever they are."""
    if arrival.readers is not None:
        return arrival.readers
    topic = arrival.message.topic
    return frozenset({topic.ident}) if topic.kind == "user" else frozenset()


def parcel_stored(arrivals: Sequence[registry.Arrival], now: int) -> None:
    """What a commit stores for people waits for their other hubs, but not for the one that has just brought it."""
    letters = [(arrival, users) for arrival in arrivals if (users := _concerned(arrival))]
    if not letters:
        return
    hubs = blessed_hubs(set().union(*(users for _, users in letters)), now=now)
    wanted = [
        (hub, letter.cursor)
        for letter, users in letters
        for hub in sorted(set().union(*(hubs.get(user, set()) for user in users)))
        if hub != letter.publisher.link
    ]
    if wanted:
        parcels_make(cursors=wanted, now=now)


def parcel_held(user: bytes, hub: bytes, now: int) -> None:
    """Somebody has blessed a hub: what is held for them waits for it, and private topics are to be compared."""
    parcels_make(cursors=[(hub, cursor) for cursor in inbox_cursors(user)], now=now)
    links_ask(keys={hub})


def compare_seated(users: frozenset[bytes], now: int) -> None:
    """Some have come into private topics: their hubs and this one are to compare these."""
    links_ask(keys=set().union(*blessed_hubs(users, now=now).values()))


registry.stored_hooks.append(parcel_stored)
registry.blessing_hooks.append(parcel_held)
seated_hooks.append(compare_seated)
