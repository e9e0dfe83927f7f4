"""Keys and agreement; the edge cases of strict verification are in tests/vectors, section signatures."""

from __future__ import annotations

import json
from pathlib import Path

import nacl.exceptions
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from accord.keys import OneTimeKey, SigningKey, fingerprint, verify, verify_raw
from tests.accord.support import OTHER, USER, code_of, quick

VECTORS = Path(__file__).parents[1] / "vectors" / "protocol.json"
_seeds = st.binary(min_size=32, max_size=32)


def _accepted(key: bytes, data: bytes, signature: bytes) -> bool:
    code = code_of(verify_raw, key, data, signature)
    assert code in (None, "bad_sig")
    return code is None


def _accepted_elsewhere(key: bytes, data: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@quick
@given(_seeds, st.binary(max_size=50))
def test_signature_is_ed25519_over_label_and_data(seed, data):
    key = SigningKey(seed)
    signature = key.sign("event", data)
    assert signature == Ed25519PrivateKey.from_private_bytes(seed).sign(b"accord-v1:event\0" + data)
    verify(key.public, "event", data, signature)
    assert code_of(verify, key.public, "cert", data, signature) == "bad_sig"
    assert code_of(verify, OTHER.public, "event", data, signature) == "bad_sig"


@quick
@given(_seeds, st.binary(max_size=20), st.integers(0, 95), st.integers(1, 255))
def test_a_changed_byte_is_refused_here_and_by_another_library(seed, data, place, flip):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    both = bytearray(private.public_key().public_bytes_raw() + private.sign(data))
    assert _accepted(bytes(both[:32]), data, bytes(both[32:]))
    both[place] ^= flip
    key, signature = bytes(both[:32]), bytes(both[32:])
    assert not _accepted(key, data, signature)
    assert not _accepted_elsewhere(key, data, signature)


@quick
@given(st.binary(max_size=70), st.binary(max_size=10), st.binary(max_size=140))
def test_any_bytes_are_refused(key, data, signature):
    assert not _accepted(key, data, signature)


def test_the_rule_does_not_lean_on_the_library(monkeypatch):
    """With a library that lets edge cases pass, the vectors still come out as they should."""

    def lax(signed: bytes, key: bytes) -> None:
        if not _accepted_elsewhere(key, signed[64:], signed[:64]):
            raise nacl.exceptions.BadSignatureError

    def parts(case: dict[str, str]) -> tuple[bytes, ...]:
        return tuple(bytes.fromhex(case[name]) for name in ("key", "message", "signature"))

    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["signatures"]
    assert any(_accepted_elsewhere(*parts(case)) != case["valid"] for case in cases)
    monkeypatch.setattr("nacl.bindings.crypto_sign_open", lax)
    for case in cases:
        assert _accepted(*parts(case)) == case["valid"], case["why"]


def test_agreement_is_mutual_and_private():
    one, two, three = (OneTimeKey() for _ in range(3))
    assert one.agree(two.public) == two.agree(one.public) != one.agree(three.public)
    again = OneTimeKey(b"p" * 32)
    assert again.public == OneTimeKey(b"p" * 32).public != one.public


# The points of X25519 whose order divides 8, and their spellings of 2^255 - 19 and more.
@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        b"\1" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f",
        bytes(31) + b"\x80",
        b"",
        bytes(31),
        bytes(33),
    ],
    ids=lambda point: point.hex()[:8] + f"/{len(point)}",
)
def test_agreement_without_a_secret(point):
    assert code_of(OneTimeKey().agree, point) == "bad_request"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_seed_has_32_bytes(size):
    with pytest.raises(ValueError, match="32"):
        SigningKey(bytes(size))
    with pytest.raises(ValueError, match="32"):
        OneTimeKey(bytes(size))


def test_generated_keys_differ_and_come_again_from_their_seed():
    one, two = SigningKey.generate(), SigningKey.generate()
    assert one.public != two.public
    assert SigningKey(one.seed).public == one.public


def test_private_key_is_not_shown():
    assert USER.seed.hex() not in repr(USER)
    assert repr(USER.seed) not in repr(USER)
    assert fingerprint(USER.public) in repr(USER)


def test_fingerprint():
    assert fingerprint(bytes(32)) == " ".join(["AAAA"] * 10 + ["AAA"])
    assert fingerprint(USER.public) != fingerprint(OTHER.public)
