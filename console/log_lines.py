"""The last lines of the hub's log, kept in memory for the console's page: what is written to the log, and no more.

Lines are kept as the structured log writes them (accord_hub/logs.py), which holds no message, token, cookie or link.
They are of this process, since its start. Not here: what is logged at all (the setting "What the log tells").
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import Any, Final

import orjson

KEPT_LINES: Final = 2_000
MAX_LINE_CHARS: Final = 16_000


class Recent(logging.Handler):
    """Keeps the last lines, and counts all by level. Its formatter writes JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as all handlers: what cannot be written must not break who logs
            self.handleError(record)
            return
        counts[record.levelname.lower()] += 1
        if len(line) <= MAX_LINE_CHARS:
            _lines.append(line)


_lines: deque[str] = deque(maxlen=KEPT_LINES)
counts: Counter[str] = Counter()


def recent() -> list[dict[str, Any]]:
    """The lines that are kept, the newest first: at, level, logger, message, and what else each has."""
    return [orjson.loads(line) for line in reversed(_lines.copy())]
