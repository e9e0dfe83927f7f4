"""What the commands `backup` and `restore` have in common: the progress bar, secrets from files or the keyboard."""

from __future__ import annotations

import contextlib
import getpass
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from messaging.backup.keys import (
    SECRET,
    BackupError,
    Passphrase,
    SecretKey,
    checked_passphrase,
    read_secret,
    secret_file,
)


@contextlib.contextmanager
def shown(errors: OutputWrapper, what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where somebody looks; gives what advances it. What the operator can mend is
    told in one line.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), disable=not errors.isatty()) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
    except BackupError as error:
        raise CommandError(str(error)) from error


def add_unlock_arguments(parser: ArgumentParser) -> None:
    """What opens a backup."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--passphrase-file", metavar="FILE", type=Path, help="its first line is the passphrase that opens the backup"
    )
    group.add_argument(
        "--key-file", metavar="FILE", type=Path, help="its first line is the secret half of the key that opens it"
    )


def unlock_of(options: dict[str, Any]) -> Passphrase | SecretKey:
    """What was given, or what is typed now; BackupError."""
    if options["passphrase_file"] is not None:
        return Passphrase(secret_file(options["passphrase_file"]))
    if options["key_file"] is not None:
        return read_secret(secret_file(options["key_file"]))
    if not sys.stdin.isatty():
        raise BackupError("say what opens the backup: --passphrase-file FILE or --key-file FILE")
    typed = getpass.getpass("Passphrase, or the secret half of the key: ")
    return read_secret(typed) if typed.startswith(SECRET) else Passphrase(typed)


def typed_passphrase() -> Passphrase:
    """A passphrase for a new backup, typed twice; BackupError."""
    first = checked_passphrase(getpass.getpass("Passphrase for this backup: "))
    if getpass.getpass("The same again: ") != first.text:
        raise BackupError("the two are not the same")
    return first


def leave_on_sigterm() -> None:
    """A stop leaves nothing half: what has been begun is undone on the way out."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise CommandError("stopped: nothing has been kept")

    signal.signal(signal.SIGTERM, leave)
