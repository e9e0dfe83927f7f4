from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord import pow
from accord.encoding import b64encode
from tests.accord.support import HUB, NOW, OTHER, USER, code_of, quick

SECRET, BIND = b"s" * 32, b"b" * 32
DIFFICULTY = 8


def _challenge(**options: Any) -> dict[str, Any]:
    given = {
        "server": HUB.public,
        "key": USER.public,
        "purpose": "mail",
        "difficulty": DIFFICULTY,
        "now": NOW,
        **options,
    }
    return pow.make_challenge(SECRET, **given)


CHALLENGE = _challenge()
COUNTER = pow.solve(CHALLENGE, BIND)


def _check(
    challenge: object = CHALLENGE, counter: object = COUNTER, *, secret: bytes = SECRET, **options: Any
) -> bytes:
    given = {"server": HUB.public, "key": USER.public, "purpose": "mail", "bind": BIND, "now": NOW, **options}
    return pow.check_solution(secret, challenge, counter, **given)


def _code(*args: Any, **options: Any) -> str | None:
    return code_of(_check, *args, **options)


def test_solution_is_accepted_and_gives_the_nonce():
    assert b64encode(_check()) == CHALLENGE["nonce"]
    assert CHALLENGE["expires"] == NOW + pow.MAX_LIFE_MS == NOW + 600_000


def test_solve_gives_the_smallest_counter_with_enough_zero_bits():
    ch = pow.challenge_hash(CHALLENGE, BIND)
    for counter in range(COUNTER + 1):
        digest = hashlib.sha256(b"accord-v1:pow\0" + ch + counter.to_bytes(8, "big")).digest()
        assert (digest[0] == 0) == (counter == COUNTER)  # 8 bits


@quick
@given(st.integers(0, 2**64 - 1), st.integers(0, 20))
def test_work_counts_leading_zero_bits(counter, difficulty):
    ch = bytes(32)
    zeros = 256 - int.from_bytes(pow.work(ch, counter), "big").bit_length()
    assert code_of(pow.check_work, ch, counter, difficulty) == (None if zeros >= difficulty else "pow_needed")


@pytest.mark.parametrize(
    "options",
    [
        {"secret": b"t" * 32},
        {"server": OTHER.public},
        {"key": OTHER.public},
        {"purpose": "call"},
        {"bind": b"c" * 32},
        {"now": NOW + 600_000},
    ],
    ids=lambda options: next(iter(options)),
)
def test_for_something_else_or_too_late(options):
    assert _code(**options) == "pow_needed"


def test_good_to_its_last_millisecond():
    _check(now=NOW + 599_999)


@pytest.mark.parametrize(
    "change",
    [
        {"server": b64encode(OTHER.public)},
        {"key": b64encode(OTHER.public)},
        {"difficulty": DIFFICULTY - 1},
        {"difficulty": 0},
        {"expires": NOW + 600_001},
        {"nonce": b64encode(bytes(16))},
        {"tag": b64encode(bytes(32))},
    ],
    ids=str,
)
def test_forged(change):
    assert _code({**CHALLENGE, **change}) == "pow_needed"


def test_work_for_one_challenge_is_none_for_another():
    codes = [code_of(_check, _challenge(nonce=bytes([number]) * 16)) for number in range(16)]
    assert codes.count("pow_needed") >= 14  # one in 256 is luck


def test_every_smaller_counter_is_too_little_work():
    assert COUNTER > 0
    assert {_code(CHALLENGE, counter) for counter in range(COUNTER)} == {"pow_needed"}


@pytest.mark.parametrize("counter", [-1, 2**53, 2**64, 1.0, "1", None, True, [1]])
def test_counter_of_another_form(counter):
    assert _code(CHALLENGE, counter) == "bad_request"


@pytest.mark.parametrize(
    "challenge",
    [
        None,
        "x",
        [],
        {},
        {**CHALLENGE, "more": 1},
        {**CHALLENGE, "purpose": ["mail"]},
        {**CHALLENGE, "difficulty": 257},
        {**CHALLENGE, "difficulty": -1},
        {**CHALLENGE, "difficulty": True},
        {**CHALLENGE, "expires": 2**44},
        {**CHALLENGE, "nonce": b64encode(bytes(15))},
        {**CHALLENGE, "tag": CHALLENGE["tag"] + "="},
        {name: value for name, value in CHALLENGE.items() if name != "tag"},
    ],
)
def test_challenge_of_another_form(challenge):
    assert _code(challenge) == "bad_request"


@pytest.mark.parametrize("difficulty", [23, 256])
def test_a_client_does_not_work_for_ever(difficulty):
    assert code_of(pow.solve, _challenge(difficulty=difficulty), BIND) == "bad_request"


def test_progress(monkeypatch):
    monkeypatch.setattr(pow, "PROGRESS_STEP", 1)
    seen: list[int] = []
    assert pow.solve(CHALLENGE, BIND, seen.append) == COUNTER
    assert seen == list(range(1, COUNTER + 1))


def test_nonces_are_fresh():
    assert _challenge()["nonce"] != _challenge()["nonce"]
