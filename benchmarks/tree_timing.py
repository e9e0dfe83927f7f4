"""`python -m benchmarks.tree_timing SPAN_DAYS`: how long the trees of $ACCORD_HOME take; JSON on standard output.

The lounge's messages are spread evenly over so many days first; 0 leaves them as they are.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeVar

import django

MORE: Final = 60
WARM: Final = 10
DAY_MS: Final = 24 * 3_600_000

T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[float, float, T]:
    """Seconds, seconds of the processor, and what came of it."""
    begun, used = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - begun, time.process_time() - used, result


def measure(days: int) -> dict[str, Any]:
    """Build everything, hold it to a bare pass, then store one message after another and ask for the root."""
    from django.db import connection  # noqa: PLC0415 - after django.setup()

    from accord import merkle, messages  # noqa: PLC0415
    from accord.topics import Topic as TopicName  # noqa: PLC0415
    from messaging import trees  # noqa: PLC0415
    from messaging.admission import Right  # noqa: PLC0415
    from messaging.models import Branch, Dirty, Message, RootMark, Store, Topic  # noqa: PLC0415
    from messaging.services import message_publish  # noqa: PLC0415
    from peers.clock import now_ms  # noqa: PLC0415
    from peers.keyring import keyring  # noqa: PLC0415

    row = Topic.objects.get(kind="chan")
    lounge = TopicName("chan", bytes(row.ident))
    table = Message._meta.db_table
    with connection.cursor() as cursor:
        if days:
            each = days * DAY_MS // row.count
            cursor.execute(
                f"UPDATE {table} SET created_at = %s - cursor * %s - abs(random()) %% %s WHERE topic_id = %s",  # noqa: S608
                [now_ms(), each, each, row.pk],
            )
    for model in (Branch, Dirty, RootMark):
        model.objects.all().delete()
    Store.objects.update(tree_cursor=0)

    def bare() -> tuple[bytes, int]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT created_at, ident FROM {table} WHERE topic_id = %s ORDER BY created_at", [row.pk])  # noqa: S608
            leaves = groupby(cursor, key=lambda item: merkle.bucket_of(item[0], 0))
            return merkle.root_of(item for _, leaf in leaves for item in sorted(leaf, key=itemgetter(1)))

    bare()  # the pages are read from the disk
    limit, limit_cpu, (root, count) = timed(bare)
    build, build_cpu, _ = timed(lambda: trees.refresh(now=now_ms()))
    assert trees.root(lounge, now=now_ms())[:2] == (root, count)

    def one_more(number: int) -> tuple[float, float]:
        now = now_ms()
        admin = keyring().admin
        body = b'{"text":"%d"}' % number
        envelope = messages.create(admin, type="chat.text", to=lounge.name, body=body, created_at=now)
        stored, _, _ = timed(lambda: message_publish(envelope=envelope, right=Right.OWN, now=now))
        rooted, _, found = timed(lambda: trees.root(lounge, now=now))
        assert found.count == count + number + 1
        return stored, rooted

    times = [one_more(number) for number in range(MORE)][WARM:]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), sum(length(children)) FROM {Branch._meta.db_table}")  # noqa: S608
        branches, size = cursor.fetchone()
    return {
        "count": count,
        "bare_seconds": limit,
        "bare_cpu": limit_cpu,
        "build_seconds": build,
        "build_cpu": build_cpu,
        "store_ms": statistics.median(stored for stored, _ in times) * 1000,
        "root_ms": statistics.median(rooted for _, rooted in times) * 1000,
        "branches": branches,
        "bytes": size,
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    django.setup()
    print(json.dumps(measure(int(sys.argv[1]))))
