"""The file of a backup: what was put in comes out, and whatever is done to the file is found."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.backup import container, keys, parts
from messaging.backup.keys import BackupError

CHUNK = 64
SEALED = CHUNK + container.TAG_BYTES
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module", autouse=True)
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "CHUNK_BYTES", CHUNK)
        yield


@lru_cache
def pair() -> tuple[keys.Recipient, keys.SecretKey]:
    public, secret = keys.pair_create()
    return keys.read_public(public), keys.read_secret(secret)


def sealed(data: bytes, lock: keys.Lock | None = None) -> bytes:
    file = io.BytesIO()
    sealer = container.Sealer(file, lock or pair()[0])
    sealer.write(data)
    sealer.finish()
    return file.getvalue()


def unsealed(raw: bytes, unlock: keys.Unlock | None = None) -> bytes:
    file = io.BytesIO(raw)
    header = container.read_header(file)
    return b"".join(container.opened(file, header, container.content_key(header, unlock or pair()[1])))


@given(st.binary(max_size=4 * CHUNK))
def test_what_went_in_comes_out(data: bytes) -> None:
    raw = sealed(data)
    assert unsealed(raw) == data
    assert len(raw) < len(data) + 300 + 16 * (len(data) // CHUNK + 1)


@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    raw = bytearray(sealed(bytes(3 * CHUNK + 7)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BackupError):
        unsealed(bytes(raw))


@given(st.integers(0, 3 * CHUNK), st.data())
def test_any_cut_is_found(size: int, data: st.DataObject) -> None:
    raw = sealed(bytes(size))
    with pytest.raises(BackupError):
        unsealed(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(st.binary(min_size=1, max_size=2 * SEALED))
def test_nothing_may_follow(more: bytes) -> None:
    with pytest.raises(BackupError):
        unsealed(sealed(bytes(2 * CHUNK)) + more)


@given(st.permutations(range(4)))
def test_chunks_have_their_place(order: list[int]) -> None:
    data = bytes(range(4 * CHUNK))
    raw = sealed(data)
    start = len(raw) - 4 * SEALED
    chunks = [raw[start + n * SEALED : start + (n + 1) * SEALED] for n in range(4)]
    moved = raw[:start] + b"".join(chunks[n] for n in order)
    if list(order) == [0, 1, 2, 3]:
        assert unsealed(moved) == data
    else:
        with pytest.raises(BackupError):
            unsealed(moved)


@given(st.sets(st.integers(0, 3), min_size=1))
def test_no_chunk_may_be_left_out(without: set[int]) -> None:
    raw = sealed(bytes(4 * CHUNK))
    start = len(raw) - 4 * SEALED
    kept = [raw[start + n * SEALED : start + (n + 1) * SEALED] for n in range(4) if n not in without]
    with pytest.raises(BackupError):
        unsealed(raw[:start] + b"".join(kept))


def test_chunks_of_another_file_do_not_fit() -> None:
    one, other = sealed(b"a" * 3 * CHUNK), sealed(b"b" * 3 * CHUNK)
    start = len(one) - 3 * SEALED
    with pytest.raises(BackupError):
        unsealed(one[: start + SEALED] + other[start + SEALED :])
    with pytest.raises(BackupError):
        unsealed(other[:start] + one[start:])


def test_a_passphrase_opens_what_it_sealed() -> None:
    raw = sealed(b"secret", keys.Passphrase("Ångström and a bird"))
    assert b"secret" not in raw
    assert unsealed(raw, keys.Passphrase("Ångström and a bird".replace("Å", "A\u030a"))) == b"secret"
    with pytest.raises(BackupError, match="passphrase or key is not the right one"):
        unsealed(raw, keys.Passphrase("another passphrase"))
    with pytest.raises(BackupError, match="opens with a passphrase"):
        unsealed(raw, pair()[1])


def test_another_key_opens_nothing() -> None:
    raw = sealed(b"secret")
    with pytest.raises(BackupError, match="made for another key"):
        unsealed(raw, keys.read_secret(keys.pair_create()[1]))
    with pytest.raises(BackupError, match="opens with the secret half"):
        unsealed(raw, keys.Passphrase("some words in a row"))


def test_no_file_may_ask_for_more_memory() -> None:
    raw = sealed(b"x", keys.Passphrase("some words in a row")).replace(b'"n":131072', b'"n":536870912')
    with pytest.raises(BackupError):
        unsealed(raw, keys.Passphrase("some words in a row"))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no backup"),
        (b"SQLite format 3\0", "no backup"),
        (b"accord-backup 2\n{}\n", "newer version"),
        (b"accord-backup 1\n", "changed or cut off"),
        (b"accord-backup 1\n[]\n", "changed or cut off"),
        (b'accord-backup 1\n{"for":"nobody"}\n', "changed or cut off"),
        (b'accord-backup 1\n{"for":"key"}\n', "changed or cut off"),
        (b'accord-backup 1\n{ "for":"key"}\n', "changed or cut off"),
    ],
)
def test_other_files(raw: bytes, says: str) -> None:
    with pytest.raises(BackupError, match=says):
        unsealed(raw)


@given(st.integers(0, 200), st.sampled_from("abcdefghijkXYZ-_"))
def test_a_slip_in_a_key_is_found(place: int, letter: str) -> None:
    for text, read in zip(_written(), (keys.read_public, keys.read_secret), strict=True):
        changed = text[: place % len(text)] + letter + text[place % len(text) + 1 :]
        if changed != text:
            with pytest.raises(BackupError):
                read(changed)
    public, secret = _written()
    with pytest.raises(BackupError):
        keys.read_public(secret)
    assert keys.read_secret(secret).public == keys.read_public(public).public


@lru_cache
def _written() -> tuple[str, str]:
    return keys.pair_create()


VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT, st.binary(max_size=40)
)


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width), min_size=1, max_size=9)))
def test_rows_come_out_as_they_went_in(rows: list[tuple[object, ...]]) -> None:
    packed = parts.pack_rows(rows)
    assert list(parts.unpack_rows(packed, rows=len(rows), columns=len(rows[0]))) == rows


@given(st.binary(max_size=200), st.integers(0, 5), st.integers(0, 5))
def test_what_is_no_rows_is_refused(data: bytes, rows: int, columns: int) -> None:
    try:
        found = list(parts.unpack_rows(data, rows=rows, columns=columns))
    except BackupError:
        return
    assert len(found) == (rows if columns else 0)


@given(st.lists(st.tuples(st.dictionaries(TEXT, st.integers(0, 9), max_size=3), st.binary(max_size=3000)), max_size=5))
def test_parts_come_out_as_they_went_in(given_parts: list[tuple[dict[str, int], bytes]]) -> None:
    sink = io.BytesIO()
    writer = parts.PartWriter(sink)
    for head, data in given_parts:
        writer.put(head, data)
    writer.finish()
    raw = sink.getvalue()
    chunks = [raw[place : place + 50] for place in range(0, len(raw), 50)]
    assert [tuple(part) for part in parts.read_parts(chunks)] == given_parts
    with pytest.raises(BackupError):
        list(parts.read_parts([raw[:-1]]))


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery\nsecond line\n")
    path.chmod(0o644)
    with pytest.raises(BackupError, match="can be read by others"):
        keys.secret_file(path)
    path.chmod(0o600)
    assert keys.secret_file(path) == "correct horse battery"
    for raw in (b"", b"\n", b"\xff\xfe"):
        path.write_bytes(raw)
        with pytest.raises(BackupError):
            keys.secret_file(path)
    with pytest.raises(BackupError, match="at least 12"):
        keys.checked_passphrase("short")
