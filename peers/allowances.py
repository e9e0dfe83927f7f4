"""Allowances: how many messages and bytes an account may store, and when what it has stored counts no longer
(protocol.md section 8).

What is stored is counted in the transaction that stores it (messaging/charging.py). Not here: invites, which are
conserved (invites/ledger.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Least

from accord.errors import AccordError
from accord.message_types import COUNT_LIMIT
from peers import options
from peers.models import Account, AllowancePeriod

NO_LIMIT: Final = COUNT_LIMIT  # in `set_quota`, where a field that is left out changes nothing

RESET: Final = options.choice(
    "allowance_reset",
    "Allowances begin anew",
    explains="When what accounts with an allowance have stored counts no longer. All times are UTC.",
    affects="Nothing that is stored goes. After a change, the first time comes with the next day, week or month.",
    default=lambda: "never",
    choices=(
        ("never", "never: what is used up stays used up"),
        ("day", "each day at midnight"),
        ("week", "each Monday at midnight"),
        ("month", "on the first of each month at midnight"),
    ),
)


def _begin(policy: str, now: int) -> datetime:
    day = datetime.fromtimestamp(now // 1000, UTC).replace(hour=0, minute=0, second=0)
    if policy == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if policy == "month" else day


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def period_start(policy: str, now: int) -> int | None:
    """When the day, week or month of `now` began (ms); None where allowances never begin anew."""
    return None if policy == "never" else _ms(_begin(policy, now))


def next_reset(*, now: int) -> int | None:
    """When allowances begin anew the next time (ms), as the operator has it now; None for never."""
    policy = RESET.value
    if policy == "never":
        return None
    begin = _begin(policy, now)
    if policy == "month":
        return _ms((begin + timedelta(days=32)).replace(day=1))
    return _ms(begin + timedelta(days=7 if policy == "week" else 1))


def allowances_reset(*, now: int) -> int:
    """Count anew from zero if a new day, week or month has begun since the last time, once; gives how many accounts had
    something counted. A policy that is new begins with the next.
    """
    policy = RESET.value
    start = period_start(policy, now)
    if not _is_due(policy, start):  # asked without the write lock, since it is asked often
        return 0
    with transaction.atomic():
        row = AllowancePeriod.objects.select_for_update().filter(pk=1).first()
        if row is None or row.policy != policy:
            AllowancePeriod.objects.update_or_create(pk=1, defaults={"policy": policy, "started_at": start or now})
            return 0
        if start is None or start <= row.started_at:
            return 0
        AllowancePeriod.objects.filter(pk=1).update(started_at=start)
        used = Account.objects.filter(Q(messages_used__gt=0) | Q(bytes_used__gt=0) | Q(reserve_used__gt=0))
        return used.update(messages_used=0, bytes_used=0, reserve_used=0)


def _is_due(policy: str, start: int | None) -> bool:
    row = AllowancePeriod.objects.filter(pk=1).first()
    return row is None or row.policy != policy or (start is not None and start > row.started_at)


def allowance_set(*, account_id: int, messages: int | None, bytes: int | None) -> None:
    """Change what an account may store; None leaves it as it is, NO_LIMIT takes the limit away.

    What it has stored counts as used up, no more, where that is over the new limit; its reserve is whole again.
    """
    changes: dict[str, object] = {}
    for name, limit in (("messages", messages), ("bytes", bytes)):
        if limit is None:
            continue
        changes[f"{name}_limit"] = None if limit == NO_LIMIT else limit
        if limit != NO_LIMIT:
            changes[f"{name}_used"] = Least(F(f"{name}_used"), limit)
    if changes:
        changes["reserve_used"] = 0
        Account.objects.filter(pk=account_id).update(**changes)


def allowance_given(giver_id: int, *, messages: int | None, bytes: int | None) -> tuple[int | None, int | None]:
    """What somebody gives a newcomer, (messages, bytes), None for no limit: what is left out is the giver's own.

    AccordError("quota") for more than the giver's own: or whoever is limited would invite himself without limits.
    """
    row = Account.objects.values_list("messages_limit", "bytes_limit").get(pk=giver_id)
    given = []
    for own, asked in zip(row, (messages, bytes), strict=True):
        limit = own if asked is None else asked
        limit = None if limit == NO_LIMIT else limit
        if own is not None and (limit is None or limit > own):
            raise AccordError("quota", "nobody gives a larger allowance than the own one")
        given.append(limit)
    return given[0], given[1]
