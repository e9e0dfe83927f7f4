"""`manage.py backup`: one encrypted file with all that this hub is, made while it runs (docs/backup.md)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from accord_hub import runner
from accord_hub.backup_shown import leave_on_sigterm, shown, typed_passphrase
from messaging.backup import rules
from messaging.backup.keys import Lock, checked_passphrase, read_public, secret_file
from messaging.backup.runs import backup_run, drill_run, thin_out
from messaging.backup.writing import Made, database_path
from messaging.services import hub_install
from peers.commands import HubCommand

NICENESS: Final = 10  # the hub goes first


class Command(HubCommand):
    """Makes a backup, whether the hub runs or not."""

    help = (
        "Make a backup of the hub: keys, people, messages, everything, in one encrypted file. The hub may run "
        "meanwhile. It is sealed to a passphrase or to the public half of a key (manage.py backup_key); without "
        "either, to what is set in the console, or to a passphrase that is asked for. `manage.py restore` reads it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where, and to whom."""
        parser.add_argument(
            "--to",
            metavar="FILE|FOLDER",
            type=Path,
            help="a new file, or a folder that is there (default: the folder that is set in the console, "
            "`backups` in the hub's home)",
        )
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--passphrase-file", metavar="FILE", type=Path, help="its first line is the passphrase; chmod 600"
        )
        group.add_argument("--recipient", metavar="KEY", help="the public half of a key, as backup_key printed it")
        parser.add_argument(
            "--scheduled",
            action="store_true",
            help="as the hub does each night: into the folder and for the key that are set in the console; remove what "
            "is too many there, and try the new one (manage.py drill)",
        )
        parser.add_argument("--json", action="store_true", help="print {file, bytes, messages, topics, rows, seconds}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and tell what it holds."""
        if options["scheduled"]:
            if options["to"] or options["recipient"] or options["passphrase_file"]:
                raise CommandError("--scheduled goes by what is set in the console", returncode=2)
            os.nice(NICENESS)
        leave_on_sigterm()
        runner.prepare()
        hub_install()
        with shown(self.stderr, "rows") as progress:
            database_path()
            lock = _lock(options)
            made = backup_run(target=options["to"] or rules.folder(), lock=lock, progress=progress)
            if options["scheduled"]:
                thin_out(rules.folder())
                drill_run(progress=progress)
        self._tell(made, as_json=options["json"])

    def _tell(self, made: Made, *, as_json: bool) -> None:
        if as_json:
            names = ("bytes", "messages", "topics", "rows", "seconds")
            facts = {"file": str(made.path), **{name: getattr(made, name) for name in names}}
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(
            f"{made.path}: {made.messages:,} messages in {made.topics:,} topics, {made.bytes:,} bytes, "
            f"{made.seconds:.1f} s. `manage.py restore --check-only` proves that it can be read."
        )


def _lock(options: dict[str, Any]) -> Lock:
    if options["recipient"] is not None:
        return read_public(options["recipient"])
    if options["passphrase_file"] is not None:
        return checked_passphrase(secret_file(options["passphrase_file"]))
    if not rules.is_set_up() and sys.stdin.isatty():
        return typed_passphrase()
    return rules.lock()
