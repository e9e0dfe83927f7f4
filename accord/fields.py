"""Checks of the fields of protocol objects: one function a kind of value, one table an object.

A check takes the value as parsed and returns what it stands for (bytes for base64url text), or raises
RemoteError("bad_request"). Objects checked with `read` are strict: a missing or unknown field is refused. Message
headers, which keep unknown fields, are read in messages.py by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from accord.encoding import b64decode, is_rising
from accord.errors import RemoteError

Check = Callable[[Any], Any]


class Field(NamedTuple):
    """A row of a table: how the field is checked, and whether it must be there."""

    check: Check
    required: bool = True


def optional(check: Check) -> Field:
    """A row for a field that may be left out."""
    return Field(check, required=False)


def read(value: object, table: Mapping[str, Field | Check], what: str) -> dict[str, Any]:
    """The checked fields of an object, absent optional ones left out; RemoteError names the field at fault."""
    if type(value) is not dict:
        raise RemoteError("bad_request", f"{what}: object expected")
    for name in value:
        if name not in table:
            shown = repr(name[:32]) if isinstance(name, str) else "that is not text"
            raise RemoteError("bad_request", f"{what}: unknown field {shown}")
    checked = {}
    for name, field in table.items():
        check, required = field if isinstance(field, Field) else (field, True)
        if name in value:
            try:
                checked[name] = check(value[name])
            except RemoteError as error:
                raise RemoteError(error.code, f"{what}.{name}: {error.detail}") from error
        elif required:
            raise RemoteError("bad_request", f"{what}: {name} is missing")
    return checked


def exactly(expected: str | int) -> Check:
    """One value of one type; true is not 1."""

    def check(value: Any) -> Any:
        if type(value) is not type(expected) or value != expected:
            raise RemoteError("bad_request", f"{expected!r} expected")
        return value

    return check


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any) -> str:
        if type(value) is not str or value not in allowed:
            raise RemoteError("bad_request", f"one of {', '.join(allowed)} expected")
        return value

    return check


def integer(low: int, high: int) -> Check:
    """An integer of low..high, both included; true and false are not integers."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise RemoteError("bad_request", f"integer of {low}..{high} expected")
        return value

    return check


def text(max_chars: int, min_chars: int = 0) -> Check:
    """Text of min_chars..max_chars code points."""

    def check(value: Any) -> str:
        if type(value) is not str or not min_chars <= len(value) <= max_chars:
            raise RemoteError("bad_request", f"text of {min_chars}..{max_chars} characters expected")
        return value

    return check


def pattern(regex: str) -> Check:
    """Text that the whole of a regular expression fits."""
    compiled = re.compile(regex)

    def check(value: Any) -> str:
        if type(value) is not str or not compiled.fullmatch(value):
            raise RemoteError("bad_request", f"text of the form {regex} expected")
        return value

    return check


def octets(length: int) -> Check:
    """base64url text of so many bytes; gives the bytes."""

    def check(value: Any) -> bytes:
        return b64decode(value, length)

    return check


def some_octets(max_length: int) -> Check:
    """base64url text of 1..max_length bytes; gives the bytes."""

    def check(value: Any) -> bytes:
        if type(value) is str and not 1 <= len(value) <= (max_length * 4 + 2) // 3:
            raise RemoteError("bad_request", f"1..{max_length} bytes in base64url expected")
        return b64decode(value)

    return check


def record(table: Mapping[str, Field | Check], what: str) -> Check:
    """An object inside another, read as `read` does."""

    def check(value: Any) -> dict[str, Any]:
        return read(value, table, what)

    return check


def known(table: Mapping[str, Field | Check], what: str) -> Check:
    """An object of which only the fields of the table are looked at: others may be of a later version."""

    def check(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise RemoteError("bad_request", f"{what}: object expected")
        return read({name: value[name] for name in table if name in value}, table, what)

    return check


def boolean(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise RemoteError("bad_request", "true or false expected")
    return value


def list_of(
    check_item: Check, max_items: int, *, rising: bool = False, unique: bool = False, unique_by: str = ""
) -> Check:
    """A list of 1..max_items; `rising` is by raw bytes (or ASCII) and strict; `unique_by` is a field of the items."""

    def check(value: Any) -> list[Any]:
        if type(value) is not list or not 1 <= len(value) <= max_items:
            raise RemoteError("bad_request", f"list of 1..{max_items} expected")
        items = [check_item(item) for item in value]
        if rising and not is_rising(items):
            raise RemoteError("bad_request", "not in rising order")
        if unique and len(set(items)) != len(items):
            raise RemoteError("bad_request", "an item comes twice")
        if unique_by and len({item[unique_by] for item in items}) != len(items):
            raise RemoteError("bad_request", f"a {unique_by} comes twice")
        return items

    return check


key = octets(32)
message_id = octets(32)
MAX_TIME_MS = 2**44 - 1
time_ms = integer(0, MAX_TIME_MS)
