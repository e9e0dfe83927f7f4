"""`manage.py backup_key`: a key pair for backups, of which the hub is to know the public half only."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from messaging.backup.keys import pair_create
from peers.commands import HubCommand


class Command(HubCommand):
    """Prints a new pair; nothing of it is kept."""

    help = (
        "Make a key pair for backups and print it, once: nothing of it is kept here. The public half goes into the "
        "console (Settings, Key that opens the backups) or behind `backup --recipient`; the secret half opens the "
        "backups: keep it away from this machine."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How it is printed."""
        parser.add_argument("--json", action="store_true", help="print {public, secret}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make one."""
        public, secret = pair_create()
        if options["json"]:
            self.stdout.write(json.dumps({"public": public, "secret": secret}))
            return
        self.stdout.write(f"public half, for the hub:\n  {public}\n\nsecret half, opens the backups:\n  {secret}\n")
        self.stdout.write("The secret half is printed this once. Without it no backup made for this key opens.")
