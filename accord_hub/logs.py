"""How the hub writes its log: lines for people, or one JSON object a line (ACCORD_LOG=json).

A request is told by its route, not its address, so nothing that somebody put into an address is written down. Message
bodies, tokens, cookies, links and invite secrets are nowhere handed to a logger; of a user, the fingerprint at most.
"""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

FIELDS: Final = ("request", "method", "route", "status", "ms", "user")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: getattr(record, name, None) for name in FIELDS}
    if not isinstance(found["request"], str):  # Django's own records carry the request itself
        found["request"] = request_id.get()
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    return text.partition(": /")[0] if record.name == "django.request" else text  # Django names the address


class JsonFormatter(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        value: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **_fields(record),
        }
        if record.exc_info:
            value["traceback"] = self.formatException(record.exc_info)
        return json.dumps(value, ensure_ascii=False)


class LineFormatter(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with what is known of the request behind it."""
        record.message = _message(record)
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items() if name in ("user", "request"))
        return f"{super().formatMessage(record)}{f' [{fields}]' if fields else ''}"
