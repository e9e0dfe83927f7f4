"""What this hub keeps for people without an account: the answers that members have written to them (protocol.md
section 4).

Bounded in number, size and age, since nobody answers for these inboxes. Who blesses a hub (another one, or this one) is
no stranger. Not here: what lets strangers in (door.py).
"""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from accord.errors import AccordError
from accord.merkle import horizon_of
from messaging.models import Topic
from messaging.prune import horizon_advance
from peers.models import Account, Blessing

MAX_INBOXES: Final = 10_000
MAX_INBOX_BYTES: Final = 256 * 1024
MAX_AGE_MS: Final = 30 * 24 * 3600 * 1000
TRIMMED_AT_ONCE: Final = 100


def _inboxes(now: int) -> QuerySet[Topic]:
    """The inboxes of people whom neither this hub nor another one serves."""
    accounts = Account.objects.filter(user__key=OuterRef("ident"))
    blessed = Blessing.objects.filter(user__key=OuterRef("ident"), expiration__gt=now)
    return Topic.objects.filter(~Exists(accounts), ~Exists(blessed), kind="user")


def check_room(recipient: bytes, size: int, *, now: int) -> None:
    """Return if a member's message of `size` bytes to this user may be kept; AccordError("quota") where that is a
    stranger for whom much is kept already.
    """
    found = _inboxes(now).filter(ident=recipient).values_list("bytes", flat=True).first()
    if found is not None and found + size > MAX_INBOX_BYTES:
        raise AccordError("quota", "as much is kept for that person, who has no account here, as may be")
    is_new = found is None and not Topic.objects.filter(kind="user", ident=recipient).exists()
    if is_new and _inboxes(now).count() >= MAX_INBOXES:
        raise AccordError("quota", "this hub keeps answers for no more people without an account")


def inboxes_trim(*, now: int) -> int:
    """Let what is older than MAX_AGE_MS go from strangers' inboxes, with a receipt as for all that is pruned; gives the
    number of inboxes that have become shorter.
    """
    horizon = horizon_of(now - MAX_AGE_MS)
    rows = _inboxes(now).filter(horizon__lt=horizon, message__created_at__lt=horizon).distinct()
    found = list(rows.order_by("pk").values_list("pk", flat=True)[:TRIMMED_AT_ONCE])
    return sum(horizon_advance(topic_id=pk, horizon=horizon, now=now) for pk in found)
