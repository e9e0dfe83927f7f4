"""User keys that are heard no more, because their account was removed or has another key now (protocol.md section 8).

Not here: who is removed (invites), what becomes of messages that are held (messaging), telling other hubs (status.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from peers.keyring import keyring
from peers.models import Tombstone
from peers.status import status_next, status_renew


def bury(*keys: bytes, at: int, now: int, reason: str = Tombstone.Reason.REMOVED.value) -> None:
    """Let these keys be heard no more: what they signed with created_at > `at` (ms) is invalid, wherever it comes from,
    and no account comes to them again. Of two times for one key the earlier one holds. Linked hubs are told.
    """
    bury_each(dict.fromkeys(keys, at), now=now, reason=reason)


@transaction.atomic
def bury_each(times: Mapping[bytes, int], *, now: int, reason: str = Tombstone.Reason.REMOVED.value) -> None:
    """The same with a time for each key."""
    hub, seq = keyring().hub.public, status_next(now)
    for key, at in times.items():
        row, created = Tombstone.objects.get_or_create(
            hub=hub, key=key, defaults={"at": at, "reason": reason, "buried_at": now, "seq": seq}
        )
        if not created and at < row.at:
            row.at, row.is_swept = at, False
            row.save(update_fields=["at", "is_swept"])
    status_renew(seq=seq, now=now)


def is_buried(key: bytes, created_at: int | None = None) -> bool:
    """Whether this hub hears a key no more; with `created_at` (ms), whether what it signed then is invalid."""
    rows = Tombstone.objects.filter(hub=keyring().hub.public, key=key)
    return (rows if created_at is None else rows.filter(at__lt=created_at)).exists()


def reason_of(key: bytes) -> str:
    """Why a key is heard no more, a word of section 3; "" where it is heard."""
    rows = Tombstone.objects.filter(hub=keyring().hub.public, key=key)
    return rows.values_list("reason", flat=True).first() or ""
