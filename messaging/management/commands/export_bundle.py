"""`manage.py export_bundle FILE`: one signed file of what another hub lacks (docs/archive.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from accord.encoding import b64decode
from accord.topics import Topic, parse_topic
from messaging.archive.bundles import bundle_write
from messaging.archive.layout import ArchiveError, read_roots
from messaging.archive.shown import shown
from messaging.services import hub_install
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Writes a bundle."""

    help = (
        "Write one signed file for a hub that cannot be reached: what came after the roots that it has "
        "(--have FILE, from `manage.py roots` there; or --topic and --since), or everything."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and since when."""
        parser.add_argument("file", type=Path, help="the file to write")
        parser.add_argument("--have", type=Path, metavar="ROOTS", help="the roots of the other hub: `manage.py roots`")
        parser.add_argument("--topic", help="this topic alone")
        parser.add_argument("--since", metavar="ROOT", help="with --topic: the root that the other hub has")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and tell how much."""
        with shown(self.stderr, None) as progress:
            hub_install()
            only = parse_topic(options["topic"]) if options["topic"] else None
            done = bundle_write(
                options["file"], since=_since(options, only), only=only, now=now_ms(), progress=progress
            )
        self.stdout.write(f"{done.messages} messages of {done.topics} topics.")


def _since(options: dict[str, Any], only: Topic | None) -> dict[Topic, bytes]:
    if options["since"]:
        if only is None:
            raise ArchiveError("--since is the root of one topic: name it with --topic")
        return {only: b64decode(options["since"], 32)}
    return read_roots(options["have"]) if options["have"] else {}
