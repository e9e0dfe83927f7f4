"""Hubs for tests: real processes, each with a home of its own."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.forks import Process, begin

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 60  # for whatever a test waits for: a deadline is for what hangs, not for what is slow
COMMAND_SECONDS = 120
POLL_SECONDS = 0.02
PORTS_LOCK = Path(tempfile.gettempdir()) / f"accord-tests-{os.getuid()}.ports"
MAX_HUBS = 12  # at once, of all processes of tests: there are 13 ports


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until the condition holds; AssertionError, saying what was expected, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)


def environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a hub's processes."""
    return {**os.environ, "ACCORD_HOME": str(home), **extra}


def run_command(
    home: Path, *arguments: str, seconds: float = COMMAND_SECONDS, **extra: str
) -> subprocess.CompletedProcess[str]:
    """One of the hub's commands, run to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = begin(*arguments, env=environment(home, **extra), output=output, errors=errors)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE_SECONDS)
            raise
        told = [_read_all(stream) for stream in (output, errors)]
    return subprocess.CompletedProcess(["manage.py", *arguments], code, *told)


def _read_all(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


@contextmanager
def ports_needed(*, all_of_them: bool = False) -> Iterator[None]:
    """While a hub looks for a port; or, for a test that takes all of them, while none does. Between all test processes
    of this user on this machine."""
    with PORTS_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if all_of_them else fcntl.LOCK_SH)
        yield


def _place() -> IO[bytes] | None:
    """Room for one more hub on this machine, until it is closed, here and in the hub; None while there is none."""
    for number in range(MAX_HUBS):
        place = Path(f"{PORTS_LOCK}.{number}").open("ab")  # noqa: SIM115 - held as long as the hub runs
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            place.close()
        else:
            return place
    return None


def _wait_for_place() -> IO[bytes]:
    found: list[IO[bytes]] = []

    def look() -> bool:
        if place := _place():
            found.append(place)
        return bool(found)

    wait_until(look, what="room for one more hub")
    return found[0]


@functools.cache
def migrated_home() -> Path:
    """A home with nothing but an empty database, to be copied; it is removed with the home of all tests."""
    home = Path(os.environ["ACCORD_HOME"]) / "migrated"
    done = run_command(home, "migrate", "--verbosity=0")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database, database:
        # A greeting that comes by itself is in the way of tests that count what has come; tests/plugins are about it.
        database.execute("INSERT INTO console_setting (name, value, changed_at) VALUES ('plugin_welcome', 'off', 0)")
    return home


class HubProcess:
    """A hub that serves. As a context manager it is stopped in order at the end."""

    def __init__(self, home: Path, process: Process | subprocess.Popen[bytes], facts: dict[str, Any]) -> None:
        self.home = home
        self.process = process
        self.facts = facts  # hub.json

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    @property
    def ws(self) -> str:
        return str(self.facts["ws"])

    @property
    def key(self) -> str:
        return str(self.facts["key"])

    @property
    def port(self) -> int:
        return int(self.facts["port"])

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """Everything that hubs of this home have printed so far."""
        return _log(self.home).read_text(encoding="utf-8")

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self, signal_number: int = signal.SIGINT) -> int:
        """Stop it in order; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def start_hub(home: Path, server: str = "hub", **extra: str) -> HubProcess:
    """Start a hub ("hub" or "runserver") in `home`, which is made if need be, and wait until it serves."""
    if not (home / "hub.sqlite3").exists():
        shutil.copytree(migrated_home(), home, dirs_exist_ok=True)
    with _wait_for_place() as place, ports_needed():
        return _start(home, server, place, **extra)


def _start(home: Path, server: str, place: IO[bytes], **extra: str) -> HubProcess:
    facts_path = home / "hub.json"
    facts_path.unlink(missing_ok=True)
    options = ["--noreload"] if server == "runserver" else []
    with _log(home).open("ab") as log:
        process = begin(server, *options, env=environment(home, **extra), output=log, errors=log, holds=[place])
    try:
        wait_until(lambda: facts_path.exists() or process.poll() is not None, what="the hub serves")
        assert process.poll() is None, _log(home).read_text(encoding="utf-8")
        return HubProcess(home, process, json.loads(facts_path.read_text(encoding="utf-8")))
    except BaseException:
        process.kill()
        process.wait(PATIENCE_SECONDS)
        raise


def _log(home: Path) -> Path:
    return home.with_name(f"{home.name}.log")
