"""`manage.py export_archive DIR`: the store in plain files, each topic under the root of its tree (docs/archive.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from messaging import selectors
from messaging.archive.shown import shown
from messaging.archive.writing import archive_write
from messaging.services import hub_install
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Writes or renews an archive."""

    help = (
        "Write every message into plain files under DIR, each topic under the root of its Merkle tree. "
        "Run again, it writes what has changed. The text of open and of direct messages is in there: keep it safe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The folder."""
        parser.add_argument("dir", type=Path, help="a folder: new, empty, or an archive that is brought up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and tell how much."""
        with shown(self.stderr, selectors.figures()["messages"]) as progress:
            hub_install()
            done = archive_write(options["dir"], now=now_ms(), progress=progress)
        self.stdout.write(f"{done.messages} messages; {done.topics} topics written, {done.unchanged} unchanged.")
