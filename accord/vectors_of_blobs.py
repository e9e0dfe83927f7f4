"""Checks of the sections of a vector file about blobs (accord.vectors; protocol.md section 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from accord import blobs
from accord.encoding import b64decode, b64encode
from accord.vector_checks import Entry, equal, refused

PATTERN_STEP = 31


def pattern(size: int) -> bytes:
    """The file of so many bytes that a long case is about: byte i is 31 i mod 256."""
    one = bytes(PATTERN_STEP * place % 256 for place in range(256))
    return (one * (size // 256 + 1))[:size]


def _blobs(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:

        def check(case: Any = case) -> None:
            key = b64decode(case["key"])
            file = pattern(case["size"])
            blob = blobs.seal(key, file)
            equal(b64encode(blobs.blob_id(blob)), case["id"])
            equal((len(blob), blobs.sealed_size(case["size"])), (case["sealed_size"],) * 2)
            if "blob" in case:
                equal(blob.hex(), case["blob"])
            equal(blobs.open_blob(key, len(file), blob), file)

        yield f"{case['size']} bytes", check


def _blobs_reject(cases: list[Any]) -> Iterator[Entry]:
    for case in cases:
        call = partial(blobs.open_blob, b64decode(case["key"]), case["size"], bytes.fromhex(case["blob"]))
        yield case["why"], partial(refused, call, case["code"])


ALONE: dict[str, Callable[[Any], Iterator[Entry]]] = {"blobs": _blobs, "blobs_reject": _blobs_reject}
