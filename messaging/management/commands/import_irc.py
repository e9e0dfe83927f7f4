"""`manage.py import_irc FILES... --channel NAME`: IRC logs as messages of an open channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accord.errors import AccordError
from accord.topics import Topic
from messaging import selectors
from messaging.import_keys import IMPORT_KEY_FILE
from messaging.importer import RAW_SUFFIX, Importer, ImportTally
from messaging.services import channel_create, hub_install
from peers.commands import HubCommand
from peers.keyring import HomeError, private_seed
from peers.selectors import admin_account_id


class Command(HubCommand):
    """Import logs of the form `[HH:MM] <nick> text`, with their annotation files where they lie beside them."""

    help = (
        "Turn IRC logs (*.raw.txt, with *.annotation.txt beside them) into signed messages. "
        "May be run again, and goes on where it was cut."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Files or folders, and the channel."""
        parser.add_argument("files", nargs="+", type=Path, help="log files, or folders that hold them")
        parser.add_argument("--channel", required=True, help="name of the open channel; it is made if it is not there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the import and tell what was stored."""
        paths = find_logs(options["files"])
        try:
            hub_install()
            channel = find_channel(options["channel"])
            importer = Importer(secret=private_seed(IMPORT_KEY_FILE), channel=channel, account_id=admin_account_id())
            tally = self._run(importer, paths)
        except (AccordError, HomeError, OSError, ValueError) as error:
            raise CommandError(
                f"stopped: {error}. What is stored stays; run the same command again to go on."
            ) from error
        self.stdout.write(
            f"{tally.spoken} spoken lines of {len(paths)} files: "
            f"{tally.stored} stored, {tally.duplicate} were there already."
        )

    def _run(self, importer: Importer, paths: list[Path]) -> ImportTally:
        lines = sum(path.read_bytes().count(b"\n[") + path.read_bytes().startswith(b"[") for path in paths)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as progress:
            task = progress.add_task("lines", total=lines)
            return importer.run(paths, lambda tally: progress.update(task, completed=tally.spoken))


def find_logs(given: list[Path]) -> list[Path]:
    """The raw logs among files and in folders, by name; CommandError where there are none."""
    paths = []
    for path in given:
        if path.is_dir():
            paths += sorted(path.glob(f"*{RAW_SUFFIX}"))
        elif path.is_file():
            paths.append(path)
        else:
            raise CommandError(f"no such file: {path}")
    paths = [path for path in paths if not path.name.endswith(".annotation.txt")]
    if not paths:
        raise CommandError(f"no logs there (files that end with {RAW_SUFFIX})")
    return paths


def find_channel(name: str) -> Topic:
    """The open channel of that name, made by the admin if it is not there."""
    row = selectors.topic_by_name(name)
    return Topic("chan", bytes(row.ident)) if row else channel_create(name=name)
