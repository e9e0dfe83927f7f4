"""Blobs in the hub: what is taken, what goes, and that nothing lies around afterwards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from accord.blobs import blob_id, seal
from accord.errors import AccordError
from blobs import files, services
from blobs.models import Blob, Upload
from blobs.room import ACCOUNT_FILES_MIB, BLOBS_MIB, FILE_MIB, MIB
from blobs.selectors import blob_held, bytes_of, figures
from peers import options
from peers.models import Account
from tests.factories import NOW, Hub, account_of

HUB = b"\7" * 32
HOUR_MS = 3600 * 1000


def made(size: int = 5_000) -> bytes:
    return seal(secrets.token_bytes(32), secrets.token_bytes(size))


def account(hub: Hub, name: str = "ann") -> int:
    return account_of(hub.member(name)).pk


def announce(account_id: int, blob: bytes, **more: int | None) -> services.Brought:
    fields = {"burn_at": None, "now": NOW, **more}
    return services.upload_begin(account_id=account_id, ident=blob_id(blob), size=len(blob), **fields)  # type: ignore[arg-type]


def bring(account_id: int, blob: bytes, **more: int | None) -> bytes:
    announce(account_id, blob, **more)
    services.upload_take(account_id=account_id, ident=blob_id(blob), at=0, data=blob, now=NOW)
    return blob_id(blob)


def copy(blob: bytes, *, burn_at: int | None = None, now: int = NOW) -> bool:
    files.append(files.part_of("copy-test"), blob, at=0)
    return services.copy_keep(ident=blob_id(blob), hub=HUB, part_name="copy-test", burn_at=burn_at, now=now)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(AccordError) as caught:
        call()
    return caught.value.code


def content(ident: bytes) -> bytes:
    row = Blob.objects.get(ident=ident)
    return b"".join(files.read_range(ident, 0, row.size, bytes(row.chunks)))


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """Around a service: what is done on commit is done after it."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def test_a_blob_comes_in_pieces_and_an_upload_goes_on_where_it_was(hub):
    ann, blob = account(hub), made(3 * MIB)
    assert announce(ann, blob).received == 0
    for at in range(0, len(blob), 700_000):
        assert announce(ann, blob).received == at
        services.upload_take(account_id=ann, ident=blob_id(blob), at=at, data=blob[at : at + 700_000], now=NOW)
    assert announce(ann, blob).is_whole
    assert content(blob_id(blob)) == blob
    assert Account.objects.get(pk=ann).bytes_used >= len(blob)
    assert Upload.objects.count() == 0
    assert list(files.parts()) == []
    assert os.stat(files.path_of(blob_id(blob))).st_mode & 0o777 == 0o600


def test_pieces_out_of_place_and_false_bytes_are_refused(hub):
    ann, blob = account(hub), made()
    ident = blob_id(blob)

    def take(at: int = 0, data: bytes = blob[:100]) -> services.Brought:
        return services.upload_take(account_id=ann, ident=ident, at=at, data=data, now=NOW)

    assert refusal(take) == "not_found"
    announce(ann, blob)
    assert refusal(lambda: take(at=5)) == "conflict"
    take()
    assert refusal(take) == "conflict"
    assert refusal(lambda: take(at=100, data=blob)) == "bad_request"
    assert (
        refusal(lambda: services.upload_begin(account_id=ann, ident=ident, size=len(blob) + 1, burn_at=None, now=NOW))
        == "conflict"
    )
    assert refusal(lambda: take(at=100, data=bytes(len(blob) - 100))) == "bad_request"
    assert (Blob.objects.count(), Upload.objects.count(), list(files.parts())) == (0, 0, [])
    assert (
        refusal(lambda: services.upload_begin(account_id=ann, ident=HUB, size=10**15, burn_at=None, now=NOW))
        == "too_big"
    )
    assert refusal(lambda: announce(ann, blob, burn_at=NOW)) == "burned"


def test_limits_of_file_account_and_allowance(hub):
    ann = account(hub)
    options.load({FILE_MIB.name: "1", ACCOUNT_FILES_MIB.name: "2"})
    try:
        assert refusal(lambda: announce(ann, made(MIB + 200_000))) == "too_big"
        bring(ann, made(MIB - 100_000))
        assert refusal(lambda: announce(ann, made(MIB)) and announce(ann, made(MIB))) == "quota"
    finally:
        options.load({})
    bob = hub.member("bob", bytes=4_000_000)
    used = account_of(bob).bytes_used
    Account.objects.filter(user__key=bob.public).update(bytes_limit=used + 6_000)
    assert refusal(lambda: announce(account_of(bob).pk, made(20_000))) == "quota"
    bring(account_of(bob).pk, made(3_000))
    assert account_of(bob).bytes_used > used


