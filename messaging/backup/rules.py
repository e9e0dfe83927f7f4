"""What the operator has set about backups: to whom they are sealed, where they go, when, how many are kept.

They are made by themselves as soon as there is a key or a passphrase's file. Not here: doing it (schedule.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from messaging.backup.keys import BackupError, Lock, checked_passphrase, read_public, secret_file
from peers import options

FOLDER_NAME: Final = "backups"
MAX_PATH_CHARS: Final = 400
MAX_KEY_CHARS: Final = 100


def _check_key(text: str) -> None:
    if text:
        try:
            read_public(text)
        except BackupError as error:
            raise ValueError(str(error)) from error


def _check_path(text: str) -> None:
    if text and not Path(text).is_absolute():
        raise ValueError("a whole path is expected, one that begins with /")


BACKUP_KEY: Final = options.line(
    "backup_key",
    "Key that opens the backups",
    explains="The public half of a key pair that manage.py backup_key makes. Whoever has the other half can open the "
    "backups that the hub makes each night; the hub cannot. Without a key and without a passphrase no backups are made "
    "by themselves.",
    affects="Counts from the next backup on; those that are there open as before.",
    default=lambda: "",
    least=0,
    most=MAX_KEY_CHARS,
    check=_check_key,
    span="what manage.py backup_key printed as the public half; nothing: none",
)
BACKUP_PASSPHRASE_FILE: Final = options.line(
    "backup_passphrase_file",
    "File with the passphrase of the backups",
    explains="A file on this machine, readable by the hub alone, whose first line is the passphrase that opens the "
    "backups. Used where no key is set.",
    affects="Counts from the next backup on; those that are there open with the passphrase of their time.",
    default=lambda: "",
    least=0,
    most=MAX_PATH_CHARS,
    check=_check_path,
    span="a whole path; nothing: none",
)
BACKUP_FOLDER: Final = options.line(
    "backup_folder",
    "Folder of the backups",
    explains="Where backups are put: best on another disk, or where another machine fetches them.",
    affects="Those in the folder before stay there, and are no longer thinned out.",
    default=lambda: str(settings.ACCORD_HOME / FOLDER_NAME),
    most=MAX_PATH_CHARS,
    check=_check_path,
    span="a whole path",
)
BACKUP_HOUR: Final = options.number(
    "backup_hour",
    "Hour of the nightly backup",
    explains="A backup is made once a day, when this hour (UTC) has begun, and tried right after: restored into a "
    "scratch place and compared.",
    affects="If today's has been made already, the next one is tomorrow's.",
    default=3,
    least=0,
    most=23,
    unit="o'clock UTC",
)
BACKUPS_DAILY: Final = options.number(
    "backups_daily",
    "Daily backups that are kept",
    explains="The newest backup of each of so many days.",
    affects="What is too many goes after the next backup.",
    default=7,
    least=1,
    most=90,
    unit="days",
)
BACKUPS_WEEKLY: Final = options.number(
    "backups_weekly",
    "Weekly backups that are kept",
    explains="The newest backup of each of so many weeks, beside the daily ones.",
    affects="What is too many goes after the next backup.",
    default=4,
    least=0,
    most=104,
    unit="weeks",
)


def is_possible() -> bool:
    """Whether this hub can be backed up in this way: PostgreSQL has its own (docs/operator.md)."""
    return connection.vendor == "sqlite"


def is_set_up() -> bool:
    """Whether backups are made by themselves."""
    return is_possible() and bool(BACKUP_KEY.value or BACKUP_PASSPHRASE_FILE.value)


def lock() -> Lock:
    """To whom backups are sealed; BackupError where nothing has been set, or it cannot be used."""
    if BACKUP_KEY.value:
        return read_public(BACKUP_KEY.value)
    if BACKUP_PASSPHRASE_FILE.value:
        return checked_passphrase(secret_file(Path(BACKUP_PASSPHRASE_FILE.value)))
    raise BackupError(
        "say to whom the backup is sealed: --passphrase-file FILE, or --recipient KEY (manage.py backup_key makes "
        "one); or set one of them in the console"
    )


def folder() -> Path:
    """Where backups go, made if need be; BackupError."""
    path = Path(BACKUP_FOLDER.value)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(f"cannot use the folder of the backups {path}: {error.strerror}") from error
    return path
