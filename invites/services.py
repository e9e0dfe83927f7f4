"""Writes of the invite tree, each by a signed message to `hub:K` (protocol.md section 8).

Not here: quotas moved later, removal, replacement of a claimed account.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from accord import invites
from accord.errors import AccordError
from accord.message_types import TEMPORARY_LIFE_MS
from accord.messages import Message
from invites.models import Balance
from peers import registry
from peers.keyring import keyring
from peers.models import Account, User
from peers.selectors import member_of


@transaction.atomic
def currency_install(*, admin: Account, capacity: int) -> Balance:
    """Give the admin the hub's whole capacity, once."""
    balance, _ = Balance.objects.get_or_create(account=admin, defaults={"granted": capacity, "unspent": capacity})
    return balance


def _spend(account_id: int, cost: int) -> None:
    """Move `cost` invites from unspent to spent, or refuse; one statement, so no two spend the same invite."""
    paid = Balance.objects.filter(account_id=account_id, unspent__gte=cost).update(
        unspent=F("unspent") - cost, spent=F("spent") + cost
    )
    if not paid:
        raise AccordError("quota", "not enough invites left")


@registry.stores("add_user")
def user_add(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Add an account under the author's, paid from the author's invites. AccordError: denied, quota, conflict,
    bad_request.
    """
    parent = member_of(message.author, now=now)
    if parent is None or parent.kind == Account.Kind.TEMP:
        raise AccordError("denied", "only members invite")
    expires = body.get("expires")
    if body["kind"] == Account.Kind.TEMP:
        expires = now + TEMPORARY_LIFE_MS if expires is None else expires
        if not now < expires <= now + TEMPORARY_LIFE_MS:
            raise AccordError("bad_request", "a temporary account lives at most 72 hours")
    elif expires is not None:
        raise AccordError("bad_request", "only temporary accounts expire")
    if body["pubkey"] == keyring().hub.public:
        raise AccordError("denied", "the hub's key is no user's key")
    granted = body.get("invites", 0)
    _spend(parent.account_id, 1 + granted)
    user, _ = User.objects.get_or_create(key=body["pubkey"])
    try:
        with transaction.atomic():
            account = Account.objects.create(
                user=user,
                name=body["account_name"],
                kind=body["kind"],
                parent_id=parent.account_id,
                created_at=now,
                expires_at=expires,
                messages_limit=body.get("messages"),
                bytes_limit=body.get("bytes"),
            )
    except IntegrityError as error:
        raise AccordError("conflict", "that key or name has an account here") from error
    Balance.objects.create(account=account, granted=granted, unspent=granted)
    return [body["pubkey"]]


@registry.stores("replace_account")
def account_claim(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Hand a temporary account to the new key that its invite link was for; the first claim wins.

    AccordError: denied (no temporary account), bad_sig (proof), conflict (key or name in use), unsupported (a claimed
    account).
    """
    account = (
        Account.objects.select_for_update().filter(user__key=message.author).select_related("parent__user").first()
    )
    if account is None or (account.expires_at is not None and account.expires_at <= now):
        raise AccordError("denied", "the invite is used up or has expired")
    if account.kind != Account.Kind.TEMP:
        raise AccordError("unsupported", "this hub replaces temporary accounts only")
    new = body["new_pubkey"]
    hub = keyring().hub.public
    invites.verify_proof(body["proof"], hub=hub, temp=message.author, new=new)
    if new in (hub, message.author):  # whoever has seen the link has the temporary key
        raise AccordError("denied", "an account is claimed by a fresh user key")
    user, _ = User.objects.get_or_create(key=new)
    account.user = user
    account.name = body.get("account_name", account.name)
    account.kind = Account.Kind.REAL
    account.expires_at = None
    try:
        with transaction.atomic():
            account.save(update_fields=["user", "name", "kind", "expires_at"])
    except IntegrityError as error:
        raise AccordError("conflict", "that key or name has an account here") from error
    assert account.parent is not None  # noqa: S101 - a constraint of the table
    return [new, bytes(account.parent.user.key)]


@transaction.atomic
def temporary_expire(*, now: int) -> int:
    """Remove temporary accounts that nobody claimed in time; slot and unspent invites return to the parent. Gives their
    number.
    """
    expired = list(
        Account.objects.select_for_update()
        .filter(kind=Account.Kind.TEMP, expires_at__lte=now)
        .select_related("balance")
    )
    for account in expired:
        cost = 1 + account.balance.granted
        assert account.parent_id is not None  # noqa: S101 - a constraint of the table
        Balance.objects.filter(account_id=account.parent_id).update(
            unspent=F("unspent") + cost, spent=F("spent") - cost
        )
        account.delete()
    return len(expired)
