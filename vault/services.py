"""Writes of vaults, enclaves and shards (protocol.md section 9).

What is replaced or burns leaves the database's files within a minute: its pages are overwritten, and `log_wipe` empties
the write-ahead log (messaging/services.py).
"""

from __future__ import annotations

from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Sum

from accord import stores
from accord import vault as form
from accord.encoding import canonical
from accord.errors import AccordError, RemoteError
from accord.primitives import same
from messaging.services import wipe_later
from peers import registry
from peers.keyring import keyring
from peers.models import Account
from vault.attempts import attempt_count, attempt_forgive
from vault.models import Enclave, Shard, ShardRoom, StoreUse, Vault
from vault.selectors import enclave_of, head_of, locks_of

DAY_MS: Final = 24 * 3600 * 1000
MAX_SHARD_LIFE_MS: Final = 366 * DAY_MS
BURN_STEP: Final = 500

# ------------------------------------------------------------------------------------------------------------- vaults


def vault_open(*, name: str, auth: bytes, address: str, now: int) -> bytes:
    """The enclave behind a name, for whoever has what its password or its recovery code becomes; canonical JSON.

    AccordError: rate, and denied, the same for a name that nobody has and for another `auth`, after the same work.
    """
    attempt_count(name=name, address=address, now=now)
    locks = locks_of(name)
    given = form.auth_hash(auth)
    fits = same(given, locks.auth_hash) | same(given, locks.recovery_hash)  # both are compared, whatever the first says
    enclave = enclave_of(locks.vault_id) if fits else None
    if enclave is None:
        raise AccordError("denied", "no vault opens with that name and password")
    attempt_forgive(name=name, address=address)
    return enclave


def _held(account_id: int, name: str) -> Vault | None:
    account = Account.objects.get(pk=account_id)
    if account.name != name:
        raise AccordError("denied", "a vault has the name of its account")
    if Vault.objects.filter(name=name).exclude(account=account_id).exists():
        raise AccordError("conflict", "a vault has that name")
    return Vault.objects.filter(account=account_id).defer("enclave").first()


def _recovery_hash(held: Vault | None, recovery: bytes | None, *, has_slot: bool) -> bytes | None:
    before = held.recovery_hash if held else None
    if not has_slot:
        if recovery is not None:
            raise RemoteError("bad_request", "the enclave has no slot for the recovery code")
        return None
    if recovery is not None:
        return form.auth_hash(recovery)
    if before is None:
        raise RemoteError("bad_request", "what opens the new slot for the recovery code is missing")
    return bytes(before)


def vault_put(
    *, account_id: int, user: bytes, name: str, auth: bytes | None, recovery: bytes | None, enclave: object, now: int
) -> Vault:
    """Keep the user enclave of an account, signed by its user key; what is None stays as it was.

    RemoteError: bad_request, bad_encoding, too_big, bad_sig. AccordError: denied (another name than the account's),
    conflict (the version is no later, or a vault of before has the name).
    """
    checked = form.verify_enclave(enclave, user)
    if checked["name"] != name:
        raise RemoteError("bad_request", "the enclave is of another name")
    if form.Params(checked["kdf"]["salt"], checked["kdf"]["iterations"]) != form.hub_params(keyring().secret, name):
        raise RemoteError("bad_request", "a vault is made with what vault/params says")
    has_slot = any(slot["kind"] == "recovery" for slot in checked["slots"])
    document = canonical(enclave)
    with transaction.atomic():
        held = _held(account_id, name)
        if held is not None and checked["version"] <= held.version:
            raise AccordError("conflict", f"version {held.version} is held: read it before you write")
        if held is None and auth is None:
            raise RemoteError("bad_request", "auth is missing: without it nothing opens the vault")
        row = held or Vault(account_id=account_id, created_at=now)
        row.name = name
        row.recovery_hash = _recovery_hash(held, recovery, has_slot=has_slot)
        if auth is not None:
            row.auth_hash = form.auth_hash(auth)
        row.version, row.size, row.updated_at, row.enclave = checked["version"], len(document), now, document
        row.save()
        wipe_later(1)
    return row


