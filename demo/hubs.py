"""The hubs of the demonstration: real processes in temporary homes, started, killed, asked by their own commands."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
START_SECONDS: Final = 60
STOP_SECONDS: Final = 15
POLL_SECONDS: Final = 0.05
_NOT_INHERITED: Final = ("ACCORD_URL", "ACCORD_NAME", "ACCORD_MODE", "DATABASE_URL", "REDIS_URL")


class DemoError(Exception):
    """The demonstration cannot go on; the text is for people."""


class DemoHub:
    """A hub in a home of its own. `mode` is full or gossip."""

    def __init__(self, name: str, home: Path, mode: str = "full") -> None:
        self.name = name
        self.home = home
        self.mode = mode
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def facts(self) -> dict[str, Any]:
        """Its hub.json."""
        facts: dict[str, Any] = json.loads((self.home / "hub.json").read_text(encoding="utf-8"))
        return facts

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        return {**inherited, "ACCORD_HOME": str(self.home), "ACCORD_NAME": self.name, "ACCORD_MODE": self.mode}

    def _command(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours alone: the hubs are stopped in order
            )

    @property
    def _log(self) -> Path:
        return self.home.with_name(f"{self.home.name}.log")

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One of its commands, which goes on while others do."""
        return self._command(*arguments)

    async def ask(self, *arguments: str) -> str:
        """What one of its commands prints; DemoError when it fails."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "manage.py",
            *arguments,
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, error = await process.communicate()
        if process.returncode:
            raise DemoError(f"{self.name}: manage.py {arguments[0]}: {error.decode(errors='replace').strip()}")
        return out.decode()

    async def start(self) -> None:
        """Start it, and wait until it serves; DemoError."""
        facts = self.home / "hub.json"
        facts.unlink(missing_ok=True)
        self._process = self._command("hub")
        deadline = time.monotonic() + START_SECONDS
        while not facts.exists():
            if not self.runs or time.monotonic() > deadline:
                said = self._log.read_text(encoding="utf-8", errors="replace").strip()
                raise DemoError(f"{self.name} did not start: {said[-500:]}")
            await asyncio.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None and self.runs:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
