"""The owner's link: whoever opens it has the hub's admin account under a key of their own (protocol.md section 8).

It is made by whoever has the hub's folder, and holds a recovery code for the admin's account that works once and not
for long. So it is both the owner's first way in and the way back where that key is lost: the replacement itself is
replacing.py's. Not here: who is admin, and the statement about it (peers/owner.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from django.conf import settings
from django.db import transaction

from accord.errors import AccordError
from accord.replacing import RECOVERY_CODE, recovery_key
from invites import ledger
from peers import audit
from peers.keyring import keyring
from peers.models import Account, Recovery, User

OWNER_LINK_MS: Final = 60 * 60 * 1000


class OwnerLink(NamedTuple):
    """A link for the hub's owner, and until when (ms) it works."""

    link: str
    expires: int


@transaction.atomic
def owner_link_make(*, origin: str, now: int) -> OwnerLink:
    """A new owner's link at `origin`; one that was made before works no more. AccordError("denied") in gossip mode."""
    if settings.IS_GOSSIP:
        raise AccordError("denied", "a hub in gossip mode has no pages: admin.key stays the admin's")
    ledger.hold()
    account = Account.objects.get(kind=Account.Kind.ADMIN)
    account.recoveries.all().delete()
    code, expires = RECOVERY_CODE.new(), now + OWNER_LINK_MS
    user, _ = User.objects.get_or_create(key=recovery_key(code, keyring().hub.public).public)
    Recovery.objects.create(account=account, user=user, set_at=now, counts_from=now, expires_at=expires)
    until = datetime.fromtimestamp(expires / 1000, tz=UTC)
    audit.note("owner_link", account.name, f"works once, until {until:%Y-%m-%d %H:%M:%S} UTC")
    return OwnerLink(f"{origin}/recover#owner={''.join(RECOVERY_CODE.groups(code))}", expires)
