from __future__ import annotations

import pytest

from accord import fields
from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.fields import optional, read
from tests.accord.support import code_of

TABLE = {"must": fields.integer(0, 2), "may": optional(fields.text(3, 1))}

CHECKS = {
    "exactly 1": (fields.exactly(1), [1], [True, 1.0, "1", 2, None]),
    "exactly text": (fields.exactly("a"), ["a"], ["b", b"a", 1]),
    "one_of": (fields.one_of("a", "b"), ["a", "b"], ["c", "", 1, ["a"], {}, None]),
    "integer": (fields.integer(1, 3), [1, 3], [0, 4, True, 1.0, "1", None]),
    "text": (fields.text(3, 1), ["a", "äöü"], ["", "abcd", 1, b"a", None]),
    "pattern": (fields.pattern("[a-z]+"), ["abc"], ["", "abc\n", "aBc", 1, None]),
    "boolean": (fields.boolean, [True, False], [0, 1, "true", None]),
    "list_of": (fields.list_of(fields.boolean, 2), [[True], [True, True]], [[], [True] * 3, [1], (True,), True, None]),
    "rising": (
        fields.list_of(fields.octets(1), 3, rising=True),
        [],
        [[b64encode(b"\2"), b64encode(b"\1")], [b64encode(b"\1")] * 2],
    ),
    "unique": (fields.list_of(fields.one_of("a", "b"), 3, unique=True), [["b", "a"]], [["a", "b", "a"]]),
    "time_ms": (fields.time_ms, [0, 2**44 - 1], [-1, 2**44]),
}


@pytest.mark.parametrize(("check", "accepted", "refused"), CHECKS.values(), ids=CHECKS)
def test_check(check, accepted, refused):
    for value in accepted:
        assert check(value) is value or check(value) == value
    for value in refused:
        assert code_of(check, value) == "bad_request"


def test_octets_give_bytes_in_the_order_of_bytes():
    items = [b"\0", b"\xd0", b"\xf8"]  # as text: AA, 0A, -A
    check = fields.list_of(fields.octets(1), 3, rising=True)
    assert check([b64encode(item) for item in items]) == items
    assert code_of(check, sorted(b64encode(item) for item in items)) == "bad_request"


def test_read():
    assert read({"must": 1}, TABLE, "x") == {"must": 1}
    assert read({"may": "a", "must": 0}, TABLE, "x") == {"must": 0, "may": "a"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"may": "a"}, "x: must is missing"),
        ({"must": 3}, "x.must: "),
        ({"must": 1, "may": ""}, "x.may: "),
        ({"must": 1, "more": 1}, "x: unknown field 'more'"),
        ({"must": 1, "m" * 99: 1}, "x: unknown field '" + "m" * 32 + "'"),
        ({"must": 1, 5: 1}, "x: unknown field that is not text"),
        ([], "x: object expected"),
        (None, "x: object expected"),
    ],
)
def test_read_names_what_is_wrong(value, told):
    with pytest.raises(RemoteError) as caught:
        read(value, TABLE, "x")
    assert caught.value.code == "bad_request"
    assert caught.value.detail.startswith(told)
