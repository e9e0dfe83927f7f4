"""Which topics people here use: it decides what links to other hubs carry. Written down to the hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from accord.topics import Topic
from messaging.services import topics_use

STEP_MS: Final = 3600 * 1000
MAX_NOTED: Final = 10_000

_noted: dict[Topic, int] = {}  # when this process last wrote it down, ms


def unnoted(topics: Iterable[Topic], now: int) -> list[Topic]:
    """Those of which it was not written down within the hour; a look into memory."""
    return [topic for topic in topics if _noted.get(topic, 0) <= now - STEP_MS]


def note(topics: Sequence[Topic], now: int) -> None:
    """Write it down. In a thread that may use the database."""
    if len(_noted) > MAX_NOTED:
        _noted.clear()
    _noted.update(dict.fromkeys(topics, now))
    topics_use(topics=topics, now=now)
