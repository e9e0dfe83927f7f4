"""`manage.py import_bundle FILE`: take in what another hub has put into a file (docs/archive.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from messaging.archive.reading import bundle_read, equal_parts
from messaging.archive.shown import shown, summary
from messaging.services import hub_install
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Reads a bundle."""

    help = "Take in a bundle of another hub: the file is checked whole, then each message is verified."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", type=Path, help="a file written by export_bundle")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, and tell what came of it."""
        with shown(self.stderr, None) as progress:
            hub_install()
            taken, parts = bundle_read(options["file"], progress=progress)
            equal = equal_parts(parts, now=now_ms())
        self.stdout.write(summary(taken))
        self.stdout.write(f"{equal} of {len(parts)} topics are as they were there.")
