"""Processes of a hub that begin with the libraries already imported: most of a start, and there are hundreds of them.

A server, one for each process of tests, imports what a hub imports that is not its own, and forks for each process that
is asked for; the fork runs manage.py as `python manage.py ...` would, with environment, output and signals of its own.
`Process` is what subprocess.Popen is to the tests. Where the system cannot do that (no pidfd), they are started anew.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

ROOT = Path(__file__).resolve().parents[1]
_MAX_REQUEST_BYTES: Final = 128 * 1024
_MAX_FDS: Final = 8
# Of the project only what knows of no settings.
_PURE: Final = ("accord", "accord_client")
_PROBE: Final = """
import sys, tempfile, os
os.environ["ACCORD_HOME"] = tempfile.mkdtemp()
os.environ["DJANGO_SETTINGS_MODULE"] = "accord_hub.settings"
import accord_hub.asgi, accord_hub.runner, accord_hub.urls
os.rmdir(os.environ["ACCORD_HOME"])
print("\\n".join(sys.modules))
"""


def begin(
    *arguments: str, env: dict[str, str], output: IO[bytes], errors: IO[bytes], holds: Sequence[IO[bytes]] = ()
) -> Process | subprocess.Popen[bytes]:
    """Start `manage.py *arguments`; it reads nothing. Files that it `holds` stay open as long as it lives."""
    held = [file.fileno() for file in holds]
    if hasattr(os, "pidfd_open"):
        return Process(*arguments, env=env, streams=(output.fileno(), errors.fileno()), held=held)
    command = [sys.executable, "manage.py", *arguments]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=nothing, stdout=output, stderr=errors, pass_fds=held)


class Process:
    """One of the hub's commands, forked from the server."""

    def __init__(self, *arguments: str, env: dict[str, str], streams: tuple[int, int], held: list[int]) -> None:
        self.args = ["manage.py", *arguments]
        self.returncode: int | None = None
        self._status, told = os.pipe()
        request = json.dumps({"argv": self.args, "env": env}).encode()
        with open(os.devnull, "rb") as nothing:
            socket.send_fds(_server()[0], [request], [nothing.fileno(), *streams, told, *held])
        os.close(told)
        self.pid = int(self._read())

    def __del__(self) -> None:
        os.close(self._status)

    def _read(self) -> str:
        """The next of the two numbers that the server tells: the pid, then the exit code."""
        number = b""
        while not number.endswith(b"\n"):
            byte = os.read(self._status, 1)
            if not byte:
                raise RuntimeError("the server of processes is gone")
            number += byte
        return number.decode()

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        return self._wait_for(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended; subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._wait_for(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("manage.py", timeout or 0)
        return code

    def _wait_for(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = int(self._read())
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash would."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server; it ends when this process does. It must not know of the settings of the tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    with theirs:
        command = [sys.executable, "-m", "tests.forks", str(theirs.fileno())]
        return ours, subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[theirs.fileno()])


# ---------------------------------------------------------------------------------------------------------- the server


def _import_libraries() -> None:
    """Everything that a hub imports and that does without its settings."""
    found = subprocess.run([sys.executable, "-c", _PROBE], check=True, capture_output=True, text=True)
    own = {path.parent.name for path in ROOT.glob("*/__init__.py")} - set(_PURE)
    for name in found.stdout.split():
        if name.split(".")[0] not in own and not name.startswith("__"):
            with contextlib.suppress(Exception):  # what needs settings waits for them
                importlib.import_module(name)


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for each request, and tell who asked how it ended; None when nobody can ask any more.

    In a fork it gives what was asked for, with standard input, output and errors in place.
    """
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not requests:
                    _tell(waiting, key)
                    continue
                data, fds, _, _ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, _MAX_FDS)
                if not data:
                    return None
                asked: dict[str, Any] = json.loads(data)
                pid = os.fork()
                if pid == 0:
                    for number, fd in enumerate(fds[:3]):
                        os.dup2(fd, number)
                    others = [key for key in waiting.get_map().values() if key.fileobj is not requests]
                    for fd in (*fds[:4], *(key.fd for key in others), *(key.data[1] for key in others)):
                        os.close(fd)
                    return asked
                for fd in (*fds[:3], *fds[4:]):
                    os.close(fd)
                os.write(fds[3], f"{pid}\n".encode())
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, fds[3]))


def _tell(waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """A process has ended."""
    pid, told = key.data
    waiting.unregister(key.fileobj)
    os.close(key.fd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know
        os.write(told, f"{code}\n".encode())
    os.close(told)


def _main(fd: int) -> None:
    with socket.socket(fileno=fd) as requests:
        _import_libraries()
        gc.collect()
        gc.freeze()  # what all forks share stays shared
        asked = _serve(requests)
    if asked is not None:
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv = asked["argv"]
        given = asked["env"].get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [path for path in given if path and path not in sys.path]
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _main(int(sys.argv[1]))
