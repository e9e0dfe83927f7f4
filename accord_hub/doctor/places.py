"""The home and what lies in it: who may read it, whether its keys are keys, what was left behind, room on its disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from accord.encoding import b64decode
from accord.errors import RemoteError
from accord_hub import home
from accord_hub.doctor.findings import Finding, problem, warning
from messaging.backup.manifest import DATABASE
from messaging.backup.runs import DRILL_FOLDER, is_under_way
from peers.keyring import RESTORING, SWITCHING

KEYS: Final = ("hub.key", "admin.key", "secret.key", "console.key")
LITTLE_DISK_BYTES: Final = 2 * 1024**3
NO_DISK_BYTES: Final = 256 * 1024**2
LITTLE_DISK_SHARE: Final = 0.05


def home_there() -> Iterator[Finding]:
    """Whether there is a home that this user can use; if not, nothing else can be looked at."""
    path: Path = settings.ACCORD_HOME
    if not path.exists():
        yield problem("home.missing", f"There is no hub in {path}.", "manage.py init makes one; or set ACCORD_HOME.")
    elif not path.is_dir():
        yield problem("home.no_folder", f"{path} is no folder.", "Set ACCORD_HOME to a folder of the hub's own.")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            "home.closed",
            f"This user may not read and write in {path}.",
            "Run the hub's commands as the user that the hub runs as, or chown the folder to this one.",
        )
    elif (path / RESTORING).exists():
        yield problem(
            "home.restoring",
            f"A restore into {path} is under way, or was cut off.",
            "Run the same manage.py restore again: it begins anew.",
        )
    elif (path / SWITCHING).exists():
        yield problem(
            "home.switching",
            f"A backup was being put in place in {path}, and that was cut off.",
            "Start the hub (make run): it goes on where it was cut off.",
        )


def rights() -> Iterator[Finding]:
    """Whether others on this machine could read it."""
    path: Path = settings.ACCORD_HOME
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield problem("home.open", f"Others on this machine may look into {path}.", f"chmod 700 {path}")
    for found in sorted(path.iterdir()):
        if found.is_file() and stat.S_IMODE(found.stat().st_mode) & 0o077:
            yield problem(
                "file.open",
                f"{found} can be read by others on this machine.",
                f"chmod 600 {found}, and think of who may have copied it.",
            )
        if found.stat().st_uid != path.stat().st_uid:
            yield warning(
                "file.owner",
                f"{found} belongs to another user than the home.",
                f"chown it: a command has been run as another user, often as root ({found.name}).",
            )


def keys() -> Iterator[Finding]:
    """Whether the keys are there, and keys."""
    path: Path = settings.ACCORD_HOME
    has_database = (path / DATABASE).exists()
    for name in KEYS:
        file = path / name
        if not file.exists():
            if has_database and name in ("hub.key", "admin.key"):
                yield problem(
                    "key.missing",
                    f"{file} is not there, but the database is: with a new key this would be another hub.",
                    "Put the file back from a backup before you start anything: manage.py restore into a new home, "
                    "and copy it from there.",
                )
            continue
        try:
            b64decode(file.read_text(encoding="utf-8").strip(), 32)
        except (OSError, UnicodeDecodeError, RemoteError):
            yield problem("key.broken", f"{file} does not hold a key, or cannot be read.", "Restore it from a backup.")


def leftovers() -> Iterator[Finding]:
    """What crashed runs have left behind."""
    path: Path = settings.ACCORD_HOME
    if (path / "hub.json").exists() and not home.is_running():
        yield warning(
            "home.stale",
            "hub.json says that a hub serves, but none does: it has crashed or was killed.",
            "Start it; programs of this machine look there. Its log says why it ended.",
        )
    if (path / DRILL_FOLDER).exists() and not is_under_way():
        yield warning(
            "drill.left",
            "A restore drill was killed and has left its scratch place, with messages in it.",
            f"rm -r {path / DRILL_FOLDER}; the next drill removes it too.",
        )


def disk() -> Iterator[Finding]:
    """Whether there is room."""
    found = shutil.disk_usage(settings.ACCORD_HOME)
    free = f"{found.free / 1024**3:.1f} GiB of {found.total / 1024**3:.0f} GiB are free on the hub's disk"
    if found.free < NO_DISK_BYTES:
        yield problem("disk.full", f"{free}: it can hardly store anything.", "Make room at once.")
    elif found.free < LITTLE_DISK_BYTES or found.free < found.total * LITTLE_DISK_SHARE:
        yield warning(
            "disk.filling", f"{free}.", "Make room, or give the store less: manage.py prune --dry-run, Storage."
        )
