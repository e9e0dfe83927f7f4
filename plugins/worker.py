"""The hub's side of the process in which handlers run: started with the first job, ended when idle, killed and replaced
when a handler takes too long.

Used by one thread at a time. Not here: which jobs there are, and what is done with what a handler wants (running.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from plugins.handlers import Refused
from plugins.pipes import Pipe

ROOT: Final = Path(__file__).resolve().parents[1]
TIME_LIMIT_SECONDS: Final = 10.0
MEMORY_LIMIT_MIB: Final = 256
IDLE_SECONDS: Final = 60.0
LOAD_SECONDS: Final = 10.0  # for the interpreter and what a handler imports
END_SECONDS: Final = 5.0
PASSED_ON: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ")  # of the environment: it may hold secrets

Answer = Callable[[str, Mapping[str, Any]], Any]


class HandlerFailed(Exception):
    """A handler did not come to its end; the text says why, for the operator."""


class Worker:
    """At most one process."""

    def __init__(self, *, seconds: float = TIME_LIMIT_SECONDS, memory_mib: int = MEMORY_LIMIT_MIB) -> None:
        self._seconds, self._memory_mib = seconds, memory_mib
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Pipe | None = None
        self._used_at = 0.0
        self._loaded: set[str] = set()

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return self._process.pid if self._process else None

    def run(self, job: dict[str, Any], answer: Answer) -> list[Any]:
        """Run a job ({source, message, context}) and give what it wants done; `answer` is for what it asks meanwhile.

        HandlerFailed. Whatever happens, it is over after the time limit (and LOAD_SECONDS, the first time).
        """
        self._ready()
        try:
            if job["source"] not in self._loaded:
                self._converse({"source": job["source"]}, answer, LOAD_SECONDS)
                self._loaded.add(job["source"])
            return self._converse(job, answer, self._seconds)
        except TimeoutError:
            self.end()
            raise HandlerFailed("it took longer than it may and was stopped") from None
        except EOFError:
            raise HandlerFailed(f"its process ended ({self.end(patience_seconds=1.0)})") from None
        except (ValueError, RecursionError) as error:
            self.end()
            raise HandlerFailed(f"its process answered what is no answer: {error}") from None
        finally:
            self._used_at = time.monotonic()

    def end_idle(self) -> None:
        """End the process if it has had nothing to do for IDLE_SECONDS."""
        if self._process is not None and time.monotonic() > self._used_at + IDLE_SECONDS:
            self.end()

    def end(self, *, patience_seconds: float = 0.0) -> str:
        """End the process, if there is one, and all that it has started; says how it ended. Before it is killed it has
        `patience_seconds` to end by itself.
        """
        process, self._process, self._pipe = self._process, None, None
        self._loaded.clear()
        if process is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for end in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                end.close()  # type: ignore[union-attr]  # both are pipes
        code = process.wait(END_SECONDS)
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _ready(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.end()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "plugins.child", str(self._memory_mib * 1024 * 1024)],
            cwd=ROOT,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # what it starts is ended with it
        )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101
        self._pipe = Pipe(self._process.stdout.fileno(), self._process.stdin.fileno())

    def _converse(self, job: dict[str, Any], answer: Answer, seconds: float) -> list[Any]:
        pipe = self._pipe
        assert pipe is not None  # noqa: S101 - made with the process
        deadline = time.monotonic() + seconds
        pipe.send({**job, "seconds": seconds, "memory": self._memory_mib}, deadline=deadline)
        while True:
            frame = pipe.receive(deadline=deadline)
            if "ask" in frame:
                pipe.send(_answer_to(frame, answer), deadline=deadline)
            elif type(frame.get("done")) is list:
                return list(frame["done"])
            else:
                if "full" in frame:
                    self.end()
                raise HandlerFailed(str(frame.get("failed")))


def _answer_to(frame: dict[str, Any], answer: Answer) -> dict[str, Any]:
    try:
        return {"answer": answer(str(frame["ask"]), frame.get("about") or {})}
    except Refused as error:
        return {"refused": str(error)}
