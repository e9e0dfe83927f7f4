"""What is sealed opens for those it is for and nobody else; epochs make one line in whatever order they come."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord import bodies, epochs
from accord.epochs import Recipient
from accord.hpke import OVERHEAD_BYTES, BoxKey, open_box, seal
from accord.message_types import MAX_EPOCH_MEMBERS, check_type
from accord.messages import Envelope, create, parse_envelope
from tests.accord.support import CHANNEL, NOW, OTHER, USER, code_of, quick

WINDOW_MS = 24 * 3600 * 1000
WIN = NOW // WINDOW_MS
BOXKEYS = [BoxKey(bytes([number]) * 32) for number in range(1, 5)]
DEVICES = [Recipient(USER.public, key.public) for key in BOXKEYS]
window_keys = st.binary(min_size=32, max_size=32)


@quick
@given(st.binary(max_size=300), st.binary(max_size=50), st.sampled_from(BOXKEYS))
def test_a_box_opens_for_its_key_and_its_purpose(plaintext, info, key):
    box = seal(key.public, info, plaintext)
    assert len(box) == len(plaintext) + OVERHEAD_BYTES
    assert open_box(key.private, info, box) == plaintext
    assert code_of(open_box, key.private, info + b"x", box) == "bad_request"
    assert code_of(open_box, BoxKey(bytes([9]) * 32).private, info, box) == "bad_request"


@quick
@given(st.binary(max_size=200), st.data())
def test_a_box_with_one_bit_changed_does_not_open(plaintext, data):
    box = bytearray(seal(BOXKEYS[0].public, b"", plaintext))
    box[data.draw(st.integers(0, len(box) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    # The top bit of an X25519 key is not read, but it is part of what the key schedule hashes.
    assert code_of(open_box, BOXKEYS[0].private, b"", bytes(box)) == "bad_request"


@pytest.mark.parametrize("box", [b"", bytes(31), bytes(80)], ids=["empty", "short", "zeros"])
def test_what_is_no_box_is_refused(box):
    assert code_of(open_box, BOXKEYS[0].private, b"", box) == "bad_request"


def test_nothing_is_sealed_to_a_key_that_gives_no_secret():
    assert code_of(seal, bytes(32), b"", b"x") == "bad_request"


@quick
@given(st.binary(max_size=1_000))
def test_padding_hides_the_length_and_comes_off(plaintext):
    padded = bodies.pad(plaintext)
    assert len(padded) % bodies.PAD_BYTES == 0
    assert len(padded) - len(plaintext) <= bodies.PAD_BYTES
    assert bodies.unpad(padded) == plaintext


@quick
@given(st.binary(max_size=600))
def test_only_what_pad_makes_comes_off(padded):
    if code_of(bodies.unpad, padded) is None:
        assert bodies.pad(bodies.unpad(padded)) == padded


def _sealed(key: bytes, body: bytes = b'{"text":"x"}', **changes: Any) -> Envelope:
    header = {"type": "chat.text", "to": CHANNEL, "created_at": NOW, "epoch": 1, "win": WIN, **changes}
    return parse_envelope(bodies.create_encrypted(USER, body=body, window_key=key, **header))


@quick
@given(window_keys, window_keys, st.binary(max_size=500))
def test_a_body_opens_with_its_windows_key_and_with_its_own(key, other, body):
    message = _sealed(key, body)
    check_type(message)
    assert bodies.open_body(message, key, window_ms=WINDOW_MS) == body
    own = bodies.message_key(key, message.salt or b"", message.author)
    assert bodies.open_with_message_key(message, own) == body
    if other != key:
        assert code_of(bodies.open_body, message, other, window_ms=WINDOW_MS) == "bad_request"


@quick
@given(window_keys)
def test_a_messages_key_opens_that_message_alone(key):
    one, two = _sealed(key), _sealed(key)
    own = bodies.message_key(key, one.salt or b"", one.author)
    assert code_of(bodies.open_with_message_key, two, own) == "bad_request"


@quick
@given(st.integers(-5, 5), st.sampled_from([60_000, 3_600_000, WINDOW_MS]))
def test_a_window_may_be_one_off_and_no_more(off, window_ms):
    message = _sealed(bytes(32), win=NOW // window_ms + off)
    refused = code_of(bodies.open_body, message, bytes(32), window_ms=window_ms)
    assert refused == (None if abs(off) <= 1 else "bad_request")


@quick
@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**44), st.integers(0, 30), st.integers(0, 30))
def test_windows_follow_one_from_another_whatever_the_steps(secret, w0, first, then):
    start = epochs.first_window_key(secret, w0)
    middle = epochs.window_key_at(start, w0, w0 + first)
    end = epochs.window_key_at(start, w0, w0 + first + then)
    assert epochs.window_key_at(middle, w0 + first, w0 + first + then) == end
    assert len({start, middle, end}) == 1 + (first > 0) + (then > 0)


def test_a_window_far_ahead_costs_nothing():
    key = epochs.first_window_key(bytes(32), WIN)
    for far in (WIN + epochs.MAX_WINDOWS_AHEAD + 1, 2**53 - 1):
        assert code_of(epochs.window_key_at, key, WIN, far) == "bad_request"


@pytest.mark.parametrize(
    ("burn_ms", "window_ms"), [(None, WINDOW_MS), (1, 60_000), (90_000, 90_000), (WINDOW_MS * 30, WINDOW_MS)]
)
def test_how_long_windows_are(burn_ms, window_ms):
    assert epochs.window_ms_of(burn_ms) == window_ms


def _epoch(
    number: int, prev: bytes | None, at: int, *, author: Any = USER, to: Sequence[Recipient] = DEVICES[:1]
) -> list[Envelope]:
    rest = {"window_ms": WINDOW_MS, "reason": "age", "prev": prev}
    made = epochs.make_epoch(epochs.new_secret(), to, chan=CHANNEL, author=author.public, epoch=number, **rest)
    sent = [create(author, type="space.epoch", to=CHANNEL, body=body, created_at=at) for body in made]
    for envelope in sent:
        check_type(parse_envelope(envelope))
    return [parse_envelope(envelope) for envelope in sent]


def test_more_devices_than_a_message_holds_come_in_parts():
    devices = [Recipient(USER.public, BoxKey.generate().public) for _ in range(MAX_EPOCH_MEMBERS + 1)]
    parts = _epoch(1, None, NOW, to=devices)
    assert [len(part.body or b"") < 256 * 1024 for part in parts] == [True, True]
    assert epochs.whole_epochs(parts[:1]) == epochs.whole_epochs(parts[1:]) == []
    (whole,) = epochs.whole_epochs(parts[::-1])
    assert (whole.ident, whole.recipients) == (parts[0].id, set(devices))


@st.composite
def _histories(draw: st.DrawFn) -> list[Envelope]:
    """Epochs of two admins of whom each knows some of the other's, with equal numbers, equal times and strays."""
    held: list[Envelope] = []
    for _ in range(draw(st.integers(1, 8))):
        before = draw(st.sampled_from([None, *held])) if held else None
        whole = {epoch.ident: epoch for epoch in epochs.whole_epochs(held)}
        number = 1 if before is None else whole[before.id].number + 1
        author = draw(st.sampled_from([USER, OTHER]))
        held += _epoch(number, None if before is None else before.id, NOW + draw(st.integers(0, 3)), author=author)
    return held


