"""Replacing a claimed account: a new key takes its place, by the recovery key, the old key or the chain (protocol.md
section 8).

Rows are the truth: what waits is a `Replacement`, what was done a `KeyChange`; `replacements_finish` does what is due,
and doing it twice does nothing. Not here: the claim of an invite (services.py).
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from accord import replacing
from accord.errors import AccordError
from accord.former import MAX_SIGNED
from accord.messages import Message
from accord.replacing import CHAIN_MS, OWN_KEY_MS, RECOVERY_MS, VOUCH_LIFE_MS
from invites import ledger
from invites.models import Invitation, Replacement, Vouch
from invites.tree import ancestors_of, eligible_vouchers
from peers import options, registry
from peers.keyring import keyring
from peers.models import Account, Blessing, KeyChange, Recovery, Tombstone, User
from peers.owner import acting_member, admin_replace
from peers.selectors import member_of, recovery_of
from peers.tombstones import bury, is_buried

FINISH_STEP: Final = 100

VOUCHERS: Final = options.number(
    "recovery_vouchers",
    "People who vouch for a new key",
    explains="How many of those above somebody in the invite tree, and of those whom they invited, must sign for a new "
    "key before a lost one is replaced without its recovery code. Never more than there are such people.",
    affects="Replacements that wait already are judged once more by it when their time has come.",
    default=2,
    least=1,
    most=20,
    unit="people",
)


def _account(key: bytes, now: int) -> Account:
    """The live claimed account of a key, locked; AccordError: not_found, denied (the admin's)."""
    member = member_of(key, now=now)
    if member is None or member.kind == Account.Kind.TEMP:
        raise AccordError("not_found", "nobody here has that key, or their account is frozen")
    if member.kind == Account.Kind.ADMIN:
        raise AccordError("denied", "the admin's account is not replaced this way")
    return Account.objects.select_for_update(of=("self",)).select_related("user").get(pk=member.account_id)


def is_claimed(key: bytes) -> bool:
    """Whether a key has an account that can be replaced and no longer claimed."""
    return Account.objects.filter(user__key=key).exclude(kind=Account.Kind.TEMP).exists()


def is_used(key: bytes) -> bool:
    """Whether a key cannot become the key of an account: it has one, had one, is a recovery key or the hub's own,
    or has been removed.
    """
    return (
        key in (keyring().hub.public, keyring().admin.public)
        or Account.objects.filter(user__key=key).exists()
        or Recovery.objects.filter(user__key=key).exists()
        or KeyChange.objects.filter(new__key=key).exists()
        or is_buried(key)
    )


def _check_new(body: dict[str, Any], old: bytes) -> bytes:
    """The new key of a message, if it has agreed and may have an account; AccordError: bad_sig, conflict."""
    new: bytes = body["new_pubkey"]
    replacing.verify_replacement_proof(body["proof"], hub=keyring().hub.public, old=old, new=new)
    if is_used(new):
        raise AccordError("conflict", "that key has, or had, an account here: make a fresh one")
    return new


def _waiting(account: Account) -> Replacement | None:
    return Replacement.objects.select_for_update().filter(account=account, state=Replacement.State.WAITING).first()


def _end(replacement: Replacement, state: Replacement.State, now: int) -> None:
    replacement.state, replacement.ended_at = state, now
    replacement.save(update_fields=["state", "ended_at"])


def _begin(account: Account, new: bytes, way: Replacement.Way, message: Message, now: int) -> None:
    wait = OWN_KEY_MS if way == Replacement.Way.KEY else CHAIN_MS
    Replacement.objects.create(
        account=account, new_key=new, way=way, message=message.id, started_at=now, due_at=now + wait
    )


def _concerned(account: Account, *more: bytes) -> list[bytes]:
    """Whom a replacement concerns: the account's key, those who may cancel it, and some others."""
    return list({bytes(account.user.key), *(key for _, key in ancestors_of(account)), *more})


# ---------------------------------------------------------------------------------------------------------- messages


@registry.stores("set_recovery")
def recovery_set(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Give an account a recovery key, in place of the one that may be waiting to count. AccordError: not_found, denied
    (the admin's), bad_sig, conflict.
    """
    account = _account(message.author, now)
    key: bytes = body["recovery"]
    replacing.verify_recovery_proof(body["proof"], hub=keyring().hub.public, user=message.author, recovery=key)
    if is_used(key):
        raise AccordError("conflict", "that key is in use: make a fresh recovery code")
    recoveries_tidy(account, now)
    account.recoveries.filter(counts_from__gt=now).delete()
    change = KeyChange.objects.filter(new=account.user).first()
    is_young = now - (change.at if change else account.created_at) < RECOVERY_MS
    at_once = is_young and not account.recoveries.exists()
    user, _ = User.objects.get_or_create(key=key)
    Recovery.objects.create(
        account=account,
        user=user,
        message=message.id,
        set_at=now,
        counts_from=now if at_once else now + RECOVERY_MS,
    )
    return [key]


def recoveries_tidy(account: Account, now: int) -> None:
    """Forget the recovery keys of an account in whose place a later one counts."""
    counting = account.recoveries.filter(counts_from__lte=now).order_by("-pk")
    account.recoveries.filter(pk__in=list(counting.values_list("pk", flat=True)[1:])).delete()


def account_replace(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Replace a claimed account, by its own key after a day or by its recovery key at once.

    AccordError: bad_request (a name or code), denied (neither key, the admin's), bad_sig, conflict (the new key is
    used, another one waits).
    """
    if "account_name" in body or "code" in body:
        raise AccordError("bad_request", "a replaced account keeps its name, and no code goes with it")
    ledger.hold()  # locked first, as whoever locks both does
    recovery = recovery_of(message.author, now=now)
    if recovery is None:
        if body.get("pubkey", message.author) != message.author:
            raise AccordError("denied", "only the account's own key or its recovery key replaces it")
        return _replace_by_key(message, body, now)
    account = Account.objects.select_for_update(of=("self",)).select_related("user").get(pk=recovery.account_id)
    old = bytes(account.user.key)
    if body.get("pubkey") != old:
        raise AccordError("denied", "that is not the account of this recovery key")
    new = _check_new(body, old)
    if waiting := _waiting(account):
        _end(waiting, Replacement.State.OVERTAKEN, now)
    concerned = _concerned(account, new)
    named = bytes(account.recoveries.get(user__key=message.author).message)
    _hand_over(account, new, KeyChange.Way.RECOVERY, [named, message.id] if named else [message.id], now)
    return concerned


def _replace_by_key(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    account = _account(message.author, now)
    new = _check_new(body, message.author)
    waiting = _waiting(account)
    if waiting is not None and waiting.way == Replacement.Way.KEY:
        raise AccordError("conflict", "a replacement waits already: cancel it first")
    if waiting is not None:  # the old key may stop the chain's anyway
        _end(waiting, Replacement.State.OVERTAKEN, now)
    account.vouches.all().delete()
    _begin(account, new, Replacement.Way.KEY, message, now)
    return _concerned(account, new)


@registry.stores("vouch_replace")
def replacement_vouch(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Sign for somebody's new key; with enough words for the same one, it begins to wait.

    AccordError: denied (not one of those who may, the admin's), not_found, bad_sig, conflict (key used, one waits).
    """
    voucher = acting_member(message.author, now=now)
    account = _account(body["pubkey"], now)
    if voucher is None or voucher.account_id not in eligible_vouchers(account):
        raise AccordError("denied", "those above somebody in the invite tree vouch, and those whom they invited")
    new = _check_new(body, body["pubkey"])
    if _waiting(account) is not None:
        raise AccordError("conflict", "a replacement waits already")
    Vouch.objects.update_or_create(
        account=account, voucher_id=voucher.account_id, defaults={"new_key": new, "message": message.id, "at": now}
    )
    if _words(account, new, since=now - VOUCH_LIFE_MS).count() >= vouchers_needed(account):
        _begin(account, new, Replacement.Way.CHAIN, message, now)
    others = Account.objects.filter(pk__in=eligible_vouchers(account)).values_list("user__key", flat=True)
    return _concerned(account, new, *(bytes(key) for key in others))


def vouchers_needed(account: Account) -> int:
    """How many must sign for a new key of this account."""
    return max(1, min(VOUCHERS.value, len(eligible_vouchers(account))))


def _words(account: Account, new: bytes, *, since: int) -> QuerySet[Vouch]:
    """What was said for a new key later than `since` (ms) by those who may still say so."""
    return account.vouches.filter(new_key=new, at__gt=since, voucher__in=eligible_vouchers(account))


@registry.stores("cancel_replace")
def replacement_cancel(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """End what waits, and take back what was signed for it, by the old key or an ancestor. AccordError: denied,
    not_found (nothing waits).
    """
    canceller = acting_member(message.author, now=now)
    account = Account.objects.select_for_update(of=("self",)).filter(user__key=body["pubkey"]).first()
    if canceller is None or account is None:
        raise AccordError("denied", "the old key cancels, or whoever stands above in the invite tree")
    if canceller.account_id != account.pk and canceller.account_id not in (pk for pk, _ in ancestors_of(account)):
        raise AccordError("denied", "the old key cancels, or whoever stands above in the invite tree")
    waiting = _waiting(account)
    vouched, _ = account.vouches.all().delete()
    if waiting is None and not vouched:
        raise AccordError("not_found", "no replacement waits")
    if waiting is not None:
        _end(waiting, Replacement.State.CANCELLED, now)
    return _concerned(account, *([bytes(waiting.new_key)] if waiting else []))


# -------------------------------------------------------------------------------------------------------- what is due


def replacements_finish(*, now: int) -> int:
    """Do every replacement whose time has come, each in a transaction of its own; gives how many keys were changed."""
    done = 0
    due = Replacement.objects.filter(
        state=Replacement.State.WAITING, due_at__lte=now, account__frozen_at__isnull=True
    ).order_by("due_at", "pk")
    for pk in list(due.values_list("pk", flat=True)[:FINISH_STEP]):
        with transaction.atomic():
            ledger.hold()
            done += _finish(pk, now)
    return done


def _finish(pk: int, now: int) -> int:
    replacement = (
        Replacement.objects.select_for_update(of=("self",))
        .filter(pk=pk, state=Replacement.State.WAITING)
        .select_related("account__user")
        .first()
    )
    if replacement is None:
        return 0
    account, new = replacement.account, bytes(replacement.new_key)
    if member_of(bytes(account.user.key), now=now) is None:
        return 0  # frozen: undone, it goes on; removed, its row goes with it
    is_chain = replacement.way == Replacement.Way.CHAIN
    since = replacement.started_at - VOUCH_LIFE_MS
    words = _words(account, new, since=since) if is_chain else None
    if is_used(new) or (words is not None and words.count() < vouchers_needed(account)):
        _end(replacement, Replacement.State.LAPSED, now)
        account.vouches.all().delete()
        return 0
    _end(replacement, Replacement.State.DONE, now)
    if words is None:
        _hand_over(account, new, KeyChange.Way.KEY, [bytes(replacement.message)], now)
    else:
        signed = [bytes(message) for message in words.order_by("at", "pk").values_list("message", flat=True)]
        _hand_over(account, new, KeyChange.Way.CHAIN, signed[:MAX_SIGNED], now)
    return 1


def _hand_over(account: Account, new: bytes, way: KeyChange.Way, signed: list[bytes], now: int) -> None:
    """The account is the new key's from here on; the old one is dead. `signed`: ids of what was signed for it."""
    old = account.user
    user, _ = User.objects.get_or_create(key=new)
    ledger.rename(account, old=bytes(old.key), new=new, message_id=signed[-1], now=now)
    account.recoveries.all().delete()
    account.vouches.all().delete()
    account.user = user
    account.save(update_fields=["user"])
    if account.kind == Account.Kind.ADMIN:
        way = KeyChange.Way.HUB
        admin_replace(old=bytes(old.key), new=new, now=now)
    KeyChange.objects.create(old=old, new=user, at=now, way=way, signed=b"".join(signed))
    Blessing.objects.filter(user=old).delete()
    if bytes(old.key) != keyring().admin.public:  # which goes on to sign for the hub's own commands
        bury(bytes(old.key), at=now, now=now, reason=Tombstone.Reason.REPLACED.value)
    Invitation.objects.filter(claimed_by=old).update(claimed_by=user)
    for hook in registry.replaced_hooks:
        hook(bytes(old.key), new, now)
