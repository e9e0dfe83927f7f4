"""What buried keys have signed after their time goes (protocol.md section 8): from every topic but `hub:` and `space:`,
which are records on which others stand, where this hub has buried them, from the channels of another hub where that one
has.

First the keys are buried, which closes the door; then what is held is removed in short transactions, and the tombstone
is marked as swept. A kill at any line leaves tombstones to be swept. Control messages to `hub:` stay: they are the
record of what was done. Not here: the door (unheard.py), who is buried (invites, peers/tombstones.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from messaging import trees
from messaging.locks import store_lock
from messaging.models import Message, Store, Topic
from messaging.prune import rows_remove
from messaging.selectors import store_cursor
from peers import registry
from peers.keyring import keyring
from peers.models import Tombstone, User
from peers.registry import Written

STEP_MESSAGES: Final = 500
MAX_KEYS_A_QUERY: Final = 500

# From topics to their messages by time: there is no index on authors, and what is late is mostly the newest.
_LATE: Final = (
    f"SELECT m.cursor FROM {Topic._meta.db_table} t CROSS JOIN {Message._meta.db_table} m "  # noqa: S608
    "WHERE m.topic_id = t.id AND m.created_at > %s AND m.author_id = %s AND m.cursor > %s AND "
)
_SIZE: Final = "length(header) + length(sig) + coalesce(length(salt), 0) + coalesce(length(body), 0)"
_ROWS: Final = (
    f"SELECT m.cursor, m.topic_id, m.created_at, t.horizon, {_SIZE} FROM {Message._meta.db_table} m "  # noqa: S608
    f"JOIN {Topic._meta.db_table} t ON t.id = m.topic_id WHERE m.cursor IN ({{}})"
)
_WRITTEN: Final = (
    f"SELECT m.topic_id, t.kind = 'chan', count(*), sum({_SIZE}) FROM {Message._meta.db_table} m "  # noqa: S608
    f"JOIN {Topic._meta.db_table} t ON t.id = m.topic_id WHERE m.author_id IN ({{}}) GROUP BY m.topic_id, t.kind"
)


def burials_sweep() -> int:
    """Sweep after every tombstone that has not been; gives the number of messages removed."""
    rows = Tombstone.objects.filter(is_swept=False).order_by("pk")
    return sum(_sweep(tombstone) for tombstone in list(rows))


def _sweep(tombstone: Tombstone) -> int:
    author = User.objects.filter(key=tombstone.key).values_list("pk", flat=True).first()
    newest = store_cursor()
    found = [] if author is None else _late(tombstone, author, after=0)
    removed = 0
    for start in range(0, len(found), STEP_MESSAGES):
        with transaction.atomic():
            store_lock()
            removed += messages_remove(found[start : start + STEP_MESSAGES])
    with transaction.atomic():
        store_lock()
        author = User.objects.filter(key=tombstone.key).values_list("pk", flat=True).first()
        if author is not None:  # what was on its way when the key was buried
            removed += messages_remove(_late(tombstone, author, after=newest))
        Tombstone.objects.filter(pk=tombstone.pk, at=tombstone.at).update(is_swept=True)
    return removed


def _late(tombstone: Tombstone, author: int, *, after: int) -> list[int]:
    """The arrival numbers of what an author signed too late, of those greater than `after`."""
    hub = bytes(tombstone.hub)
    where, values = (
        ("t.kind NOT IN ('hub', 'space')", [])
        if hub == keyring().hub.public
        else ("t.kind = 'chan' AND t.hub = %s", [hub])
    )
    with connection.cursor() as cursor:
        cursor.execute(_LATE + where, [tombstone.at, author, after, *values])
        return [row[0] for row in cursor.fetchall()]


def messages_remove(cursors: Collection[int]) -> int:
    """Remove messages with all that belongs to them, and mark the trees; those that have gone by themselves are none.
    Under the store's lock.
    """
    listed = list(cursors)
    return sum(_remove(listed[start : start + STEP_MESSAGES]) for start in range(0, len(listed), STEP_MESSAGES))


def _remove(cursors: Sequence[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(", ".join(["%s"] * len(cursors))), cursors)
        rows = cursor.fetchall()
    if not rows:
        return 0
    rows_remove([row[0] for row in rows])
    counts: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for _, topic_id, _, _, size in rows:
        counts[topic_id] += 1
        sizes[topic_id] += size
    for topic_id, count in counts.items():
        Topic.objects.filter(pk=topic_id).update(count=F("count") - count, bytes=F("bytes") - sizes[topic_id])
    trees.mark_dirty((topic_id, created_at) for _, topic_id, created_at, horizon, _ in rows if created_at >= horizon)
    Store.objects.filter(pk=1).update(unwiped=F("unwiped") + len(rows))
    return len(rows)


def written_by(keys: Sequence[bytes]) -> Written:
    """What users have written that is held here; reads the whole table."""
    topics: dict[int, bool] = {}
    messages = size = 0
    for start in range(0, len(keys), MAX_KEYS_A_QUERY):
        some = keys[start : start + MAX_KEYS_A_QUERY]
        users = list(User.objects.filter(key__in=some).values_list("pk", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(_WRITTEN.format(", ".join(map(str, users)) or "NULL"))
            for topic_id, is_channel, count, total in cursor.fetchall():
                topics[topic_id] = bool(is_channel)
                messages += count
                size += total
    return Written(sum(topics.values()), messages, size)


registry.written.append(written_by)
