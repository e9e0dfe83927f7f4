"""The statement `status`: this hub's own, and those of the hubs that it is linked with (protocol.md sections 3 and 4).

Numbers of statements grow with the clock, so that one made after a restored backup is newer than any before. Not here:
who is buried (tombstones.py), what that means for messages (messaging).
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from django.db import transaction

from accord.encoding import canonical
from accord.errors import AccordError, RemoteError
from accord.hub_status import MAX_PAGES, MAX_REMOVED_A_PAGE, STATUS_LIFE_MS, Status, make_status, read_status
from peers import registry
from peers.keyring import keyring
from peers.loop import loop_bridge
from peers.models import Hub, Statement, Tombstone

MAX_CLOCK_AHEAD_MS: Final = 5 * 60 * 1000
RENEW_AFTER_MS: Final = STATUS_LIFE_MS // 2

_told: list[int] = [0]  # number of the statement that linked hubs have been told of


def _newest() -> dict[str, Any]:
    """The first page of the newest statement; empty where there is none yet."""
    body = Statement.objects.filter(type="status").values_list("body", flat=True).first()
    return {} if body is None else orjson.loads(bytes(body))


def status_next(now: int) -> int:
    """The number of the next statement: of whatever is buried before `status_renew` signs it."""
    seq: int = _newest().get("seq", 0)
    return max(seq + 1, now)


def status_renew(*, seq: int, now: int) -> None:
    """Sign a new statement of whom this hub hears no more; in the transaction that changes it."""
    first = make_status(keyring().hub, at=now, seq=seq, removed=_removed(seq))[0]
    Statement.objects.update_or_create(type="status", defaults={"body": canonical(first)})


def _removed(seq: int) -> list[tuple[bytes, int]]:
    rows = Tombstone.objects.filter(hub=keyring().hub.public, seq__lte=seq).order_by("-pk")
    newest = list(rows.values_list("key", "at")[: MAX_PAGES * MAX_REMOVED_A_PAGE])
    return [(bytes(key), at) for key, at in reversed(newest)]


@transaction.atomic
def status_keep(*, now: int) -> None:
    """Renew the statement while the one before still holds."""
    at = _newest().get("at")
    if at is None or at + RENEW_AFTER_MS <= now:
        status_renew(seq=status_next(now), now=now)


@transaction.atomic
def status_statements() -> list[dict[str, Any]]:
    """All pages of this hub's newest statement; none before the first."""
    newest = _newest()
    if not newest:
        return []
    return make_status(keyring().hub, at=newest["at"], seq=newest["seq"], removed=_removed(newest["seq"]))


def status_take(value: object, *, hub: bytes, now: int) -> Status:
    """Obey a page of the statement of the hub that has proved this key: the newest number counts, once all its pages
    have come, in order; what it does not name is heard again.

    AccordError: bad_request (form, or out of order), bad_sig, wrong_server (another hub's), future, not_found (a hub of
    which nothing else is known), gone (an old one).
    """
    status = read_status(value, hub=hub)
    if hub == keyring().hub.public:
        raise RemoteError("wrong_server", "this hub's own status is not taken from others")
    if status.at > now + MAX_CLOCK_AHEAD_MS:
        raise AccordError("future", "a status ahead of this hub's clock")
    with transaction.atomic():
        row = Hub.objects.select_for_update().filter(key=hub).first()
        if row is None:
            raise AccordError("not_found", "nothing is known of that hub")
        if status.seq <= row.status_seq:
            raise AccordError("gone", "there is a newer status of that hub, or it is known already")
        if status.page and (status.seq, status.page) != (row.status_taking, row.status_page):
            raise RemoteError("bad_request", "a page of a status out of order")
        _keep(status, now)
        row.status_taking, row.status_page = status.seq, status.page + 1
        if row.status_page == status.pages:
            row.status_seq, row.status_taking, row.status_page = status.seq, 0, 0
            Tombstone.objects.filter(hub=hub, seq__lt=status.seq).delete()
        row.save(update_fields=["status_seq", "status_taking", "status_page"])
    return status


def _keep(status: Status, now: int) -> None:
    known = {bytes(row.key): row for row in Tombstone.objects.filter(hub=status.hub)}
    fresh, changed = [], []
    for key, at in status.removed:
        row = known.get(key)
        if row is None:
            fresh.append(Tombstone(hub=status.hub, key=key, at=at, buried_at=now, seq=status.seq))
            continue
        row.is_swept = row.is_swept and at >= row.at
        row.at, row.seq = at, status.seq
        changed.append(row)
    Tombstone.objects.bulk_create(fresh)
    Tombstone.objects.bulk_update(changed, ["at", "seq", "is_swept"], batch_size=500)


def _pulse() -> None:
    """Have linked hubs told of a new statement, whichever process has signed it."""
    seq = _newest().get("seq", 0)
    if seq != _told[0]:
        _told[0] = seq
        loop_bridge.soon(_tell)


def _tell() -> None:
    for hook in registry.served_hooks:
        hook()


registry.pulses.append(_pulse)
