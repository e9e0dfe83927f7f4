"""Writes of blobs: bringing, keeping copies, deleting, burning, keeping within the operator's room (protocol.md
section 11).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum

from accord.errors import AccordError, RemoteError
from blobs import files
from blobs.models import Asker, Blob, Upload
from blobs.room import ACCOUNT_FILES_MIB, BLOBS_MIB, MIB, SPARE_DISK_BYTES, most_bytes
from blobs.selectors import blob_held, bytes_of, upload_of
from peers import registry
from peers.models import Account

MAX_UPLOADS: Final = 32  # of one account at a time
UPLOAD_LIFE_MS: Final = 24 * 3600 * 1000
COPY_LIFE_MS: Final = 7 * 24 * 3600 * 1000
TRACE_LIFE_MS: Final = 365 * 24 * 3600 * 1000
LEAST_STRAY_MS: Final = 3600 * 1000  # a file younger than that may be about to get its row
SWEEP_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Brought:
    """How far an upload has come."""

    size: int
    received: int

    @property
    def is_whole(self) -> bool:
        return self.received == self.size


# Bringing


def _gone() -> AccordError:
    return AccordError("gone", "this blob has been deleted here, or has burned")


def _check_room(account_id: int, size: int) -> None:
    if size > most_bytes():
        raise AccordError("too_big", f"a blob here has at most {most_bytes()} bytes")
    if bytes_of(account_id) + size > ACCOUNT_FILES_MIB.value * MIB:
        raise AccordError("quota", "the account's room for files is used up")
    if not _may_store(account_id, size).exists():
        raise AccordError("quota", "the account's bytes are used up")
    if size > BLOBS_MIB.value * MIB or shutil.disk_usage(settings.ACCORD_HOME).free < size + SPARE_DISK_BYTES:
        raise AccordError("quota", "this hub has no room for files")


def _may_store(account_id: int, size: int) -> QuerySet[Account]:
    is_within = Q(bytes_limit__isnull=True) | Q(bytes_limit__gte=F("bytes_used") + size)
    return Account.objects.filter(is_within, pk=account_id)


@transaction.atomic
def upload_begin(*, account_id: int, ident: bytes, size: int, burn_at: int | None, now: int) -> Brought:
    """Announce a blob, or ask how far it has come. AccordError: gone, too_big, quota, burned, conflict."""
    if burn_at is not None and burn_at <= now:
        raise AccordError("burned", "burn_at is over")
    Account.objects.select_for_update().get(pk=account_id)
    held = blob_held(ident)
    if held is not None:
        if held.gone_at is not None:
            raise _gone()
        if held.size != size:
            raise AccordError("conflict", "the blob has another size")
        _blob_keep_longer(held, account_id, burn_at)
        return Brought(size, size)
    upload = upload_of(account_id, ident)
    if upload is None:
        _check_room(account_id, size)
        if Upload.objects.filter(account_id=account_id).count() >= MAX_UPLOADS:
            raise AccordError("quota", f"at most {MAX_UPLOADS} files are brought at a time")
        Upload.objects.create(account_id=account_id, ident=ident, size=size, burn_at=burn_at, begun_at=now)
        return Brought(size, 0)
    if upload.size != size:
        raise AccordError("conflict", "the blob was announced with another size")
    return Brought(size, files.received(files.part_of(upload.pk)))


def _blob_keep_longer(blob: Blob, account_id: int, burn_at: int | None) -> None:
    """Somebody else sends what is here already: it stays as long as the one that stays longer; a copy is theirs now."""
    if burn_at is None or (blob.burn_at is not None and burn_at > blob.burn_at):
        blob.burn_at = burn_at
    if blob.account_id is None:
        blob.account_id, blob.hub = account_id, None
    blob.save(update_fields=["burn_at", "account_id", "hub"])


def upload_take(*, account_id: int, ident: bytes, at: int, data: bytes, now: int) -> Brought:
    """Take the bytes from `at` on. AccordError: not_found (not announced), conflict (others are wanted), bad_request
    (too many, or all of them are no such blob: then it is begun anew), quota.
    """
    upload = upload_of(account_id, ident)
    if upload is None:
        held = blob_held(ident)
        if held is not None and held.gone_at is None:
            return Brought(held.size, held.size)
        raise AccordError("not_found", "no such upload: announce it first")
    part = files.part_of(upload.pk)
    if at + len(data) > upload.size:
        raise RemoteError("bad_request", "more bytes than were announced")
    try:
        received = files.append(part, data, at=at)
    except OSError as error:
        raise AccordError("quota", "this hub has no room for files") from error
    if received is None:
        raise AccordError("conflict", f"{files.received(part)} bytes have come: go on there")
    if received == upload.size:
        _upload_end(upload, now=now)
    return Brought(upload.size, received)


def _upload_end(upload: Upload, *, now: int) -> None:
    part = files.part_of(upload.pk)
    ident = bytes(upload.ident)
    whole, chunks = files.digests(part)
    if whole != ident:
        upload.delete()
        files.drop(part)
        raise RemoteError("bad_request", "these bytes are no such blob")
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=upload.account_id)
        if not _may_store(account.pk, upload.size).update(bytes_used=F("bytes_used") + upload.size):
            raise AccordError("quota", "the account's bytes are used up")
        files.keep(part, ident)
        Blob.objects.update_or_create(
            ident=ident,
            defaults={
                "size": upload.size, "account_id": account.pk, "hub": None, "chunks": chunks, "created_at": now,
                "burn_at": upload.burn_at, "gone_at": None,
            },
        )  # fmt: skip
        Upload.objects.filter(pk=upload.pk).delete()


# Copies


@transaction.atomic
def copy_keep(*, ident: bytes, hub: bytes, part_name: str, burn_at: int | None, now: int) -> bool:
    """Keep what a linked hub has sent, if it is the blob; whether it is."""
    part = files.part_of(part_name)
    whole, chunks = files.digests(part)
    if whole != ident or (burn_at is not None and burn_at <= now):
        files.drop(part)
        return False
    size = files.received(part)
    files.keep(part, ident)
    Blob.objects.get_or_create(
        ident=ident,
        defaults={"size": size, "hub": hub, "chunks": chunks, "created_at": now, "burn_at": burn_at},
    )
    return True


def asker_note(*, ident: bytes, hub: bytes) -> None:
    """A linked hub is given a blob."""
    blob = Blob.objects.filter(ident=ident).first()
    if blob is not None:
        Asker.objects.get_or_create(blob=blob, hub=hub)


@transaction.atomic
def copies_drop(*, idents: Iterable[bytes], hub: bytes, now: int) -> int:
    """A linked hub says that these are gone there: copies from it go too."""
    return _drop(Blob.objects.filter(ident__in=list(idents), hub=hub, account=None, gone_at=None), now=now)


# Going


@transaction.atomic
def blob_delete(*, ident: bytes, account_id: int, is_admin: bool, now: int) -> list[bytes]:
    """Delete a blob; gives the hubs to tell. AccordError: not_found, denied (somebody else brought it)."""
    row = blob_held(ident)
    if row is None:
        raise AccordError("not_found", "no such blob is here")
    if row.gone_at is not None:
        return []
    if row.account_id != account_id and not is_admin:
        raise AccordError("denied", "only who brought a blob, or the admin, deletes it")
    told = [bytes(hub) for hub in row.asker_set.values_list("hub", flat=True)]
    _drop(Blob.objects.filter(pk=row.pk), now=now)
    return told


def _drop(rows: Iterable[Blob], *, now: int) -> int:
    """Mark as gone, then remove the files; a kill in between leaves strays, which the sweep finds."""
    found = [(row.pk, bytes(row.ident)) for row in rows]
    Blob.objects.filter(pk__in=[pk for pk, _ in found]).update(gone_at=now, chunks=b"")
    _drop_files(ident for _, ident in found)
    return len(found)


def blobs_burn(*, now: int) -> int:
    """Drop what has burned, in steps; gives their number."""
    burned = 0
    due = Blob.objects.filter(burn_at__lte=now, gone_at=None)
    while due.exists():  # asked without the write lock, since it is asked often
        with transaction.atomic():
            burned += _drop(due[:SWEEP_ROWS], now=now)
    return burned


registry.burns.append(lambda now: blobs_burn(now=now))


def blobs_keep(*, now: int) -> int:
    """Keep the operator's room: copies that are old, then, while there is too much, copies and the oldest blobs."""
    with transaction.atomic():
        dropped = _forget(Blob.objects.filter(account=None, hub__isnull=False, created_at__lt=now - COPY_LIFE_MS))
        for upload in Upload.objects.filter(Q(begun_at__lt=now - UPLOAD_LIFE_MS) | Q(burn_at__lte=now))[:SWEEP_ROWS]:
            files.drop(files.part_of(upload.pk))
            upload.delete()
        Blob.objects.filter(gone_at__lt=now - TRACE_LIFE_MS).delete()
    excess = (Blob.objects.filter(gone_at=None).aggregate(all=Sum("size"))["all"] or 0) - BLOBS_MIB.value * MIB
    for row in Blob.objects.filter(gone_at=None).order_by(F("account").asc(nulls_first=True), "created_at"):
        if excess <= 0:
            break
        excess -= row.size
        with transaction.atomic():
            dropped += _forget(Blob.objects.filter(pk=row.pk)) if row.account_id is None else _drop([row], now=now)
    return dropped


def _forget(rows: QuerySet[Blob]) -> int:
    """Let copies go without a trace: they may be fetched again."""
    found = [(row.pk, bytes(row.ident)) for row in rows.filter(gone_at=None)[:SWEEP_ROWS]]
    Blob.objects.filter(pk__in=[pk for pk, _ in found]).delete()
    _drop_files(ident for _, ident in found)
    return len(found)


def _drop_files(idents: Iterable[bytes]) -> None:
    """Remove files once the transaction holds."""
    for ident in idents:
        transaction.on_commit(partial(files.drop, files.path_of(ident)))


def strays_sweep(*, now: int) -> int:
    """Remove files without a row: what a kill has left."""
    held = set(map(bytes, Blob.objects.filter(gone_at=None).values_list("ident", flat=True)))
    uploads = {str(number) for number in Upload.objects.values_list("pk", flat=True)}
    stray = [path for ident, path in files.whole_names() if ident not in held]
    stray += [path for path in files.parts() if path.name not in uploads]
    old = [path for path in stray if path.exists() and path.stat().st_mtime * 1000 < now - LEAST_STRAY_MS]
    for path in old:
        files.drop(path)
    return len(old)
