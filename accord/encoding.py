"""Canonical JSON and base64url (protocol.md section 0.3).

The canonical form is RFC 8785 restricted to objects, arrays, strings, booleans and integers; on that form orjson with
sorted keys gives the same bytes. Decoding checks what common decoders let pass: floats, null, empty arrays, range,
depth, key form, U+0000, padding bits.
"""

from __future__ import annotations

import binascii
import re
from itertools import pairwise
from typing import Any, Final

import orjson

from accord.errors import RemoteError

MAX_DEPTH: Final = 8
MAX_INTEGER: Final = 2**53 - 1

_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
# The keys of nearly every header: a look in a set is a quarter of a match.
_COMMON_KEYS = frozenset({"v", "type", "from", "to", "created_at", "body_hash", "body_size", "attention_keys", "refs"})
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")  # "!" is in no alphabet
_TO_URL = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", b"", b"==", b"=")
_LAST_CHARACTERS = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")  # by length modulo 4: those whose spare bits are zero


def _check_scalar(value: object) -> None:
    kind = type(value)
    if kind is str:
        if "\0" in value:  # type: ignore[operator]
            raise RemoteError("bad_encoding", "U+0000 in a string")
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]
            raise RemoteError("bad_encoding", "integer out of range")
    elif kind is not bool:
        raise RemoteError("bad_encoding", f"{kind.__name__} is not allowed")


def check_value(value: Any, depth: int = 0) -> None:
    """Walk a parsed JSON value; raise RemoteError("bad_encoding") where the restricted form does not allow it."""
    kind = type(value)
    if kind is dict:
        if depth == MAX_DEPTH:
            raise RemoteError("bad_encoding", "nested too deeply")
        for key, item in value.items():
            if key not in _COMMON_KEYS and (type(key) is not str or not _KEY.fullmatch(key)):
                raise RemoteError("bad_encoding", "key is not of the form [a-z][a-z0-9_]{0,31}")
            if type(item) is dict or type(item) is list:
                check_value(item, depth + 1)
            elif type(item) is not str or "\0" in item:  # most values are strings: no call for each of them
                _check_scalar(item)
    elif kind is list:
        if depth == MAX_DEPTH:
            raise RemoteError("bad_encoding", "nested too deeply")
        if not value:
            raise RemoteError("bad_encoding", "empty array")
        for item in value:
            check_value(item, depth + 1)
    else:
        _check_scalar(value)


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value that came as JSON or was made here; RemoteError("bad_encoding") if it has none."""
    check_value(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:  # after the walk above, only a lone surrogate is left
        raise RemoteError("bad_encoding", "not well-formed Unicode") from error


def _limited(data: bytes | str, max_bytes: int) -> bytes:
    """The bytes of `data`, if within the limit. A lone surrogate passes here; the parser refuses its bytes."""
    if len(data) <= max_bytes:  # never fewer bytes than characters: what is far too long is not encoded first
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if len(raw) <= max_bytes:
            return raw
    raise RemoteError("too_big", f"more than {max_bytes} bytes")


def parse_json(data: bytes | str, *, max_bytes: int) -> Any:
    """Ordinary JSON under a byte limit: RemoteError("too_big") beyond it, RemoteError("bad_encoding") if it is none."""
    raw = _limited(data, max_bytes)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RemoteError("bad_encoding", "not JSON") from error


def parse_canonical(data: bytes | str, *, max_bytes: int) -> Any:
    """A value whose bytes are canonical, byte for byte; else RemoteError("bad_encoding" or "too_big")."""
    raw = _limited(data, max_bytes)
    value = parse_json(raw, max_bytes=max_bytes)
    if canonical(value) != raw:
        raise RemoteError("bad_encoding", "not in canonical form")
    return value


def b64encode(data: bytes | memoryview) -> str:
    """base64url without padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def b64decode(text: object, length: int | None = None) -> bytes:
    """Bytes of canonical unpadded base64url, `length` of them if given; else RemoteError("bad_request")."""
    if type(text) is not str:
        raise RemoteError("bad_request", "base64url text expected")
    if length is not None and len(text) != (length * 4 + 2) // 3:
        raise RemoteError("bad_request", f"{length} bytes in base64url expected")
    try:
        data = text.encode("ascii").translate(_TO_STANDARD)
        raw = binascii.a2b_base64(data + _PADDING[len(data) % 4], strict_mode=True)
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise RemoteError("bad_request", "not base64url") from error
    # Strict decoding still passes any low bits of the last character; only one text is canonical.
    if (tail := len(data) % 4) and data[-1] not in _LAST_CHARACTERS[tail]:
        raise RemoteError("bad_request", "not canonical base64url")
    return raw


def is_rising(values: list[bytes]) -> bool:
    """Whether byte strings are in strictly rising order of their raw bytes (so each comes once)."""
    return all(a < b for a, b in pairwise(values))
