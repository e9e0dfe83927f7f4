"""The hub's own keys and files under $ACCORD_HOME: directory 0700, files 0600 (protocol.md section 3).

hub.key     the peer key of the hub
admin.key   the admin's user key, until an owner claims the hub
secret.key  32 bytes from which stateless tags are derived (section 10)
import.key  32 bytes from which an import derives its keys (section 14), made by the first import
bot.key     the user key of the hub's bot (section 14), made when it first has something to say
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

from accord.encoding import b64decode, b64encode
from accord.errors import RemoteError
from accord.keys import SigningKey

RESTORING: Final = "restoring"  # a folder in a home that is not whole: messaging/backup/restoring.py
SWITCHING: Final = "switching.json"  # in a home whose files change places: messaging/backup/switching.py
ALONE_TIMEOUT_SECONDS: Final = 10.0
ALONE_POLL_SECONDS: Final = 0.05

_shared: dict[Path, int] = {}  # open folders, locked as long as this process lives


class HomeError(Exception):
    """The hub's home or a file in it cannot be used; the text is for the operator."""


@dataclass(frozen=True)
class Keyring:
    """The secrets of this hub."""

    hub: SigningKey
    admin: SigningKey
    secret: bytes


def prepare_home() -> Path:
    """Make $ACCORD_HOME if it is not there, and see that only its owner may enter."""
    home: Path = settings.ACCORD_HOME
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(home.stat().st_mode) != 0o700:
            home.chmod(0o700)
        is_new = _share(home)
        names = os.listdir(home)
    except OSError as error:
        raise HomeError(f"cannot use the hub's home {home}: {error.strerror}") from error
    try:
        if RESTORING in names:
            raise HomeError(f"{home} is not whole: a restore is under way there, or was cut off; then run it again")
        if SWITCHING in names:
            raise HomeError(f"a restore into {home} was cut off: start the hub, which brings it to its end")
    except HomeError:
        if is_new:
            os.close(_shared.pop(home))
        raise
    return home


def _share(home: Path) -> bool:
    """Hold the home, with this hub's other processes, until this one ends: whoever moves its files wants it alone.
    Whether that is new.
    """
    if home in _shared:
        return False
    handle = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno == errno.EWOULDBLOCK:
            raise HomeError(f"a restore into {home} is under way: try again in a moment") from error
        raise
    _shared[home] = handle
    return True


@contextlib.contextmanager
def alone_in(home: Path, seconds: float = ALONE_TIMEOUT_SECONDS) -> Iterator[None]:
    """Be the only process of this hub, to move the files of its home; HomeError where others go on for `seconds`."""
    shared = _shared.pop(home, None)
    handle = os.open(home, os.O_RDONLY | os.O_DIRECTORY) if shared is None else shared
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise HomeError(f"another command of the hub in {home} is running") from error
                time.sleep(ALONE_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that was never readable by others and is never half written; FileExistsError unless `replace`."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def private_seed(name: str) -> bytes:
    """The 32 bytes in a key file of the hub's home, made at random on first use; HomeError if they cannot be read."""
    path = prepare_home() / name
    try:
        if not path.exists():
            with contextlib.suppress(FileExistsError):  # another command of this hub was faster: its key is the one
                write_private(path, b64encode(secrets.token_bytes(32)) + "\n", replace=False)
        if path.stat().st_mode & 0o077:
            raise HomeError(f"{path} can be read by others: chmod 600 it, and think of who may have copied it")
        return b64decode(path.read_text(encoding="utf-8").strip(), 32)
    except OSError as error:
        raise HomeError(f"cannot read {path}: {error.strerror}") from error
    except RemoteError as error:
        raise HomeError(f"{path} does not hold a key") from error


@lru_cache(maxsize=1)
def keyring() -> Keyring:
    """This hub's keys, made on first use; HomeError if they cannot be read."""
    return Keyring(
        hub=SigningKey(private_seed("hub.key")),
        admin=SigningKey(private_seed("admin.key")),
        secret=private_seed("secret.key"),
    )
