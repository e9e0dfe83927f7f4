"""Sync: two peers compare the trees of their topics and send each other what is missing (protocol.md section 5).

`Asker` and `Answerer` are the machine; a driver gives it a `Holdings`, carries its frames and does its events.
"""

from accord.sync.answerer import Answerer
from accord.sync.asker import Asker
from accord.sync.events import Counts, Equal, Event, Holdings, Over, Send, Settled, Store, Unequal
from accord.sync.frames import FRAMES
from accord.sync.limits import retry_ms
from accord.sync.session import SyncSession, poke

__all__ = [
    "FRAMES",
    "Answerer",
    "Asker",
    "Counts",
    "Equal",
    "Event",
    "Holdings",
    "Over",
    "Send",
    "Settled",
    "Store",
    "SyncSession",
    "Unequal",
    "poke",
    "retry_ms",
]
