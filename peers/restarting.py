"""The hub's process begins anew as itself, with the same arguments, once it has stopped in order.

Needed where the files of its home have changed under it: keys, database and what settings read of the home. The socket
on which it listens stays open meanwhile: whoever comes waits a moment, and the address is the same. Not here: when
(console/restores.py), the files (messaging/backup/switching.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from typing import Final, NoReturn

from django.conf import settings

ANSWER_SECONDS: Final = 0.5  # for the answer to the request that asked for it
LISTENER: Final = "ACCORD_LISTENER"  # in the environment: the number of the open socket

_asked = threading.Event()
_serving: list[socket.socket] = []


def serves(listener: socket.socket) -> None:
    """This process listens there."""
    _serving[:] = [listener]


def ask() -> None:
    """Have the hub stop in order soon, and begin anew."""
    for listener in _serving:
        number = os.dup(listener.fileno())
        os.set_inheritable(number, True)
        os.environ[LISTENER] = str(number)
    _asked.set()
    timer = threading.Timer(ANSWER_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()


def is_asked() -> bool:
    """Whether this process shall begin anew when it has stopped."""
    return _asked.is_set()


def begin_anew() -> NoReturn:
    """Become a fresh process of the same number."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, str(settings.BASE_DIR / "manage.py"), *sys.argv[1:]])  # noqa: S606


def listener_kept() -> socket.socket | None:
    """The socket on which this process has listened before it began anew."""
    with contextlib.suppress(KeyError, ValueError, OSError):
        number = int(os.environ.pop(LISTENER))
        os.set_inheritable(number, False)
        return socket.socket(fileno=number)
    return None
