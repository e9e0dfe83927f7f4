"""Stable error codes and the exceptions that carry them (protocol.md section 1, "Error codes").

One table leads from a code to its HTTP status; a second one holds the WebSocket close codes. Not here: what a hub does
with an error.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

HTTP_STATUS: Final[dict[str, int]] = {
    "bad_request": 400,
    "bad_encoding": 400,
    "bad_sig": 400,
    "unauthorized": 401,
    "denied": 403,
    "not_member": 403,
    "quota": 403,
    "not_found": 404,
    "conflict": 409,
    "burned": 410,
    "gone": 410,
    "too_big": 413,
    "wrong_server": 421,
    "future": 422,
    "unsupported": 422,
    "pow_needed": 428,
    "rate": 429,
    "internal": 500,
    "busy": 503,
}


class CloseCode(IntEnum):
    """Why a hub closes a WebSocket."""

    UNPARSABLE = 4400
    LOGIN = 4401
    REVOKED = 4403
    SLOW_READER = 4408
    FRAME_TOO_BIG = 4413
    FLOOD = 4429


class AccordError(Exception):
    """A refusal with a stable code.

    `code` is a key of HTTP_STATUS, `detail` is one sentence for a person, `retry_ms` says when another try makes sense,
    `tries` how many are left where they are counted.
    """

    def __init__(self, code: str, detail: str = "", *, retry_ms: int | None = None, tries: int | None = None) -> None:
        if code not in HTTP_STATUS:
            raise ValueError(f"unknown error code {code!r}")
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.retry_ms = retry_ms
        self.tries = tries

    @property
    def http_status(self) -> int:
        """The HTTP status that goes with the code."""
        return HTTP_STATUS[self.code]


class RemoteError(AccordError):
    """What a remote sent is wrong: never a fault of the program that raises it."""
