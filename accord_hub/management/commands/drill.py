"""`manage.py drill`: try the newest backup: restore it into a scratch place, prove it, remove it again."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from accord_hub import runner
from accord_hub.backup_shown import leave_on_sigterm, shown
from messaging.backup.runs import drill_run
from peers.commands import HubCommand


class Command(HubCommand):
    """Drills, whether the hub runs or not."""

    help = (
        "Try the newest backup of this hub: restore it into a scratch place in the hub's home, prove the root of every "
        "topic, and remove it again. The hub does so after each nightly backup. Needs as much room as the store."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How it is told."""
        parser.add_argument("--json", action="store_true", help="print {made_at, program, messages, topics}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell what was found."""
        leave_on_sigterm()
        runner.prepare()
        with shown(self.stderr, "rows") as progress:
            restored = drill_run(progress=progress)
        begin, manifest = restored.begin, restored.manifest
        if options["json"]:
            facts = {"made_at": begin["made_at"], "program": begin["program"], "messages": manifest["messages"]}
            self.stdout.write(json.dumps({**facts, "topics": len(manifest["roots"])}))
            return
        self.stdout.write(
            f"The newest backup holds {manifest['messages']:,} messages; all {len(manifest['roots']):,} topics have "
            "the roots that they had then."
        )
