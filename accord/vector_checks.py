"""What the checks of test vectors share (accord.vectors)."""

from __future__ import annotations

from collections.abc import Callable

from accord.errors import RemoteError

Entry = tuple[str, Callable[[], None]]
"""A case of a vector file: its name, and what raises if it does not hold."""


def equal(actual: object, expected: object) -> None:
    """AssertionError unless both are the same."""
    if actual != expected:
        raise AssertionError(f"{actual!r} instead of {expected!r}"[:300])


def fail(why: str) -> None:
    """AssertionError, as a call."""
    raise AssertionError(why)


def refused(call: Callable[[], object], code: str | None = None) -> None:
    """AssertionError unless the call raises a RemoteError, with this code if one is given."""
    try:
        call()
    except RemoteError as error:
        if code is not None:
            equal(error.code, code)
    else:
        raise AssertionError("accepted")
