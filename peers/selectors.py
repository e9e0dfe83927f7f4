"""Reads of who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import connection
from django.db.models import Q

from peers.models import Account, KeyChange, Peer, Recovery, Revocation, Statement, Token, User


@dataclass(frozen=True, slots=True)
class Member:
    """What a session needs to know of an account, copied out of the table."""

    account_id: int
    name: str
    kind: str
    former: frozenset[bytes] = frozenset()  # keys that the account had before; filled in where somebody logs in


def member_of(user: bytes, *, now: int) -> Member | None:
    """The live account of a user key at `now` (ms); None where there is none, it is frozen or has expired."""
    row = (
        Account.objects.filter(user__key=user, frozen_at__isnull=True)
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .values_list("pk", "name", "kind")
        .first()
    )
    return Member(*row) if row else None


def recovery_of(user: bytes, *, now: int) -> Member | None:
    """The live account that a recovery key, or an owner's link, may replace at `now` (ms), as one that can only be
    replaced.
    """
    row = Recovery.objects.filter(user__key=user, counts_from__lte=now).select_related("account__user").first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    if row.account.recoveries.filter(pk__gt=row.pk, counts_from__lte=now).exists():
        return None
    member = member_of(bytes(row.account.user.key), now=now)
    return member and Member(member.account_id, member.name, Account.Kind.TEMP.value)


def former_keys(user: bytes) -> frozenset[bytes]:
    """The keys that the account of a user key had before it."""
    return frozenset(bytes(change.old.key) for change in key_changes([user]).get(user, ()))


def key_changes(users: Sequence[bytes]) -> dict[bytes, list[KeyChange]]:
    """How each of these users came to their account's key from others, the newest change first."""
    found: dict[bytes, list[KeyChange]] = {}
    newest = dict(zip(users, users, strict=True))  # the key that a change leads to -> whose history it is
    while newest:
        rows = KeyChange.objects.filter(new__key__in=list(newest)).select_related("old", "new")
        earlier = {}
        for row in rows:
            user = newest[bytes(row.new.key)]
            found.setdefault(user, []).append(row)
            earlier[bytes(row.old.key)] = user
        newest = earlier
    return found


def is_revoked(user: bytes, *, serial: bytes, client: bytes) -> bool:
    """Whether the user has revoked this certificate or this client key."""
    return Revocation.objects.filter(Q(serial=serial) | Q(client=client), user__key=user).exists()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose a token is. `member` is None for a guest's, as is `user`."""

    session: str
    is_socket: bool
    user: bytes | None
    client: bytes
    serial: bytes | None
    expires: int
    member: Member | None


# Asked with every request of the API. Not the ORM's: it takes several times as long to write as the database to run.
_BEARER: Final = (
    "SELECT t.session, t.is_socket, u.key, t.client, t.serial, t.expires_at, a.id, a.name, a.kind "  # noqa: S608
    f"FROM {Token._meta.db_table} t LEFT JOIN {User._meta.db_table} u ON u.id = t.user_id "
    f"LEFT JOIN {Account._meta.db_table} a ON a.user_id = t.user_id AND (a.expires_at IS NULL OR a.expires_at > %s) "
    "AND a.frozen_at IS NULL "
    "WHERE t.hash = %s AND t.expires_at > %s AND (t.user_id IS NULL OR a.id IS NOT NULL) AND NOT EXISTS ("
    f"SELECT 1 FROM {Revocation._meta.db_table} r WHERE r.user_id = t.user_id "
    "AND (r.serial = t.serial OR r.client = t.client))"
)


def bearer_of(token_hash: bytes, *, now: int) -> Bearer | None:
    """Who holds a token that is good at `now` (ms): it has not expired, its certificate has not been revoked, and its
    user still has an account. Whether its socket is still open is not in the tables.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BEARER, (now, token_hash, now))
        row = cursor.fetchone()
    if row is None:
        return None
    session, is_socket, user, client, serial, expires, *account = row
    return Bearer(
        session=session,
        is_socket=bool(is_socket),
        user=None if user is None else bytes(user),
        client=bytes(client),
        serial=None if serial is None else bytes(serial),
        expires=expires,
        member=None if user is None else Member(*account),
    )


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate that a device has logged in with."""

    serial: bytes
    issued_at: int
    expires: int
    scope: list[str]
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class Device:
    """A peer of a user. `expires` is when the last of its good certificates does, None where there is none."""

    pk: int
    key: bytes
    name: str
    first_seen: int
    last_seen: int
    expires: int | None
    is_revoked: bool
    certificates: list[CertificateRow]


def _device(peer: Peer, serials: set[bytes], clients: set[bytes], now: int) -> Device:
    is_revoked = bytes(peer.key) in clients
    certificates = [
        CertificateRow(
            serial=bytes(row.serial),
            issued_at=row.issued_at,
            expires=row.expiration,
            scope=row.scope.split(),
            is_revoked=is_revoked or bytes(row.serial) in serials,
        )
        for row in peer.certificates.all()
    ]
    good = [row.expires for row in certificates if not row.is_revoked and row.expires > now]
    return Device(
        pk=peer.pk,
        key=bytes(peer.key),
        name=peer.name,
        first_seen=peer.first_seen,
        last_seen=peer.last_seen,
        expires=max(good, default=None),
        is_revoked=is_revoked or all(row.is_revoked for row in certificates),
        certificates=certificates,
    )


def devices_of(user: bytes, *, now: int, limit: int, after: int = 0, key: bytes | None = None) -> list[Device]:
    """A user's devices, or the one of a key, in the order in which they came."""
    rows = Peer.objects.filter(user__key=user, pk__gt=after).order_by("pk").prefetch_related("certificates")
    if key is not None:
        rows = rows.filter(key=key)
    revoked = Revocation.objects.filter(user__key=user).values_list("serial", "client")
    serials = {bytes(serial) for serial, _ in revoked if serial is not None}
    clients = {bytes(client) for _, client in revoked if client is not None}
    return [_device(peer, serials, clients, now) for peer in rows[:limit]]


def http_sessions_of(user: bytes | None, *, client: bytes, now: int) -> list[Token]:
    """Sessions of logins over HTTP: a user's, or a guest's own."""
    rows = Token.objects.filter(is_socket=False, expires_at__gt=now)
    rows = rows.filter(user__isnull=True, client=client) if user is None else rows.filter(user__key=user)
    return list(rows.order_by("pk"))


def account_of(account_id: int) -> Account:
    """An account."""
    return Account.objects.get(pk=account_id)


def members(*, limit: int, after: str = "", key: bytes | None = None) -> list[Account]:
    """Accounts that have been claimed, by name; or the one of a key."""
    rows = Account.objects.exclude(kind=Account.Kind.TEMP).filter(name__gt=after).order_by("name")
    if key is not None:
        rows = rows.filter(user__key=key)
    return list(rows.select_related("user", "parent__user")[:limit])


def admin_account_id() -> int:
    """The admin's account."""
    return Account.objects.values_list("pk", flat=True).get(kind=Account.Kind.ADMIN)


def statement(type_: str) -> dict[str, Any]:
    """The newest statement of a type that this hub has signed and kept."""
    body = Statement.objects.values_list("body", flat=True).get(type=type_)
    value: dict[str, Any] = orjson.loads(bytes(body))
    return value
