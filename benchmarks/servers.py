"""The processes that are measured: the hub under either server, and what it is compared with."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.homes import ROOT, environment

START_TIMEOUT_SECONDS: Final = 60
STOP_TIMEOUT_SECONDS: Final = 20
POLL_SECONDS: Final = 0.002
PORT_POLL_SECONDS: Final = 0.5
HUB_PORTS: Final = range(51030, 51043)
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """A running server; `started_in` are the seconds from exec until it could be connected to."""

    process: psutil.Process
    port: int
    started_in: float
    home: Path

    def rss(self) -> int:
        """Bytes of memory in use."""
        return int(self.process.memory_info().rss)


@contextlib.contextmanager
def hub(home: Path, *, daphne: bool = False) -> Iterator[Server]:
    """The hub on a home, as `manage.py hub` (uvicorn) or `manage.py runserver` (Daphne) runs it."""
    facts = home / "hub.json"
    facts.unlink(missing_ok=True)
    command = [sys.executable, "manage.py", "runserver" if daphne else "hub"]
    _wait_for_port()

    def port() -> int | None:
        with contextlib.suppress(FileNotFoundError):
            return int(json.loads(facts.read_text(encoding="utf-8"))["port"])
        return None

    with _running(command, home) as (process, began, log):
        number = _wait(process, port, log)
        yield Server(psutil.Process(process.pid), number, time.perf_counter() - began, home)


@contextlib.contextmanager
def other(home: Path, *command: str) -> Iterator[Server]:
    """Another server: a Python command line in which {port} is where it shall listen."""
    number = free_port()

    def port() -> int | None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, number)):
            return number
        return None

    arguments = [part.format(port=number) for part in command]
    with _running([sys.executable, *arguments], home) as (process, began, log):
        _wait(process, port, log)
        yield Server(psutil.Process(process.pid), number, time.perf_counter() - began, home)


def _wait_for_port() -> None:
    """The hub's ports are few, and other hubs of this machine may have all of them for a moment."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and all(_is_taken(port) for port in HUB_PORTS):
        time.sleep(PORT_POLL_SECONDS)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], home: Path) -> Iterator[tuple[subprocess.Popen[bytes], float, Path]]:
    log = home / "server.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment(home), stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process, began, log
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: object, log: Path) -> int:
    assert callable(port)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while (number := port()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(POLL_SECONDS)
    return int(number)
