"""What is stored: the database as such, trees, the invite ledger, the audit log, backups."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from django.db import connection

from accord_hub.doctor.findings import Finding, problem, warning
from console.backups import troubles
from invites.checking import check_ledger
from messaging import store_check
from messaging.backup import rows
from messaging.backup.writing import database_path
from messaging.room import bound, room
from messaging.selectors import figures
from peers.audit import log_check
from peers.clock import now_ms
from plugins.selectors import dead_count

MAX_MESSAGES: Final = 200_000  # beyond that trees take too long for a look: verify_store
SHOWN: Final = 3


def database() -> Iterator[Finding]:
    """Whether SQLite finds its file sound."""
    if connection.vendor != "sqlite":
        return
    try:
        with closing(sqlite3.connect(database_path(), timeout=rows.BUSY_SECONDS, isolation_level=None)) as found:
            found.execute("PRAGMA query_only=ON")
            for fault in rows.faults(found):
                yield problem(
                    "database.broken",
                    f"The database is damaged: {fault}.",
                    "Stop the hub, keep a copy of its folder, restore the last good backup into a new home, and look "
                    "at the disk.",
                )
                return
    except sqlite3.Error as error:
        yield problem(
            "database.closed", f"The database cannot be read: {error}.", "Look at the rights and the disk of the home."
        )


def totals_and_trees() -> Iterator[Finding]:
    """Whether totals and trees are what the messages give."""
    mend = "manage.py verify_store --repair"
    if figures()["messages"] > MAX_MESSAGES:
        return
    found = [fault.where for fault in (*store_check.totals_check(), *store_check.trees_check(lambda _: None))]
    if found:
        yield problem("store.wrong", f"Totals or trees do not fit the messages: {'; '.join(found[:SHOWN])}.", mend)


def ledger() -> Iterator[Finding]:
    """Whether invites are conserved."""
    found = check_ledger().problems
    if found:
        yield problem(
            "ledger.unbalanced",
            f"The invite ledger is not balanced: {' '.join(found[:SHOWN])}",
            "manage.py check_ledger shows all of it. Please report it, with its output.",
        )


def audit_log() -> Iterator[Finding]:
    """Whether the audit log is whole."""
    for fault in log_check():
        yield problem(
            "audit.broken",
            f"The audit log is not as it was written, at entry {fault.number}: {fault.says}.",
            "manage.py verify_audit shows all of it. Somebody has changed it, or the disk has: compare with a backup.",
        )
        return


def backups() -> Iterator[Finding]:
    """Whether backups are made, and can be restored."""
    for says, is_urgent in troubles(now_ms()):
        make = problem if is_urgent else warning
        code = "backup.failing" if is_urgent else "backup.none"
        mend = "See Backups in the console." if is_urgent else "manage.py backup_key, then Settings in the console."
        yield make(code, says, mend)


def room_left() -> Iterator[Finding]:
    """Whether the store is within its bound."""
    taken = room()
    if taken.used > bound() * 1.02:
        yield warning(
            "store.full",
            "The store takes more than it may; the oldest messages go as soon as they may.",
            "Give it more room under Settings, or see Storage for what stays.",
        )


def jobs() -> Iterator[Finding]:
    """Whether plugins do their work."""
    if dead := dead_count():
        yield warning(
            "plugins.failing",
            f"{dead:,} jobs of plugins were given up after the last try.",
            "Jobs of plugins in the console says why: run them again, or drop them.",
        )
