"""Reads of the invite tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, Sum

from accord.errors import AccordError
from accord.invites import CODE_TRIES
from invites.models import Balance, Invitation
from peers.allowances import next_reset
from peers.models import Account

ID_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Tally:
    """The whole currency of a hub: `accounts` without the admin's, temporary ones included."""

    capacity: int
    accounts: int
    unspent: int


def tally() -> Tally:
    """Count the currency; accounts + unspent = capacity at every moment."""
    capacity = Balance.objects.filter(account__kind=Account.Kind.ADMIN).values_list("granted", flat=True).first()
    return Tally(
        capacity=capacity or 0,
        accounts=Account.objects.exclude(kind=Account.Kind.ADMIN).count(),
        unspent=Balance.objects.aggregate(total=Sum("unspent"))["total"] or 0,
    )


def has_members() -> bool:
    """Whether anybody but the admin has joined."""
    return Account.objects.filter(kind=Account.Kind.REAL).exists()


def is_pending(temporary: bytes, *, now: int) -> bool:
    """Whether the invite with this temporary key can still be claimed at `now` (ms)."""
    return Account.objects.filter(
        user__key=temporary, kind=Account.Kind.TEMP, expires_at__gt=now, frozen_at__isnull=True
    ).exists()


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who joined by an invite; no name once the account is gone."""

    key: bytes
    name: str | None


@dataclass(frozen=True, slots=True)
class Invite:
    """What became of an invite. `tries`: how often a wrong claim code may still come, None where it needs none."""

    pk: int
    key: bytes
    state: str
    invites: int
    messages_limit: int | None
    bytes_limit: int | None
    created_at: int
    expires: int
    ended_at: int | None
    claimed_by: Claimed | None
    channels: list[bytes]
    tries: int | None


def invites_of(account_id: int, *, now: int, limit: int, before: int | None = None) -> list[Invite]:
    """The invites that an account gave, the newest first."""
    earlier = Q() if before is None else Q(pk__lt=before)
    return _invites(Q(inviter=account_id) & earlier, now, limit)


def invite_of(key: bytes, *, now: int, account_id: int | None = None) -> Invite | None:
    """The newest invite with a temporary key, of anybody or of one account."""
    inviter = Q() if account_id is None else Q(inviter=account_id)
    found = _invites(Q(key=key) & inviter, now, 1)
    return found[0] if found else None


def login_reason(user: bytes, now: int) -> dict[str, Any]:
    """Why the temporary key of an invite opens nothing any more: `reason` of section 3; empty for any other key."""
    row = Invitation.objects.filter(key=user).order_by("-pk").values_list("state", "expires_at").first()
    if row is None:
        return {}
    state, expires = row
    if state == Invitation.State.WAITING:
        return {"reason": "expired"} if expires <= now else {}
    return {"reason": "used" if state == Invitation.State.CLAIMED else str(state)}


def _invites(wanted: Q, now: int, limit: int) -> list[Invite]:
    rows = (
        Invitation.objects.filter(wanted)
        .order_by("-pk")
        .values_list(
            "pk",
            "key",
            "state",
            "granted",
            "messages_limit",
            "bytes_limit",
            "created_at",
            "expires_at",
            "ended_at",
            "claimed_by__key",
            "claimed_by__account__name",
            "channels",
            "code_hash",
            "wrong_codes",
        )
    )
    found = []
    for row in rows[:limit]:
        pk, key, state, granted, messages, size, created_at, expires, ended_at, claimer, name, led, code, wrong = row
        if state == Invitation.State.WAITING and expires <= now:  # what the next sweep will say
            state, ended_at = Invitation.State.EXPIRED.value, expires
        found.append(
            Invite(
                pk=pk,
                key=bytes(key),
                state=state,
                invites=granted,
                messages_limit=messages,
                bytes_limit=size,
                created_at=created_at,
                expires=expires,
                ended_at=ended_at,
                claimed_by=None if claimer is None else Claimed(bytes(claimer), name),
                channels=[bytes(led[start : start + ID_BYTES]) for start in range(0, len(led), ID_BYTES)],
                tries=None if code is None else CODE_TRIES - wrong,
            )
        )
    return found


def unspent(account_id: int) -> int:
    """How many invites an account has left."""
    return Balance.objects.filter(account=account_id).values_list("unspent", flat=True).first() or 0


def standing_of(user: bytes, *, now: int) -> dict[str, int] | None:
    """What the account of a user has left and has used, and when that is counted anew (ms), as the frame `account` says
    it: a limit that there is not is left out. None where there is no account.
    """
    names = ("messages_limit", "messages_used", "bytes_limit", "bytes_used")
    row = Balance.objects.filter(account__user__key=user).values_list(
        "unspent", *[f"account__{name}" for name in names]
    )
    found = row.first()
    if found is None:
        return None
    standing = dict(zip(("invites", *names), found, strict=True)) | {"resets_at": next_reset(now=now)}
    return {name: value for name, value in standing.items() if value is not None}


def account_of_user(user: bytes) -> Account:
    """The account of a user with its balance; AccordError("not_found")."""
    found = Account.objects.select_related("user", "balance").filter(user__key=user).first()
    if found is None:
        raise AccordError("not_found", "there is no such account, or no longer")
    return found
