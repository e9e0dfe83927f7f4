"""The room that a hub's store takes, the bound that its operator sets, and giving freed room back to the disk.

What is counted are the pages of the database that are in use: messages with their indexes and trees, and everything
else that the hub keeps. Pages that pruning has freed do not count; `room_return` hands them to the disk. The
write-ahead log beside the database (at most some 80 MB, emptied by checkpoints) does not count either. Not here: what
goes when there is too much (prune_plan.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Sum

from messaging.models import RoomSample, Topic
from messaging.prune_plan import ROW_BYTES
from peers import options

MIB: Final = 1024 * 1024
DEFAULT_STORE_MIB: Final = 10 * 1024
LEAST_STORE_MIB: Final = 16
MOST_STORE_MIB: Final = 64 * 1024 * 1024
RETURN_STEP_PAGES: Final = 1_000  # a few milliseconds each, in which nobody else can write
HOUR_MS: Final = 3600 * 1000
DAY_HOURS: Final = 24
SAMPLES_KEPT_HOURS: Final = 30 * DAY_HOURS


@lru_cache(maxsize=1)
def _default_mib() -> int:
    """10 GiB, or half of a smaller disk. Not a share of what is free: other programs' files would prune messages."""
    total = shutil.disk_usage(settings.ACCORD_HOME).total if settings.ACCORD_HOME.exists() else DEFAULT_STORE_MIB * MIB
    return max(LEAST_STORE_MIB, min(DEFAULT_STORE_MIB, total // 2 // MIB))


STORE_MIB: Final = options.number(
    "store_mib",
    "Room for the store",
    explains="How much of the disk the hub's database may take. Beyond it the oldest messages of all topics are "
    "removed from this hub; what is pinned, keys and what keeps the hub's order stay.",
    affects="With less room than is taken now, the oldest messages go within a minute or so, for good. See Storage "
    "for what would go.",
    default=_default_mib,
    least=LEAST_STORE_MIB,
    most=MOST_STORE_MIB,
    unit="MiB",
)


@dataclass(frozen=True, slots=True)
class Room:
    """In bytes: `used` is what counts, `free` what lies unused in the database's file, `is_returnable` whether that can
    be given back to the disk.
    """

    used: int
    free: int
    is_returnable: bool


def bound() -> int:
    """How many bytes the store may take."""
    return STORE_MIB.value * MIB


def _pragma(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])


def room() -> Room:
    """What the store takes now; in PostgreSQL, which keeps freed room for itself, what messages take by their sums."""
    if connection.vendor != "sqlite":
        sums = Topic.objects.aggregate(bytes=Sum("bytes"), count=Sum("count"))
        return Room((sums["bytes"] or 0) + (sums["count"] or 0) * ROW_BYTES, 0, True)
    page = _pragma("page_size")
    free = _pragma("freelist_count")
    return Room((_pragma("page_count") - free) * page, free * page, _pragma("auto_vacuum") != 0)


def database_bytes() -> int:
    """How large the database is, with all that is free in it."""
    if connection.vendor == "sqlite":
        return sum(path.stat().st_size for path in settings.ACCORD_HOME.glob("hub.sqlite3*"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def room_return_step() -> bool:
    """Give up to RETURN_STEP_PAGES free pages back to the disk; whether there are more.

    The file itself shrinks at the next checkpoint (services.log_wipe). Does nothing inside a transaction.
    """
    if (
        connection.vendor != "sqlite"
        or connection.in_atomic_block
        or _pragma("auto_vacuum") == 0
        or _pragma("freelist_count") == 0
    ):
        return False
    # The statement gives no rows, yet has to be stepped once a page, which only a script is.
    connection.connection.executescript(f"PRAGMA incremental_vacuum({RETURN_STEP_PAGES})")
    return _pragma("freelist_count") > 0


# Over time


@transaction.atomic
def room_note(*, now: int, freed: int = 0) -> None:
    """Write down how much room is taken in this hour, and add what pruning has just freed."""
    hour = now // HOUR_MS
    row, _ = RoomSample.objects.get_or_create(pk=hour, defaults={"used": 0})
    RoomSample.objects.filter(pk=row.pk).update(used=room().used, freed=F("freed") + freed)
    RoomSample.objects.filter(hour__lt=hour - SAMPLES_KEPT_HOURS).delete()


def samples() -> list[RoomSample]:
    """What has been written down, in order."""
    return list(RoomSample.objects.order_by("hour"))


@dataclass(frozen=True, slots=True)
class Forecast:
    """How fast the store grows: bytes a day, as seen over `hours`; `days` until the bound is reached, None if never."""

    daily: float
    hours: int
    days: float | None


def forecast(history: Sequence[RoomSample], *, used: int, limit: int) -> Forecast | None:
    """What the hours behind us say about the days ahead; None while less than one hour is known."""
    if len(history) < 2:
        return None
    hours = history[-1].hour - history[0].hour
    grown = history[-1].used - history[0].used + sum(after.freed for _, after in pairwise(history))
    daily = grown / hours * DAY_HOURS
    return Forecast(daily, hours, max(0.0, limit - used) / daily if daily > 0 else None)
