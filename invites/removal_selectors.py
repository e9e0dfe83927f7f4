"""Reads about removals: who goes with an account, what that touches, what waits, who has strikes (protocol.md section
8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from invites.models import Balance, Removal, Strike
from peers import registry
from peers.models import Account, Peer, Token
from peers.sessions import sessions

STRIKE_LIFE_MS: Final = 90 * 24 * 3600 * 1000
MAX_KEYS_A_QUERY: Final = 500

_ACCOUNT: Final = Account._meta.db_table
_BELOW: Final = (
    "WITH RECURSIVE branch (id, steps) AS ("  # noqa: S608 - names of tables
    f"SELECT id, 0 FROM {_ACCOUNT} WHERE id = %s UNION ALL "
    f"SELECT a.id, branch.steps + 1 FROM {_ACCOUNT} a JOIN branch ON a.parent_id = branch.id) "
    "SELECT id FROM branch ORDER BY steps, id"
)


def branch_ids(account_id: int) -> list[int]:
    """An account and all below it, each after its parent."""
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, [account_id])
        return [row[0] for row in cursor.fetchall()]


def going_ids(account_id: int, mode: str) -> list[int]:
    """Who goes when an account is removed, itself first: with its branch, or with the invites of its that wait."""
    if mode == Removal.Mode.SUBTREE:
        return branch_ids(account_id)
    waiting = Account.objects.filter(parent=account_id, kind=Account.Kind.TEMP).order_by("pk")
    return [account_id, *waiting.values_list("pk", flat=True)]


@dataclass(frozen=True, slots=True)
class Going:
    """Who goes: claimed accounts, waiting invites, slots and invites that come back, keys of the claimed ones."""

    accounts: int
    waiting_invites: int
    invites: int
    keys: list[bytes]


def going(account_id: int, mode: str) -> Going:
    """What the tree loses."""
    ids = going_ids(account_id, mode)
    rows = list(_in_steps(ids, lambda some: Account.objects.filter(pk__in=some).values_list("user__key", "kind")))
    keys = [bytes(key) for key, kind in rows if kind != Account.Kind.TEMP]
    balances = _in_steps(ids, lambda some: [Balance.objects.filter(pk__in=some).aggregate(sum=Sum("unspent"))["sum"]])
    return Going(len(keys), len(rows) - len(keys), len(rows) + sum(balance or 0 for balance in balances), keys)


def _in_steps(ids: Sequence[Any], read: Any) -> Iterable[Any]:
    for start in range(0, len(ids), MAX_KEYS_A_QUERY):
        yield from read(ids[start : start + MAX_KEYS_A_QUERY])


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a removal would touch. Sessions are those of this process and logins over HTTP; messages and bytes are what
    is held of all that those who go have written, and would stay but for what is later than `at`.
    """

    mode: str
    keys: list[bytes]
    accounts: int
    waiting_invites: int
    invites: int
    sessions: int
    devices: int
    channels: int
    messages: int
    bytes: int


def rehearse(account_id: int, mode: str, *, now: int) -> Rehearsal:
    """Count it; changes nothing. Reads the whole table of messages: not for the loop, nor under the store's lock."""
    found = going(account_id, mode)
    devices = live = 0
    for start in range(0, len(found.keys), MAX_KEYS_A_QUERY):
        some = found.keys[start : start + MAX_KEYS_A_QUERY]
        devices += Peer.objects.filter(user__key__in=some).count()
        logins = Token.objects.filter(user__key__in=some, is_socket=False, expires_at__gt=now)
        live += logins.values("session").distinct().count() + sum(len(sessions.of_user(key)) for key in some)
    parts = [count(found.keys) for count in registry.written]
    channels, messages, size = (sum(values) for values in zip(*parts, strict=True)) if parts else (0, 0, 0)
    return Rehearsal(
        mode=mode,
        accounts=found.accounts,
        waiting_invites=found.waiting_invites,
        sessions=live,
        devices=devices,
        channels=channels,
        messages=messages,
        bytes=size,
        invites=found.invites,
        keys=found.keys,
    )


def waiting_removals() -> QuerySet[Removal]:
    """Removals that can still be undone, or are to be finished, the next due first."""
    return Removal.objects.filter(state=Removal.State.WAITING).order_by("final_at", "pk")


def removal_waiting(key: bytes) -> Removal | None:
    """The removal of the account of a user key that waits."""
    return waiting_removals().filter(account__user__key=key).select_related("account__user", "by").first()


def removals_of(
    user: bytes, account_id: int | None, *, is_admin: bool, limit: int, before: int | None = None
) -> list[Removal]:
    """Removals that concern somebody: begun by them or below them; of the admin's all. The newest first."""
    rows = Removal.objects.all() if before is None else Removal.objects.filter(pk__lt=before)
    if not is_admin:
        below = Removal.above.through.objects.filter(account=account_id).values("removal")
        rows = rows.filter(Q(by__key=user) | Q(pk__in=below))
    return list(rows.select_related("user", "by__account", "account").order_by("-pk")[:limit])


def newest_removal(key: bytes) -> Removal | None:
    """The newest removal of the account of a user key."""
    return (
        Removal.objects.filter(user__key=key).select_related("user", "by__account", "account").order_by("-pk").first()
    )


def strikes_of(accounts: Collection[int], *, now: int) -> dict[int, int]:
    """How many strikes that count each of these accounts has; who has none is left out."""
    rows = Strike.objects.filter(account__in=accounts, at__gt=now - STRIKE_LIFE_MS)
    return dict(rows.values_list("account").annotate(number=Count("pk")))
