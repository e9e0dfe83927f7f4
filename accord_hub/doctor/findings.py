"""What the doctor finds: a stable code, a plain sentence, and what mends it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is: `problem` keeps the hub or its members from working, `warning` will, or may."""

    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """Something wrong. `code` stays the same over versions; `mend` says what to do."""

    code: str
    level: Level
    says: str
    mend: str

    def as_json(self) -> dict[str, Any]:
        """As `doctor --json` prints it."""
        return asdict(self)


def problem(code: str, says: str, mend: str) -> Finding:
    """Something that keeps the hub or its members from working."""
    return Finding(code, Level.PROBLEM, says, mend)


def warning(code: str, says: str, mend: str) -> Finding:
    """Something that will, or may."""
    return Finding(code, Level.WARNING, says, mend)
