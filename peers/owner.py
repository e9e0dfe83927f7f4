"""Who the hub's admin is: the statement that everyone judges by, and the account's way to another key (protocol.md
section 3, `set_admin`).

The key in `admin.key` is the admin's until an owner takes the account into a browser; from then on it stands for the
admin beside the owner's key, for what the hub's own commands and console sign. Not here: the owner's link (invites).
"""

from __future__ import annotations

from accord.encoding import b64encode, canonical
from accord.statements import MAX_ALSO, HubAdmin, admin_of, also_json, make_statement
from peers.keyring import keyring
from peers.models import Account, Statement
from peers.selectors import Member, member_of, statement
from peers.status import status_next, status_renew


def own_admin() -> HubAdmin:
    """Who stands for this hub's admin, as this hub has signed it."""
    return admin_of(statement("set_admin"))


def admin_keys() -> set[bytes]:
    """The key that has the admin's account, and the one with which the hub's own commands sign."""
    own = Account.objects.values_list("user__key", flat=True).get(kind=Account.Kind.ADMIN)
    return {bytes(own), keyring().admin.public}


def acting_member(author: bytes, *, now: int) -> Member | None:
    """The live account for which a key signs control messages at `now` (ms): its own, and for the key of the hub's own
    commands the admin's, whoever has that.
    """
    member = member_of(author, now=now)
    if member is None and author == keyring().admin.public:
        return Member(*Account.objects.values_list("pk", "name", "kind").get(kind=Account.Kind.ADMIN))
    return member


def admin_replace(*, old: bytes, new: bytes, now: int) -> None:
    """Sign that the admin goes by another key now: what the old one signed until now (ms) stays the admin's. In the
    transaction that changes the account. Linked hubs are told, with a new `status`.
    """
    ring, before = keyring(), statement("set_admin")
    former = [(key, until) for key, until in admin_of(before).also if until is not None]
    if old != ring.admin.public:
        former.insert(0, (old, now))
    also = [(ring.admin.public, None), *former][:MAX_ALSO]
    at = max(now, before["at"] + 1)  # the newest counts
    body = make_statement(ring.hub, type="set_admin", at=at, user=b64encode(new), also=also_json(tuple(also)))
    Statement.objects.filter(type="set_admin").update(body=canonical(body))
    status_renew(seq=status_next(now), now=now)
