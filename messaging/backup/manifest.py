"""What a backup says of itself, first and last; which files of a hub's home belong into one."""

from __future__ import annotations

import contextlib
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from accord.encoding import b64encode
from messaging.backup.container import NEWER
from messaging.backup.keys import BackupError
from messaging.backup.rows import TopicRoot

FORMAT: Final = 1
DATABASE: Final = "hub.sqlite3"
HUB_KEY: Final = "hub.key"
FILE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}\.key|audit\.head|mode|name|url|first_invite")
MAX_FILE_BYTES: Final = 64 * 1024


@lru_cache(maxsize=1)
def program_version() -> str:
    """The version of this program, as its checkout says."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def home_files(home: Path) -> dict[str, bytes]:
    """What lies beside the database and is needed: keys, the head of the audit log, the mode, the name, the address,
    the first invite. To be read before the database is: what it says of the database must be in there. OSError.
    """
    found = {}
    for path in sorted(home.iterdir()):
        if FILE_NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):  # the first invite has just been used
                found[path.name] = path.read_bytes()
    return found


def roots_json(roots: dict[str, TopicRoot]) -> dict[str, list[Any]]:
    """Roots as the manifest lists them: topic, [root, messages, horizon]."""
    return {name: [b64encode(found.root), found.messages, found.horizon] for name, found in sorted(roots.items())}


def check_known(begin: dict[str, Any]) -> None:
    """BackupError where a newer version of this program made what a backup holds."""
    if begin.get("part") != "begin" or begin.get("format", 0) > FORMAT:
        raise BackupError(NEWER)
    loader = MigrationLoader(None, ignore_no_migrations=True)
    known = set(loader.disk_migrations)
    apps = {app for app, _ in known}
    if any(app in apps and (app, name) not in known for app, name in begin["migrations"]):
        raise BackupError(NEWER)
