"""`manage.py restore FILE`: a hub from its backup, on an empty machine (docs/backup.md)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from accord.keys import fingerprint
from accord_hub.backup_shown import add_unlock_arguments, leave_on_sigterm, shown, unlock_of
from console.shown import ago, moment
from messaging.backup.manifest import program_version
from messaging.backup.restoring import Restored, backup_check, backup_restore
from messaging.backup.staging import stage
from peers.clock import now_ms
from peers.commands import HubCommand

NICENESS: Final = 10  # the hub goes first
LOST = (
    "what was written, who joined and what was invited after that; linked hubs bring back what they hold",
    "deletions, removals and revocations made after that: what they took away is here again, until they are made anew",
    "sessions of the console and tokens of the API: enter with manage.py console_link",
)


class Command(HubCommand):
    """Restores, or only checks. Touches neither the database nor the keys of a hub that is there."""

    help = (
        "Restore a hub from a backup into a home that is empty or not there yet, or only check the backup. All is "
        "proved first: the whole file, digests, and the root of every topic, computed anew. Where something is wrong, "
        "nothing is put in place. The hub gets a new name for its run of arrival numbers, so that programs of members "
        "and linked hubs notice."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """What, and where to."""
        parser.add_argument("file", type=Path, nargs="?", help="a file that `manage.py backup` has made")
        parser.add_argument(
            "--home", metavar="DIR", type=Path, help="where to (default: ACCORD_HOME, else ~/.accord); empty, or new"
        )
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--check-only", action="store_true", help="prove the backup, and restore nothing")
        group.add_argument(
            "--beside",
            action="store_true",
            help="as the console does: read it beside the hub that is there, which may run, and compare the two; it is "
            "put in place on the console's page Backups",
        )
        parser.add_argument(
            "--kept", action="store_true", help="with --beside and without a file: what was in place before a restore"
        )
        add_unlock_arguments(parser)
        parser.add_argument(
            "--json", action="store_true", help="print {home, hub, name, made_at, program, messages, topics, lost}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell what there is and what is lost."""
        if (options["file"] is None) != options["kept"] or (options["kept"] and not options["beside"]):
            raise CommandError("name one file; or, with --beside, --kept alone", returncode=2)
        if options["beside"]:
            self._beside(options)
            return
        home = (options["home"] or settings.ACCORD_HOME).expanduser().absolute()
        with shown(self.stderr, "rows") as progress:
            unlock = unlock_of(options)
            if options["check_only"]:
                restored = backup_check(options["file"], unlock, progress=progress)
            else:
                restored = backup_restore(options["file"], unlock, home, progress=progress)
        self._tell(restored, None if options["check_only"] else home, as_json=options["json"])

    def _beside(self, options: dict[str, Any]) -> None:
        os.nice(NICENESS)
        leave_on_sigterm()
        is_told = options["passphrase_file"] is not None or options["key_file"] is not None
        with shown(self.stderr, "rows") as progress:
            facts = stage(options["file"], unlock_of(options) if is_told else None, progress=progress)
        if options["json"]:
            self.stdout.write(json.dumps(facts))
            return
        messages, topics = facts["messages"], facts["topics"]
        self.stdout.write(
            f"Read and proved. {messages['there']:,} messages; {messages['here']:,} are here now, of which "
            f"{messages['lost']:,} would be lost. {topics['same']:,} topics have the same root, {topics['other']:,} "
            "another."
            "\nPut it in place, or let it go, on the console's page Backups."
        )

    def _tell(self, restored: Restored, home: Path | None, *, as_json: bool) -> None:
        begin, manifest = restored.begin, restored.manifest
        if as_json:
            facts = {
                "home": str(home) if home else None,
                **{name: begin[name] for name in ("hub", "name", "made_at", "program")},
                "messages": manifest["messages"],
                "topics": len(manifest["roots"]),
                "lost": list(LOST) if home else [],
            }
            self.stdout.write(json.dumps({name: value for name, value in facts.items() if value is not None}))
            return
        self.stdout.write(
            f"{begin['name']}, as of {moment(begin['made_at'])} UTC ({ago(begin['made_at'], now_ms())}), "
            f"made by version {begin['program']}.\n"
            f"Fingerprint: {fingerprint(restored.hub)}\n"
            f"{manifest['messages']:,} messages in {len(manifest['roots']):,} topics; every topic has the root that "
            "it had then."
        )
        if home is None:
            self.stdout.write("Nothing has been restored.")
            return
        self.stdout.write(f"\nRestored into {home}. Lost is:")
        for sentence in LOST:
            self.stdout.write(f"- {sentence}")
        older = "" if begin["program"] == program_version() else "manage.py migrate, then "
        self.stdout.write(f"\nStart it: {older}make run (with ACCORD_HOME={home}).")
