"""One writer at a time, and reads of one moment.

Everything that gives arrival numbers, or changes what trees are made of, holds the one row of `Store` locked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection

from messaging.models import Store

_BEGIN: Final = {"postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}

_local = threading.local()


def store_lock() -> int:
    """Be the only one who stores, until the transaction ends; gives the newest arrival number."""
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""  # SQLite has locked at the start
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT cursor FROM {Store._meta.db_table} WHERE id = 1{lock}")  # noqa: S608
        newest: int = cursor.fetchone()[0]
    return newest


@contextmanager
def one_moment() -> Iterator[None]:
    """All reads within see the database as it was at the first of them; nobody is kept from writing meanwhile.

    Not `transaction.atomic`, which in SQLite takes the lock of writers. Inside such a transaction nothing is to be
    done.
    """
    if connection.in_atomic_block or getattr(_local, "reading", False):
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN.get(connection.vendor, "BEGIN"))
        _local.reading = True
        try:
            yield
        finally:
            _local.reading = False
            cursor.execute("ROLLBACK")
