from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accord.encoding import (
    MAX_DEPTH,
    MAX_INTEGER,
    b64decode,
    b64encode,
    canonical,
    check_value,
    is_rising,
    parse_canonical,
    parse_json,
)
from tests.accord.support import code_of, nested, objects, quick, values

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def _dumps(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _by_json_module(data: bytes) -> str | None:
    """What canonical bytes stand for, told by the standard library alone; None where they are not canonical."""

    def refuse(_: object) -> object:
        raise ValueError

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(items)) != len(items):
            raise ValueError
        return dict(items)

    def walk(value: object, depth: int = 0) -> None:
        if isinstance(value, dict | list):
            if depth == 8 or value == []:
                raise ValueError
            for item in value.values() if isinstance(value, dict) else value:
                walk(item, depth + 1)
            for name in value if isinstance(value, dict) else ():
                if not (1 <= len(name) <= 32 and name[0] in string.ascii_lowercase):
                    raise ValueError
                if set(name) - set(string.ascii_lowercase + string.digits + "_"):
                    raise ValueError
        elif value is None or (isinstance(value, int) and abs(value) >= 2**53):
            raise ValueError
        elif isinstance(value, str):
            value.encode()
            if "\0" in value:
                raise ValueError

    try:
        value = json.loads(data.decode(), parse_float=refuse, parse_constant=refuse, object_pairs_hook=pairs)
        walk(value)
        return repr(value) if _dumps(value) == data else None
    except ValueError:
        return None


def _by_accord(data: bytes) -> str | None:
    if code := code_of(parse_canonical, data, max_bytes=len(data)):
        assert code == "bad_encoding"
        return None
    return repr(parse_canonical(data, max_bytes=len(data)))


@quick
@given(values)
def test_canonical_is_a_fixed_point_and_what_the_json_module_writes(value):
    data = canonical(value)
    parsed = parse_canonical(data, max_bytes=len(data))
    assert repr(canonical(parsed)) == repr(data)
    assert parsed == value
    assert data == _dumps(value)
    assert _by_accord(data) == _by_json_module(data) is not None


@quick
@given(objects, st.randoms(use_true_random=False))
def test_order_of_keys_does_not_matter(value, random):
    shuffled = list(value.items())
    random.shuffle(shuffled)
    assert canonical(dict(shuffled)) == canonical(value)


@quick
@given(objects, st.data())
def test_a_changed_byte_is_refused_or_means_something_else(value, data):
    good = canonical(value)
    place = data.draw(st.integers(0, len(good) - 1))
    byte = bytes([data.draw(st.integers(1, 255)) ^ good[place]])
    changed = {
        "flipped": good[:place] + byte + good[place + 1 :],
        "inserted": good[:place] + byte + good[place:],
        "removed": good[:place] + good[place + 1 :],
        "appended": good + byte,
    }[data.draw(st.sampled_from(["flipped", "inserted", "removed", "appended"]))]
    assert _by_accord(changed) != _by_accord(good)
    assert _by_accord(changed) == _by_json_module(changed)


JSON_TOKENS = [
    '{"a":',
    "}",
    "[",
    "]",
    ",",
    '"b":',
    '"x"',
    "1",
    "-0",
    "1.0",
    "1e2",
    "null",
    "true",
    '"\\u0041"',
    " ",
    '""',
]


@quick
@given(st.lists(st.sampled_from(JSON_TOKENS), max_size=8).map("".join))
@example('{"a":1}')
@example('{"a":9007199254740992}')
def test_any_text_is_judged_as_by_the_json_module(text):
    assert _by_accord(text.encode()) == _by_json_module(text.encode())


@pytest.mark.parametrize("of", [list, dict])
def test_depth(of):
    assert parse_canonical(canonical(nested(MAX_DEPTH, of=of)), max_bytes=100) == nested(MAX_DEPTH, of=of)
    assert code_of(canonical, nested(MAX_DEPTH + 1, of=of)) == "bad_encoding"
    assert code_of(check_value, nested(100_000, of=of)) == "bad_encoding"


