"""What a running hub holds on this machine: a lock on its home, a port, and hub.json, by which programs find it.

hub.lock      held by the hub's process for as long as it lives, however it ends
hub.json      {url, ws, port, key, pid}, there while the hub serves
first_invite  the link that nobody has used yet
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from accord.encoding import b64encode
from peers.keyring import HomeError, keyring, prepare_home, write_private

PORTS: Final = range(51030, 51043)
LOOPBACK: Final = "127.0.0.1"
LISTEN_BACKLOG: Final = 2048
LOCK_TIMEOUT_SECONDS: Final = 0.5
LOCK_POLL_SECONDS: Final = 0.05


class ServeError(HomeError):
    """The hub cannot be served; the text is for the operator."""


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Be this home's one hub. The kernel lets go of the lock with the process, so a crash leaves nothing behind."""
    path = prepare_home() / "hub.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HomeError(f"cannot open {path}: {error.strerror}") from error
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS  # `is_running` may hold it for a moment
        while not _try_lock(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise ServeError(f"a hub is running already in {path.parent}: see `manage.py status`")
            time.sleep(LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def is_running() -> bool:
    """Whether a process holds the lock."""
    try:
        handle = os.open(settings.ACCORD_HOME / "hub.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def listen(host: str = LOOPBACK, ports: Sequence[int] = PORTS) -> socket.socket:
    """A listening socket on the first free port; ServeError if there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart finds its port again at once
            listener.bind((host, port))
            listener.listen(LISTEN_BACKLOG)  # with SO_REUSEADDR two may bind a port; only one may listen on it
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise ServeError(f"cannot listen on {host} port {port}: {error.strerror}") from error
        else:
            return listener
    if len(ports) == 1:
        raise ServeError(f"port {ports[0]} of {host} is in use by another program")
    raise ServeError(f"no free port: {ports[0]}-{ports[-1]} of {host} are all in use by other programs")


def local_url(listener: socket.socket) -> str:
    """The address at which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if host == "0.0.0.0":  # noqa: S104 - compared, not bound
        host = LOOPBACK
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def peer_address(url: str) -> str:
    """Where programs open their WebSocket at a hub with this address."""
    return f"ws{url.removeprefix('http')}/ws/peer"


@contextlib.contextmanager
def announced(listener: socket.socket) -> Iterator[None]:
    """Tell programs of this machine where the hub is, until it stops."""
    url = settings.ACCORD_URL or local_url(listener)
    facts = {
        "url": url,
        "ws": peer_address(url),
        "port": listener.getsockname()[1],
        "key": b64encode(keyring().hub.public),
        "pid": os.getpid(),
    }
    path = _facts_path()
    write_private(path, json.dumps(facts) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_hub() -> dict[str, Any] | None:
    """hub.json of the hub that serves now, if one does."""
    if not is_running():
        return None
    try:
        facts: dict[str, Any] = json.loads(_facts_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None  # it is starting or stopping
    return facts


def likely_url() -> str:
    """Where the hub is, or will be as far as one can know."""
    running = running_hub()
    if running is not None:
        return str(running["url"])
    return settings.ACCORD_URL or f"http://{LOOPBACK}:{PORTS[0]}"


def _facts_path() -> Path:
    home: Path = settings.ACCORD_HOME
    return home / "hub.json"
