from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from accord.frames import JSON_FRAME, MAX_FRAME_BYTES, FrameOpener, FrameSealer
from tests.accord.support import code_of, quick

KEY = b"k" * 32


def _code(opener: FrameOpener, frame: bytes) -> str | None:
    return code_of(opener.open, frame)


def _frames(count: int) -> list[bytes]:
    sealer = FrameSealer(KEY)
    return [sealer.seal(b"%d" % number) for number in range(count)]


@quick
@given(st.lists(st.binary(max_size=50), max_size=5))
def test_what_is_sealed_opens_in_order(plaintexts):
    sealer, opener = FrameSealer(KEY), FrameOpener(KEY)
    assert [opener.open(sealer.seal(plain)) for plain in plaintexts] == plaintexts


@pytest.mark.parametrize("counter", [0, 1, 255, 2**32, 2**64 - 1])
def test_frame_is_as_the_page_says(counter):
    frame = FrameSealer(KEY, counter).seal(b"{}")
    nonce = bytes(4) + counter.to_bytes(8, "big")
    assert frame[0] == JSON_FRAME == 1
    assert AESGCM(KEY).decrypt(nonce, frame[1:], b"accord-v1:frame\0\1") == b"{}"
    assert FrameOpener(KEY, counter).open(frame) == b"{}"


def test_frames_of_equal_text_differ():
    sealer = FrameSealer(KEY)
    assert sealer.seal(b"{}") != sealer.seal(b"{}")


def test_reordered():
    first, second = _frames(2)
    assert _code(FrameOpener(KEY), second) == "bad_request"
    opener = FrameOpener(KEY)
    opener.open(first)
    opener.open(second)


def test_left_out():
    first, _, third = _frames(3)
    opener = FrameOpener(KEY)
    opener.open(first)
    assert _code(opener, third) == "bad_request"


def test_replayed():
    first, _ = _frames(2)
    opener = FrameOpener(KEY)
    opener.open(first)
    assert _code(opener, first) == "bad_request"


def test_of_the_other_direction():
    frame = FrameSealer(KEY).seal(b"{}")
    assert _code(FrameOpener(b"o" * 32), frame) == "bad_request"


def test_truncated_at_every_place():
    frame = FrameSealer(KEY).seal(b'{"a":1}')
    assert _code(FrameOpener(KEY), b"") == "unsupported"
    for size in range(1, len(frame)):
        assert _code(FrameOpener(KEY), frame[:size]) == "bad_request"
    assert _code(FrameOpener(KEY), frame + b"\0") == "bad_request"


@pytest.mark.parametrize("flip", [1, 0x80])
def test_changed_at_every_place(flip):
    frame = FrameSealer(KEY).seal(b'{"a":1}')
    for place in range(len(frame)):
        changed = bytearray(frame)
        changed[place] ^= flip
        assert _code(FrameOpener(KEY), bytes(changed)) == ("bad_request" if place else "unsupported")


@pytest.mark.parametrize("kind", [0, 2, 255])
def test_other_type_even_if_sealed_for_it(kind):
    aad = b"accord-v1:frame\0" + bytes([kind])
    frame = bytes([kind]) + AESGCM(KEY).encrypt(bytes(12), b"{}", aad)
    assert _code(FrameOpener(KEY), frame) == "unsupported"


def test_type_is_authenticated():
    sealed_as_two = AESGCM(KEY).encrypt(bytes(12), b"{}", b"accord-v1:frame\0\2")
    assert _code(FrameOpener(KEY), b"\1" + sealed_as_two) == "bad_request"


def test_size_limit():
    largest = FrameSealer(KEY).seal(bytes(MAX_FRAME_BYTES))
    assert len(FrameOpener(KEY).open(largest)) == MAX_FRAME_BYTES
    assert _code(FrameOpener(KEY), FrameSealer(KEY).seal(bytes(MAX_FRAME_BYTES + 1))) == "too_big"
