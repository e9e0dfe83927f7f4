"""Reads of who is who."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Q

from peers.models import Account, Revocation, Statement


@dataclass(frozen=True, slots=True)
class Member:
    """What a session needs to know of an account, copied out of the table."""

    account_id: int
    name: str
    kind: str


def member_of(user: bytes, *, now: int) -> Member | None:
    """The live account of a user key at `now` (ms); None where there is none or it has expired."""
    row = (
        Account.objects.filter(user__key=user)
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .values_list("pk", "name", "kind")
        .first()
    )
    return Member(*row) if row else None


def is_revoked(user: bytes, *, serial: bytes, client: bytes) -> bool:
    """Whether the user has revoked this certificate or this client key."""
    return Revocation.objects.filter(Q(serial=serial) | Q(client=client), user__key=user).exists()


def admin_account_id() -> int:
    """The admin's account."""
    return Account.objects.values_list("pk", flat=True).get(kind=Account.Kind.ADMIN)


def statement(type_: str) -> dict[str, Any]:
    """The newest statement of a type that this hub has signed and kept."""
    body = Statement.objects.values_list("body", flat=True).get(type=type_)
    value: dict[str, Any] = orjson.loads(bytes(body))
    return value
