"""The deeds about backups: make their key, make one now, try the newest now. The last two run in a process of their own
(messaging/backup).
"""

from __future__ import annotations

from django.urls import reverse

from accord.errors import AccordError
from console import services
from console.deeds import Deed, named
from messaging.backup import rules, schedule
from messaging.backup.keys import BackupError, pair_create
from messaging.models import BackupRun
from peers.clock import now_ms


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


@named("backup-key")
def backup_key(target: str) -> Deed:
    """Make the key that opens the backups, and let backups be made."""

    def run(values: dict[str, str]) -> str:
        public, secret = pair_create()
        services.option_set(name=rules.BACKUP_KEY.name, text=public, now=now_ms())
        return secret

    before = rules.BACKUP_KEY.value
    return Deed(
        "Make a key for the backups" if not before else "Make another key for the backups",
        (
            "Two halves are made. The hub keeps the one that seals; the other one, which opens, is shown to you, once.",
            "Keep that one where neither a fire nor a thief of this machine finds it: on paper, in a password store. "
            "Without it, no backup can be opened on another machine.",
            "The first backup is made within a minute, then one each night, and each is restored to try it."
            if not before
            else "Backups that are there open with the key of their time, so keep that one too.",
        ),
        "Make the key",
        run,
        reverse("admin:backups"),
        is_secret=True,
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