@pytest.mark.parametrize(("good", "bad"), [(MAX_INTEGER, MAX_INTEGER + 1), (-MAX_INTEGER, -MAX_INTEGER - 1)])
def test_integer_range(good, bad):
    assert canonical(good) == str(good).encode()
    assert code_of(canonical, bad) == "bad_encoding"
    assert code_of(parse_canonical, str(bad), max_bytes=100) == "bad_encoding"


@pytest.mark.parametrize("name", ["a", "a" * 32, "a_0"])
def test_key_accepted(name):
    assert canonical({name: 1}) == b'{"%s":1}' % name.encode()


@pytest.mark.parametrize("name", ["", "a" * 33, "_a", "0a", "A", "a-b", "a\n", "é", "\ud800", "a\0", 1, b"a", None, ()])
def test_key_refused(name):
    assert code_of(canonical, {name: 1}) == "bad_encoding"


@pytest.mark.parametrize("value", [None, 1.0, [], {"a": []}, "\0", "\ud800", ["a\0"], b"a", (1,), {"a": {1}}, object()])
def test_value_refused(value):
    assert code_of(canonical, value) == "bad_encoding"


@pytest.mark.parametrize("parse", [parse_json, parse_canonical])
@pytest.mark.parametrize("text", ['{"a":"xx"}', '{"a":"é"}', '{"a":"😀"}'])
def test_limit_is_in_bytes(parse, text):
    size = len(text.encode())
    for data in (text, text.encode()):
        assert parse(data, max_bytes=size) == json.loads(text)
        assert code_of(parse, data, max_bytes=size - 1) == "too_big"


@pytest.mark.parametrize("text", ["[" * 5000, '{"a":' * 5000, "[1e999]", '"\ud800"', "NaN", "\ufeff1", ""])
def test_no_json(text):
    assert code_of(parse_json, text, max_bytes=100_000) == "bad_encoding"
    assert code_of(parse_canonical, text.encode("utf-8", "surrogatepass"), max_bytes=100_000) == "bad_encoding"


def test_a_million_digits_are_no_canonical_integer():
    assert code_of(parse_canonical, "1" * 10**6, max_bytes=10**6) == "bad_encoding"


def test_ordinary_json_may_hold_what_canonical_may_not():
    assert parse_json('{"b": [], "a": null}', max_bytes=100) == {"b": [], "a": None}


@quick
@given(st.binary(max_size=100))
def test_base64url_roundtrip(data):
    text = b64encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert b64decode(text) == b64decode(text, len(data)) == data
    assert code_of(b64decode, text, len(data) + 1) == "bad_request"
    assert code_of(b64decode, text + "=") == "bad_request"


@quick
@given(st.text(ALPHABET + "+/= \n.é\ud800", max_size=12))
def test_base64url_has_one_text_for_each_value(text):
    if code := code_of(b64decode, text):
        assert code == "bad_request"
        # Refused is only what is foreign, of an impossible length, or has stray low bits.
        foreign = bool(set(text) - set(ALPHABET))
        assert foreign or len(text) % 4 == 1 or ALPHABET.index(text[-1]) % {2: 16, 3: 4}[len(text) % 4]
    else:
        assert b64encode(b64decode(text)) == text


@pytest.mark.parametrize(("start", "accepted"), [("A", 4), ("AA", 16), ("AAA", 64)])
def test_base64url_last_letters(start, accepted):
    decoded = [b64decode(start + letter) for letter in ALPHABET if code_of(b64decode, start + letter) is None]
    assert len(decoded) == len(set(decoded)) == accepted


@pytest.mark.parametrize("foreign", ["*", "\n", " ", "=", "+", "/", "!", "é", "\0", "\ud800"])
def test_base64url_skips_nothing(foreign):
    for text in ("AAAA" + foreign * 4, foreign * 4, foreign, "AA" + foreign * 4 + "AA", "AAA" + foreign):
        assert code_of(b64decode, text) == "bad_request"
    assert code_of(b64decode, "A" * 40 + foreign * 3, 32) == "bad_request"


@pytest.mark.parametrize("value", [None, 1, b"AA", ["A"], {}, True])
def test_base64url_is_text(value):
    assert code_of(b64decode, value) == "bad_request"


@quick
@given(st.lists(st.binary(max_size=3), max_size=5))
def test_is_rising(items):
    assert is_rising(items) == (items == sorted(set(items)))
