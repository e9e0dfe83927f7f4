"""`python -m benchmarks.prune_once GOAL | delete`: prune the store of $ACCORD_HOME to GOAL bytes, or delete the older
half of its messages by one statement; print what it took as JSON.

Meanwhile a second connection takes the lock of writers again and again, and notes how long it waited.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import django

PROBE_PAUSE_SECONDS: Final = 0.005


def written() -> int:
    """Bytes that this process has handed to the kernel to write to files."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields["wchar"])


class Probe(threading.Thread):
    """A writer that has nothing to write."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._over = threading.Event()
        self.waits: list[float] = []

    def run(self) -> None:
        database = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        while not self._over.wait(PROBE_PAUSE_SECONDS):
            begun = time.perf_counter()
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
            self.waits.append(time.perf_counter() - begun)
        database.close()

    def stop(self) -> list[float]:
        self._over.set()
        self.join()
        return sorted(self.waits)


def _files() -> int:
    from django.conf import settings  # noqa: PLC0415 - after django.setup()

    return sum(path.stat().st_size for path in settings.ACCORD_HOME.glob("hub.sqlite3*"))


def prune(goal: int) -> int:
    """As the command does it."""
    from messaging.prune import store_prune  # noqa: PLC0415
    from messaging.services import log_wipe  # noqa: PLC0415
    from peers.clock import now_ms  # noqa: PLC0415

    removed = store_prune(goal=goal, now=now_ms()).messages
    log_wipe()
    return removed


def delete() -> int:
    """The older half of all messages in one transaction, then the pages back to the disk at once."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT max(cursor) / 2 FROM messaging_message")
        (half,) = cursor.fetchone()
        cursor.execute("DELETE FROM messaging_message WHERE cursor <= %s AND type = 'chat.text'", [half])
        removed = cursor.rowcount
    connection.connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
    return int(removed)


def measured(work: Callable[[], int]) -> dict[str, Any]:
    """What a piece of work took."""
    from django.db import connection  # noqa: PLC0415

    from messaging.room import room  # noqa: PLC0415

    before, files = room(), _files()
    probe = Probe(str(connection.settings_dict["NAME"]))
    probe.start()
    begun, cpu, wrote = time.perf_counter(), time.process_time(), written()
    removed = work()
    seconds = time.perf_counter() - begun
    waits = probe.stop()
    return {
        "removed": removed,
        "seconds": seconds,
        "cpu": time.process_time() - cpu,
        "written": written() - wrote,
        "freed": before.used - room().used,
        "files_before": files,
        "files_after": _files(),
        "wait_median": waits[len(waits) // 2],
        "wait_most": waits[-1],
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    django.setup()
    asked = sys.argv[1]
    print(json.dumps(measured(delete if asked == "delete" else lambda: prune(int(asked)))))
