"""Reads of vaults, enclaves and shards."""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from django.db.models import Q

from accord.stores import Head
from accord.vault import KEY_BYTES
from vault.models import Enclave, Shard, StoreUse, Vault

# What stands for the hashes of a name that nobody has: no attempt fits.
_NOBODY: Final = (0, secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES))


class Locks(NamedTuple):
    """What an attempt is compared with; `vault_id` leads nowhere for a name that nobody has."""

    vault_id: int
    auth_hash: bytes
    recovery_hash: bytes


def locks_of(name: str) -> Locks:
    """The locks of the vault of a name: one read, whether or not there is one."""
    vault_id, auth, recovery = (
        Vault.objects.filter(name=name).values_list("pk", "auth_hash", "recovery_hash").first() or _NOBODY
    )
    return Locks(vault_id, bytes(auth), bytes(recovery or _NOBODY[2]))


def enclave_of(vault_id: int) -> bytes | None:
    """The user enclave of a vault, as canonical JSON."""
    found = Vault.objects.filter(pk=vault_id).values_list("enclave", flat=True).first()
    return None if found is None else bytes(found)


def enclave_of_account(account_id: int) -> bytes | None:
    """The same of an account."""
    found = Vault.objects.filter(account=account_id).values_list("enclave", flat=True).first()
    return None if found is None else bytes(found)


def document(ident: bytes, *, account_id: int) -> bytes | None:
    """The newest version of a store's enclave, as canonical JSON, if this account may read it."""
    may_read = Q(account=account_id) | Q(type=Enclave.Type.EXCHANGE)
    found = Enclave.objects.filter(may_read, ident=ident).values_list("document", flat=True).first()
    return None if found is None else bytes(found)


def head_of(row: Enclave) -> Head:
    """What the next version of an enclave is judged by."""
    return Head(bytes(row.ident), row.type, row.version, bytes(row.key), bytes(row.hash))


def enclaves(account_id: int, *, limit: int, after: bytes) -> list[Enclave]:
    """An account's enclaves by id, without what is in them."""
    rows = Enclave.objects.filter(account=account_id, ident__gt=after).order_by("ident")
    return list(rows.defer("document")[:limit])


def use_of(account_id: int) -> StoreUse:
    """What an account takes; nothing where it has never brought anything."""
    return StoreUse.objects.filter(pk=account_id).first() or StoreUse(account_id=account_id)


def shard(ident: bytes, *, now: int) -> Shard | None:
    """A shard that has not burned."""
    return Shard.objects.filter(ident=ident, burn_at__gt=now).first()


def shards(*, day: int | None, attach: bytes | None, now: int, limit: int, after: bytes) -> list[Shard]:
    """Shards that have not burned, by id: of a day, on a pseudonym, or both."""
    rows = Shard.objects.filter(ident__gt=after, burn_at__gt=now).order_by("ident")
    if day is not None:
        rows = rows.filter(day=day)
    if attach is not None:
        rows = rows.filter(attach=attach)
    return list(rows[:limit])
