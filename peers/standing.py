"""Sessions whose user has no standing here any more: frozen, removed, replaced (protocol.md sections 3 and 8).

The tables are the truth: whoever changes them asks for a look, and whatever is open without an account behind it is
closed. Not here: logins (consumer.py), bearer tokens (selectors.py), which ask the tables each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

from django.db import transaction

from accord.errors import CloseCode
from accord.messages import Message
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.loop import loop_bridge
from peers.models import Account, Recovery, Tombstone
from peers.sessions import Role, sessions
from peers.tombstones import reason_of

MAX_KEYS_A_QUERY: Final = 500

_looking: set[asyncio.Task[None]] = set()


def reasons(user: bytes, now: int) -> dict[str, Any]:
    """Why a user key has no live account: `reason` and `until` of section 3, empty where nothing is to be said."""
    for give in registry.login_reasons:
        if found := give(user, now):
            return found
    return {}


def _own_reason(user: bytes, now: int) -> dict[str, Any]:
    until = Account.objects.filter(user__key=user).values_list("frozen_until", flat=True).first()
    if until is not None:
        return {"reason": "frozen", "until": until}
    reason = reason_of(user)
    return {"reason": reason} if reason else {}


def without_account(users: Collection[bytes], *, now: int) -> dict[bytes, dict[str, Any]]:
    """Of these users, those that have no account here or one that is frozen, each with the reason."""
    asked = sorted(users)
    live: set[bytes] = set()
    for start in range(0, len(asked), MAX_KEYS_A_QUERY):
        some = asked[start : start + MAX_KEYS_A_QUERY]
        rows = Account.objects.filter(user__key__in=some, frozen_at__isnull=True).values_list("user__key", flat=True)
        live.update(bytes(key) for key in rows)
        recovering = Recovery.objects.filter(user__key__in=some).values_list("user__key", flat=True)
        live.update(bytes(key) for key in recovering)
    return {user: reasons(user, now) for user in asked if user not in live}


async def _look() -> None:
    users = {session.user for session in sessions.all() if session.user is not None}
    for user, facts in (await in_db(without_account, users, now=now_ms())).items():
        for session in sessions.of_user(user):
            if facts or session.role is not Role.GUEST:  # a stranger never had one
                session.close(CloseCode.REVOKED, "denied", **facts)


def sessions_look() -> None:
    """Close the sessions whose user has no live account. On the loop."""
    task = asyncio.get_running_loop().create_task(_look())
    _looking.add(task)
    task.add_done_callback(_looking.discard)


@registry.lives("remove_user")
def sessions_remove(message: Message) -> None:
    """An account, or a branch of them, is being removed."""
    sessions_look()


def _close_replaced(old: bytes) -> None:
    for session in sessions.of_user(old):
        session.close(CloseCode.REVOKED, "denied", reason=Tombstone.Reason.REPLACED.value)


def _replaced(old: bytes, new: bytes, now: int) -> None:
    """An account has another key. No look at all sessions: that of a recovery key still waits for its answer."""
    transaction.on_commit(lambda: loop_bridge.soon(_close_replaced, old))


registry.login_reasons.append(_own_reason)
registry.replaced_hooks.append(_replaced)
