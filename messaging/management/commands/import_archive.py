"""`manage.py import_archive DIR`: take in the messages of an archive (docs/archive.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from messaging.archive.reading import archive_read
from messaging.archive.shown import shown, summary
from messaging.services import hub_install
from peers.commands import HubCommand


class Command(HubCommand):
    """Reads an archive of this or of another hub."""

    help = (
        "Take in the messages of an archive, of this hub or of another one, as if a linked hub brought them: "
        "each is verified. May be run again, and goes on where it was cut."
    )

    exits = {
        0: "all of it has been read",
        1: "refused, or parts are not what they say: these are named and left out",
        2: "wrong usage",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """The folder."""
        parser.add_argument("dir", type=Path, help="an archive written by export_archive")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, and tell what came of it; exit code 1 when parts are broken."""
        with shown(self.stderr, None) as progress:
            hub_install()
            taken = archive_read(options["dir"], progress=progress)
        self.stdout.write(summary(taken))
        if taken.broken:
            raise CommandError("parts of the archive are not what they say; the rest has been read")
