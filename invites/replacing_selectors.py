"""Reads of what waits to be replaced, and of recovery keys (protocol.md section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accord.replacing import VOUCH_LIFE_MS
from invites.models import Replacement, Vouch
from invites.replacing import vouchers_needed
from invites.tree import ancestors_of, eligible_vouchers
from peers.models import Account, Recovery

MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Pending:
    """A new key for an account: `asked` while too few vouch, then `waiting` until `due_at` (ms)."""

    key: bytes
    name: str
    new_key: bytes
    way: str
    state: str
    started_at: int
    due_at: int | None
    vouched: int
    needed: int
    may_cancel: bool
    may_vouch: bool


def recoveries_of(account_id: int, *, now: int) -> tuple[Recovery | None, Recovery | None]:
    """The recovery key of an account that counts at `now`, and the one that will."""
    rows = list(Recovery.objects.filter(account=account_id).order_by("pk"))
    counting = [row for row in rows if row.counts_from <= now]
    coming = [row for row in rows if row.counts_from > now]
    return (counting[-1] if counting else None), (coming[-1] if coming else None)


def _pending(account: Account, waiting: Replacement | None, asker: int, now: int) -> Pending | None:
    words = list(account.vouches.filter(at__gt=now - VOUCH_LIFE_MS).order_by("-pk"))
    if waiting is None and not words:
        return None
    new = bytes(waiting.new_key if waiting else words[0].new_key)
    is_chain = waiting is None or waiting.way == Replacement.Way.CHAIN
    eligible = set(eligible_vouchers(account))
    for_it = [word for word in words if bytes(word.new_key) == new and word.voucher_id in eligible]
    has_vouched = any(word.voucher_id == asker for word in for_it)
    return Pending(
        key=bytes(account.user.key),
        name=account.name,
        new_key=new,
        way=Replacement.Way.CHAIN.value if is_chain else Replacement.Way.KEY.value,
        state="waiting" if waiting else "asked",
        started_at=waiting.started_at if waiting else min(word.at for word in words),
        due_at=waiting.due_at if waiting else None,
        vouched=len(for_it),
        needed=vouchers_needed(account) if is_chain else 0,
        may_cancel=asker == account.pk or asker in (pk for pk, _ in ancestors_of(account)),
        may_vouch=waiting is None and asker in eligible and not has_vouched,
    )


def pending_of(key: bytes, *, asker: int, now: int) -> Pending | None:
    """The replacement of the account of a key, as another account sees it; None where none is asked for."""
    account = Account.objects.filter(user__key=key).select_related("user").first()
    if account is None:
        return None
    return _pending(account, account.replacements.filter(state=Replacement.State.WAITING).first(), asker, now)


def pendings_for(account_id: int, *, now: int) -> Sequence[Pending]:
    """All that an account may cancel or vouch for, those that end first at the top."""
    waiting = {row.account_id: row for row in Replacement.objects.filter(state=Replacement.State.WAITING)}
    vouched = Vouch.objects.filter(at__gt=now - VOUCH_LIFE_MS).values_list("account_id", flat=True)
    found = []
    for account in Account.objects.filter(pk__in={*waiting, *vouched}).select_related("user"):
        if account_id == account.pk or account_id in eligible_vouchers(account):
            pending = _pending(account, waiting.get(account.pk), account_id, now)
            if pending is not None:
                found.append(pending)
    found.sort(key=lambda pending: (pending.due_at is None, pending.due_at or pending.started_at, pending.name))
    return found[:MAX_SHOWN]
