"""`python -m benchmarks.fill ROWS [SPACING_MS]`: fill the lounge of $ACCORD_HOME with messages that nobody signed.

Ids, keys and signatures are random bytes, so that indexes have the shape that they have in use.
"""

from __future__ import annotations

import binascii
import os
import sys
from collections.abc import Iterator
from typing import Final

import django

AUTHORS: Final = 500
STEP: Final = 10_000
SPACING_MS: Final = 50
BODY: Final = b'{"text":"' + b"." * 34 + b'"}'


def _text(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))


def fill(rows: int, spacing_ms: int = SPACING_MS) -> None:
    """Insert the rows behind what is there, dated until now."""
    from django.db import connection, transaction  # noqa: PLC0415 - after django.setup()
    from django.db.models import F  # noqa: PLC0415

    from accord.topics import Topic as TopicName  # noqa: PLC0415
    from messaging.models import Message, Store, Topic  # noqa: PLC0415
    from messaging.services import hub_install  # noqa: PLC0415
    from peers.clock import now_ms  # noqa: PLC0415
    from peers.models import User  # noqa: PLC0415

    hub_install()
    lounge = Topic.objects.get(kind="chan")
    to = TopicName("chan", bytes(lounge.ident)).name.encode()
    keys = [os.urandom(32) for _ in range(AUTHORS)]
    User.objects.bulk_create(User(key=key) for key in keys)
    authors = [(pk, _text(bytes(key))) for pk, key in User.objects.filter(key__in=keys).values_list("pk", "key")]
    columns = ("cursor", "ident", "topic_id", "author_id", "type", "created_at", "header", "sig", "salt", "body")
    insert = f"INSERT INTO {Message._meta.db_table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608
    cursor = Store.objects.get(pk=1).cursor
    begin = now_ms() - rows * spacing_ms

    def made(start: int, stop: int) -> Iterator[tuple[int | str | bytes, ...]]:
        for number in range(start, stop):
            author_id, author = authors[number % AUTHORS]
            created_at = begin + number * spacing_ms
            header = (
                b'{"body_hash":"%b","body_size":%d,"created_at":%d,"from":"%b","to":"%b","type":"chat.text","v":1}'
                % (
                    _text(os.urandom(32)),
                    len(BODY),
                    created_at,
                    author,
                    to,
                )
            )
            yield (
                cursor + 1 + number,
                os.urandom(32),
                lounge.pk,
                author_id,
                "chat.text",
                created_at,
                header,
                os.urandom(64),
                os.urandom(16),
                BODY,
            )

    with connection.cursor() as database:
        if connection.vendor == "sqlite":
            database.execute("PRAGMA synchronous=OFF")
        for start in range(0, rows, STEP):
            with transaction.atomic():
                database.executemany(insert, list(made(start, min(rows, start + STEP))))
    with connection.cursor() as database:
        content = "length(header) + length(sig) + length(salt) + length(body)"
        database.execute(
            f"SELECT sum({content}) FROM {Message._meta.db_table} WHERE topic_id = %s",  # noqa: S608
            [lounge.pk],
        )
        (size,) = database.fetchone()
    Topic.objects.filter(pk=lounge.pk).update(count=F("count") + rows, bytes=size, cursor=cursor + rows)
    Store.objects.filter(pk=1).update(cursor=cursor + rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    django.setup()
    fill(*map(int, sys.argv[1:]))
