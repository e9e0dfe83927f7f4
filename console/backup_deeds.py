"""The deeds about backups: make one now, try the newest now. Both run in a process of their own (messaging/backup)."""

from __future__ import annotations

from django.urls import reverse

from accord.errors import AccordError
from console.deeds import Deed, named
from messaging.backup import rules, schedule
from messaging.backup.keys import BackupError
from messaging.models import BackupRun


def _start(kind: BackupRun.Kind) -> None:
    try:
        schedule.start(kind)
    except BackupError as error:
        raise AccordError("conflict", str(error)) from error


@named("backup")
def backup(target: str) -> Deed:
    """Back up now."""
    if not rules.is_set_up():
        raise AccordError("conflict", "set a key or a passphrase's file first, under Settings")

    def run(values: dict[str, str]) -> str:
        _start(BackupRun.Kind.BACKUP)
        return "The backup has been begun; it appears here when it is whole and has been tried."

    return Deed(
        "Back up now",
        (
            f"One encrypted file is written into {rules.BACKUP_FOLDER.value}, with the keys and every message.",
            "The hub goes on meanwhile. Then the backup is tried, and what is too many in that folder is removed.",
        ),
        "Back up",
        run,
        reverse("admin:backups"),
    )


@named("drill")
def drill(target: str) -> Deed:
    """Try the newest backup now."""

    def run(values: dict[str, str]) -> str:
        _start(BackupRun.Kind.DRILL)
        return "The drill has been begun; its result appears here."

    return Deed(
        "Try the newest backup",
        (
            "It is restored into a scratch place in the hub's home, the root of every topic is computed anew and "
            "compared, and all of it is removed again.",
            "That needs as much room as the store, for some minutes at most. The hub goes on meanwhile.",
        ),
        "Try it",
        run,
        reverse("admin:backups"),
    )
