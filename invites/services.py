"""Writes of the invite tree, each by a signed message to `hub:K` (protocol.md section 8).

The currency itself is ledger.py's. Not here: removal (removal.py), replacement of a claimed account (replacing.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accord import invites
from accord.errors import AccordError
from accord.invites import CODE_TRIES
from accord.message_types import TEMPORARY_LIFE_MS
from accord.messages import Message
from invites import ledger
from invites.codes import codes
from invites.ledger import Reason
from invites.models import Balance, Invitation
from invites.replacing import account_replace, is_claimed, is_used
from invites.selectors import login_reason
from peers import registry
from peers.allowances import allowance_given
from peers.keyring import keyring
from peers.models import Account, User
from peers.owner import acting_member


@transaction.atomic
def currency_install(*, admin: Account, capacity: int, now: int) -> Balance:
    """Give the admin the hub's whole capacity, once."""
    return ledger.install(admin, capacity=capacity, now=now)


@registry.stores("add_user")
def user_add(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Add an account under the author's, paid from the author's invites. AccordError: denied, quota, conflict,
    bad_request.
    """
    if settings.IS_GOSSIP:
        raise AccordError("denied", "a hub in gossip mode takes no members: start it with ACCORD_MODE=full")
    ledger.hold()
    parent = acting_member(message.author, now=now)
    if parent is None or parent.kind == Account.Kind.TEMP:
        raise AccordError("denied", "only members invite")
    expires = body.get("expires")
    if body["kind"] == Account.Kind.TEMP:
        expires = now + TEMPORARY_LIFE_MS if expires is None else expires
        if not now < expires <= now + TEMPORARY_LIFE_MS:
            raise AccordError("bad_request", "a temporary account lives at most 72 hours")
    elif expires is not None or "code_hash" in body:
        raise AccordError("bad_request", "only temporary accounts expire, and only they are claimed with a code")
    if body["pubkey"] == keyring().hub.public:
        raise AccordError("denied", "the hub's key is no user's key")
    messages, bytes_ = allowance_given(parent.account_id, messages=body.get("messages"), bytes=body.get("bytes"))
    granted = body.get("invites", 0)
    ledger.spend(
        parent.account_id,
        body["pubkey"],
        invites=granted,
        is_escrow=body["kind"] == Account.Kind.TEMP,
        message_id=message.id,
        now=now,
    )
    if is_used(body["pubkey"]):
        raise AccordError("conflict", "that key has, or had, an account here")
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
                messages_limit=messages,
                bytes_limit=bytes_,
            )
    except IntegrityError as error:
        raise AccordError("conflict", "that key or name has an account here") from error
    ledger.balance_open(account, invites=granted)
    if expires is not None:
        Invitation.objects.create(
            inviter_id=parent.account_id,
            key=body["pubkey"],
            granted=granted,
            messages_limit=messages,
            bytes_limit=bytes_,
            created_at=now,
            expires_at=expires,
            code_hash=body.get("code_hash"),
            channels=b"".join(body.get("channels", ())),
        )
    return [body["pubkey"]]


@registry.stores("replace_account")
def account_claim(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Hand a temporary account to the new key that its invite link was for; the first claim wins.

    AccordError: denied (no temporary account; or no claim code or a wrong one, then with `tries`), bad_sig (proof),
    bad_request (what is no code), conflict (key or name in use). Of a claimed account it is a replacement
    (replacing.py).
    """
    if "pubkey" in body or is_claimed(message.author):
        return account_replace(message, body, now)
    ledger.hold()
    account = (
        Account.objects.select_for_update(of=("self",))
        .filter(user__key=message.author)
        .select_related("parent__user")
        .first()
    )
    if account is None or (account.expires_at is not None and account.expires_at <= now):
        raise AccordError("denied", "the invite is used up or has expired")
    new = body["new_pubkey"]
    hub = keyring().hub.public
    invites.verify_proof(body["proof"], hub=hub, temp=message.author, new=new)
    if new in (hub, message.author):  # whoever has seen the link has the temporary key
        raise AccordError("denied", "an account is claimed by a fresh user key")
    _code_check(message.author, body.get("code"), now)
    if is_used(new):
        raise AccordError("conflict", "that key has, or had, an account here")
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
    ledger.claim(account, temporary=message.author, new=new, message_id=message.id, now=now)
    invitation_end(message.author, Invitation.State.CLAIMED, now, claimed_by=user)
    assert account.parent is not None  # noqa: S101 - a constraint of the table
    return [new, bytes(account.parent.user.key)]


def _code_check(temporary: bytes, typed: str | None, now: int) -> None:
    """Return if an invite has no claim code or this is it; else refuse, and let the refusal count."""
    row = (
        Invitation.objects.filter(key=temporary, state=Invitation.State.WAITING)
        .values_list("code_hash", "wrong_codes")
        .first()
    )
    if row is None or row[0] is None:
        return
    tries = CODE_TRIES - row[1]
    if typed is None:
        raise AccordError("denied", "this invite is claimed with a code", tries=tries)
    if not codes.is_right(temporary, typed, bytes(row[0])):
        lasting = partial(_wrong_code_count, temporary, now)
        raise registry.LastingRefusal("denied", "the claim code is wrong", tries=tries - 1, lasting=lasting)


def _wrong_code_count(temporary: bytes, now: int) -> None:
    """One try less for an invite; with the last it is locked, and what it holds goes back."""
    ledger.hold()
    waiting = Invitation.objects.filter(key=temporary, state=Invitation.State.WAITING)
    waiting.update(wrong_codes=F("wrong_codes") + 1)
    if waiting.filter(wrong_codes__gte=CODE_TRIES).exists():
        account = Account.objects.select_for_update(of=("self",)).select_related("user").get(user__key=temporary)
        temporary_remove(account, Invitation.State.LOCKED, message_id=None, reason=Reason.LOCK, now=now)


def invitation_end(key: bytes, state: Invitation.State, now: int, *, claimed_by: User | None = None) -> None:
    """Note what has become of an invite that waits."""
    Invitation.objects.filter(key=key, state=Invitation.State.WAITING).update(
        state=state, ended_at=now, claimed_by=claimed_by
    )


def temporary_remove(
    account: Account, state: Invitation.State, *, message_id: bytes | None, reason: Reason, now: int
) -> None:
    """Remove an account that nobody claimed; its slot and its invites, none of which it could spend, return to the
    parent.
    """
    assert account.parent_id is not None  # noqa: S101 - a constraint of the table
    ledger.give_back(account, to=account.parent_id, message_id=message_id, reason=reason, now=now)
    invitation_end(bytes(account.user.key), state, now)
    account.delete()


@transaction.atomic
def temporary_expire(*, now: int) -> int:
    """Remove temporary accounts that nobody claimed in time; slot and unspent invites return to the parent. Gives their
    number.
    """
    ledger.hold()
    expired = list(
        Account.objects.select_for_update(of=("self",))
        .filter(kind=Account.Kind.TEMP, expires_at__lte=now)
        .select_related("user")
    )
    for account in expired:
        temporary_remove(account, Invitation.State.EXPIRED, message_id=None, reason=Reason.EXPIRE, now=now)
    return len(expired)


registry.login_reasons.append(login_reason)