def test_deleting_is_for_who_brought_it_and_for_good(hub, commit):
    ann, bob, blob = account(hub), account(hub, "bob"), made()
    ident = bring(ann, blob)
    services.asker_note(ident=ident, hub=HUB)
    delete = lambda by, admin=False: services.blob_delete(  # noqa: E731
        ident=ident, account_id=by, is_admin=admin, now=NOW
    )
    assert refusal(lambda: delete(bob)) == "denied"
    with commit():
        assert delete(bob, True) == [HUB]
    assert delete(ann) == []
    assert refusal(lambda: announce(ann, blob)) == "gone"
    assert bytes_of(ann) == 0
    assert not files.path_of(ident).exists()


def test_what_burns_is_gone_and_the_longer_time_counts(hub, commit):
    ann, bob = account(hub), account(hub, "bob")
    short, long = made(), made()
    bring(ann, short, burn_at=NOW + HOUR_MS)
    bring(ann, long, burn_at=NOW + HOUR_MS)
    announce(bob, long, burn_at=NOW + 2 * HOUR_MS)
    assert services.blobs_burn(now=NOW + HOUR_MS - 1) == 0
    with commit():
        assert services.blobs_burn(now=NOW + HOUR_MS) == 1
    assert not files.path_of(blob_id(short)).exists()
    assert content(blob_id(long)) == long
    announce(bob, long)
    assert services.blobs_burn(now=NOW + 3 * HOUR_MS) == 0


def test_beyond_the_room_copies_go_first_then_the_oldest(hub, commit):
    ann = account(hub)
    old, new, fetched = made(400_000), made(400_000), made(400_000)
    for blob, at in ((old, NOW), (new, NOW + 1)):
        bring(ann, blob)
        Blob.objects.filter(ident=blob_id(blob)).update(created_at=at)
    assert copy(fetched)
    assert figures().copies == 1
    options.load({BLOBS_MIB.name: "1"})
    try:
        with commit():
            services.blobs_keep(now=NOW)
        assert blob_held(blob_id(fetched)) is None, "without a trace: it may be fetched again"
        assert content(blob_id(old)) == old
        options.load({BLOBS_MIB.name: "0"})
        with commit():
            services.blobs_keep(now=NOW)
    finally:
        options.load({})
    assert figures().blobs == 0
    assert list(files.whole_names()) == []


def test_copies_are_what_they_say_and_go_when_their_hub_says_so(hub, commit):
    blob, other = made(), made()
    files.append(files.part_of("copy-test"), blob, at=0)
    assert not services.copy_keep(ident=blob_id(other), hub=HUB, part_name="copy-test", burn_at=None, now=NOW)
    assert not copy(blob, burn_at=NOW)
    assert copy(blob)
    assert copy(other, burn_at=NOW + HOUR_MS)
    assert services.copies_drop(idents=[blob_id(blob)], hub=b"\1" * 32, now=NOW) == 0
    with commit():
        assert services.copies_drop(idents=[blob_id(blob)], hub=HUB, now=NOW) == 1
    assert not files.path_of(blob_id(blob)).exists()
    services.blobs_keep(now=NOW + services.COPY_LIFE_MS + 1)
    assert figures().blobs == 0


def test_a_kill_leaves_nothing_that_is_not_swept(hub):
    ann, blob = account(hub), made()
    ident = bring(ann, blob)
    stray = b"\3" * 32
    files.append(files.path_of(stray), b"left", at=0)
    files.append(files.part_of("copy-left"), b"left", at=0)
    announce(ann, made())
    now = int(files.path_of(ident).stat().st_mtime * 1000)
    assert services.strays_sweep(now=now) == 0, "it may be about to get its row"
    assert services.strays_sweep(now=now + 2 * HOUR_MS) == 2
    assert content(ident) == blob
    services.blobs_keep(now=NOW + services.UPLOAD_LIFE_MS + 1)
    assert Upload.objects.count() == 0


def test_a_chunk_that_has_changed_on_the_disk_is_not_sent(hub):
    ident = bring(account(hub), made(100_000))
    with files.path_of(ident).open("r+b") as file:
        file.seek(50)
        file.write(b"rot")
    with pytest.raises(OSError, match="not what it was"):
        content(ident)
