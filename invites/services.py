"""Writes of the invite tree, each by a signed message to `hub:K` (protocol.md section 8).

Not here: quotas moved later, removal and replacement of a claimed account.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accord import invites
from accord.errors import AccordError
from accord.message_types import TEMPORARY_LIFE_MS
from accord.messages import Message
from invites.models import Balance, Invitation
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
    if settings.IS_GOSSIP:
        raise AccordError("denied", "a hub in gossip mode takes no members: start it with ACCORD_MODE=full")
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
    if expires is not None:
        Invitation.objects.create(
            inviter_id=parent.account_id, key=body["pubkey"], granted=granted, created_at=now, expires_at=expires
        )
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
    account.created_at = now
    try:
        with transaction.atomic():
            account.save(update_fields=["user", "name", "kind", "expires_at", "created_at"])
    except IntegrityError as error:
        raise AccordError("conflict", "that key or name has an account here") from error
    _invitation_end(message.author, Invitation.State.CLAIMED, now, claimed_by=user)
    assert account.parent is not None  # noqa: S101 - a constraint of the table
    return [new, bytes(account.parent.user.key)]


def _invitation_end(key: bytes, state: Invitation.State, now: int, *, claimed_by: User | None = None) -> None:
    Invitation.objects.filter(key=key, state=Invitation.State.WAITING).update(
        state=state, ended_at=now, claimed_by=claimed_by
    )


def _temporary_remove(account: Account, state: Invitation.State, now: int) -> None:
    """Remove an account that nobody claimed; its slot and its invites, none of which it could spend, return to the
    parent.
    """
    cost = 1 + account.balance.granted
    assert account.parent_id is not None  # noqa: S101 - a constraint of the table
    Balance.objects.filter(account_id=account.parent_id).update(unspent=F("unspent") + cost, spent=F("spent") - cost)
    _invitation_end(bytes(account.user.key), state, now)
    account.delete()


@registry.stores("remove_user")
def user_remove(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Withdraw an invite: remove the temporary account behind it, by one of its ancestors.

    AccordError: denied (no ancestor), not_found (no such account, or no longer), unsupported (a claimed account). What
    `mode` says of children and `at` of messages is of no account to an account that has neither.
    """
    remover = member_of(message.author, now=now)
    if remover is None or remover.kind == Account.Kind.TEMP:
        raise AccordError("denied", "only members remove accounts")
    account = (
        Account.objects.select_for_update(of=("self",))
        .filter(user__key=body["pubkey"])
        .exclude(expires_at__lte=now)
        .select_related("user", "balance", "parent__user")
        .first()
    )
    if account is None:
        raise AccordError("not_found", "there is no such account: the invite is used, withdrawn or has expired")
    if not _is_ancestor(remover.account_id, account):
        raise AccordError("denied", "only who stands above an account in the invite tree removes it")
    if account.kind != Account.Kind.TEMP:
        raise AccordError("unsupported", "this hub removes temporary accounts only")
    assert account.parent is not None  # noqa: S101 - a constraint of the table
    parent = bytes(account.parent.user.key)
    _temporary_remove(account, Invitation.State.WITHDRAWN, now)
    return [body["pubkey"], parent]


def _is_ancestor(account_id: int, of: Account) -> bool:
    """Whether an account is above another one in the tree."""
    above = of.parent_id
    while above is not None:
        if above == account_id:
            return True
        above = Account.objects.values_list("parent_id", flat=True).get(pk=above)
    return False


@transaction.atomic
def temporary_expire(*, now: int) -> int:
    """Remove temporary accounts that nobody claimed in time; slot and unspent invites return to the parent. Gives their
    number.
    """
    expired = list(
        Account.objects.select_for_update(of=("self",))
        .filter(kind=Account.Kind.TEMP, expires_at__lte=now)
        .select_related("user", "balance")
    )
    for account in expired:
        _temporary_remove(account, Invitation.State.EXPIRED, now)
    return len(expired)