@quick
@given(_histories(), st.randoms(use_true_random=False))
def test_epochs_make_one_line_in_any_order_and_any_admins(held, random):
    line = epochs.epoch_line(epochs.whole_epochs(held))
    shuffled = held * 2
    random.shuffle(shuffled)
    assert epochs.epoch_line(epochs.whole_epochs(shuffled)) == line
    assert [epoch.number for epoch in line] == list(range(1, len(line) + 1))
    assert [epoch.prev for epoch in line] == [None, *(epoch.ident for epoch in line[:-1])]
    for epoch in line:
        rivals = [
            other for other in epochs.whole_epochs(held) if (other.number, other.prev) == (epoch.number, epoch.prev)
        ]
        assert epochs.winner(rivals) == epoch
        assert all(epoch.age <= rival.age for rival in rivals)


@quick
@given(_histories(), st.integers(-3, 3), st.data())
def test_what_is_late_stays_late_whatever_epochs_come_later(held, off, data):
    """Clocks differ by two minutes at most: within them a message counts, after them on no hub."""
    line = epochs.epoch_line(epochs.whole_epochs(held))
    for earlier, later in itertools.pairwise(line):
        at = later.created_at + epochs.LATE_MS + off
        assert epochs.is_late(line, earlier.number, at) == (off > 0)
    assert not epochs.is_late(line, len(line), NOW + 10 * WINDOW_MS)
    number = data.draw(st.integers(1, 8))
    for length in range(len(line)):
        at = NOW + epochs.LATE_MS + 1 + off
        assert not epochs.is_late(line[:length], number, at) or epochs.is_late(line, number, at)


def test_a_removed_device_reads_nothing_of_the_next_epoch():
    first = _epoch(1, None, NOW, to=DEVICES)
    (second,) = _epoch(2, first[0].id, NOW + 1, to=DEVICES[:3])
    kept = {epochs.open_epoch(second, key, USER.public) for key in BOXKEYS[:3]}
    assert len(kept) == 1
    removed = BOXKEYS[3]
    old = epochs.open_epoch(first[0], removed, USER.public)
    assert code_of(epochs.open_epoch, second, removed, USER.public) == "not_found"
    (secret,) = kept
    message = _sealed(epochs.first_window_key(secret, WIN), epoch=2)
    for win in range(WIN - 2, WIN + 3):
        key = epochs.window_key_at(epochs.first_window_key(old, WIN - 2), WIN - 2, win)
        assert code_of(bodies.open_body, message, key, window_ms=WINDOW_MS) == "bad_request"
