"""Temporary homes of hubs: empty ones, and one with many messages that several sections share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_NOT_INHERITED: Final = ("ACCORD_URL", "ACCORD_NAME", "DATABASE_URL", "REDIS_URL")


def environment(home: Path) -> dict[str, str]:
    """The environment of a process that works on a home."""
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**inherited, "ACCORD_HOME": str(home)}


class Homes:
    """Makes homes below one temporary directory, and removes it."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="accord-bench-"))
        self._count = 0
        self._migrated: Path | None = None
        self._filled: dict[int, Path] = {}

    def __enter__(self) -> Homes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def root(self) -> Path:
        """Where the homes are."""
        return self._root

    def empty(self) -> Path:
        """A home with the tables and nothing in them."""
        if self._migrated is None:
            self._migrated = self._root / "migrated"
            self._manage(self._migrated, "manage.py", "migrate", "--verbosity", "0")
        self._count += 1
        home = self._root / f"home{self._count}"
        shutil.copytree(self._migrated, home)
        return home

    def filled(self, rows: int) -> Path:
        """The home with a lounge of so many messages; made once, and shared: whoever writes to it adds a few."""
        if rows not in self._filled:
            home = self.empty()
            self._manage(home, "-m", "benchmarks.fill", str(rows))
            self._filled[rows] = home
        return self._filled[rows]

    def spread(self, rows: int, spacing_ms: int) -> Path:
        """A home of its own with a lounge of so many messages, one each `spacing_ms` until now."""
        home = self.empty()
        self._manage(home, "-m", "benchmarks.fill", str(rows), str(spacing_ms))
        return home

    def _manage(self, home: Path, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment(home), check=True)