def vault_delete(*, account_id: int) -> None:
    """Forget an account's vault; AccordError("not_found")."""
    with transaction.atomic():
        if not Vault.objects.filter(account=account_id).delete()[0]:
            raise AccordError("not_found", "there is no vault of yours here")
        wipe_later(1)


# ----------------------------------------------------------------------------------------------------------- enclaves


def _use(account_id: int) -> StoreUse:
    return StoreUse.objects.get_or_create(pk=account_id)[0]


def enclave_put(*, account_id: int, ident: bytes, value: object, now: int) -> tuple[Enclave, bool]:
    """Keep the next version of a store's enclave; gives it, and whether it is new (the same one again is not).

    RemoteError and its codes: as `accord.stores.verify_enclave`. AccordError: not_found (another account brought it),
    quota.
    """
    with transaction.atomic():
        held = Enclave.objects.filter(ident=ident).first()
        if held is not None and held.account_id != account_id:
            raise AccordError("not_found", "there is no enclave of yours with that id")
        if held is not None and canonical(value) == bytes(held.document):
            return held, False
        verified = stores.verify_enclave(value, head_of(held) if held else None)
        head = verified.head
        if head.ident != ident:
            raise RemoteError("bad_request", "the enclave has another id")
        row = held or Enclave(account_id=account_id, ident=ident, type=head.type)
        _use(account_id)
        grown = len(verified.body) - (held.size if held else 0)
        try:
            with transaction.atomic():
                StoreUse.objects.filter(pk=account_id).update(
                    enclaves=F("enclaves") + (held is None), enclave_bytes=F("enclave_bytes") + grown
                )
        except IntegrityError as error:
            raise AccordError("quota", "the room for enclaves is used up: empty one") from error
        row.version, row.key, row.hash = head.version, head.key, head.hash
        row.size, row.updated_at, row.document = len(verified.body), now, verified.canonical
        row.save()
        wipe_later(1)
    return row, True


# ------------------------------------------------------------------------------------------------------------- shards


def shard_put(*, account_id: int, value: object, now: int) -> bool:
    """Keep a shard until it burns; whether it is new. Who brought it is not noted, only how much that was today.

    RemoteError: bad_request, too_big. AccordError: burned, quota.
    """
    shard = stores.read_shard(value)
    if shard.burn_at <= now:
        raise AccordError("burned", "its time is over")
    if shard.burn_at > now + MAX_SHARD_LIFE_MS:
        raise RemoteError("bad_request", "a shard burns within a year")
    day, size = now // DAY_MS, len(shard.body)
    with transaction.atomic():
        if Shard.objects.filter(ident=shard.ident).exists():
            return False
        _use(account_id)
        StoreUse.objects.filter(pk=account_id).exclude(day=day).update(day=day, day_bytes=0)
        ShardRoom.objects.get_or_create(pk=1)
        try:
            with transaction.atomic():
                StoreUse.objects.filter(pk=account_id).update(day_bytes=F("day_bytes") + size)
                ShardRoom.objects.update(bytes=F("bytes") + size)
        except IntegrityError as error:
            raise AccordError("quota", "that is more than an account may bring today, or than there is room") from error
        Shard.objects.create(
            ident=shard.ident, attach=shard.attach, day=day, burn_at=shard.burn_at, size=size, body=shard.body
        )
    return True


def shards_burn(*, now: int) -> int:
    """Drop every shard whose burn_at has come, in steps; gives their number."""
    burned = 0
    while True:
        due = Shard.objects.filter(burn_at__lte=now)
        if not due.exists():  # asked without the write lock, since it is asked often
            return burned
        with transaction.atomic():
            some = list(due.values_list("pk", flat=True)[:BURN_STEP])
            rows = Shard.objects.filter(pk__in=some)
            freed = rows.aggregate(total=Sum("size"))["total"] or 0
            count, _ = rows.delete()
            ShardRoom.objects.update(bytes=F("bytes") - freed)
            wipe_later(count)
        burned += count


registry.burns.append(lambda now: shards_burn(now=now))
