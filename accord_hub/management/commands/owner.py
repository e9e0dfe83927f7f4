"""`manage.py owner`: a link by which the hub's owner takes the admin's account into a browser, or gets it back."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from accord_hub import home, runner
from invites.owner import owner_link_make
from messaging.services import hub_install
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Writes to the hub's database, whether the hub runs or not."""

    help = (
        "Print a link for the hub's owner. Whoever opens it has the admin's account in their browser, under a new key; "
        "an owner's key that had it before is dead from then on, so this is also the way back when the owner's browser "
        "or computer is lost. It works once, for an hour; a new link ends the one before. The commands and the "
        "console go on as they are: admin.key signs for them."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print {link, expires}; expires in ms since 1970 UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        made = owner_link_make(origin=home.likely_url(), now=now_ms())
        if options["json"]:
            self.stdout.write(json.dumps(made._asdict()))
            return
        until = datetime.fromtimestamp(made.expires / 1000, tz=UTC)
        self.stdout.write(runner.qr_code(made.link))
        self.stdout.write(
            f"{made.link}\n\nOpen it in the browser that shall have the admin's account, until {until:%H:%M} UTC. "
            "Whoever opens it first has the account: show it to nobody."
        )
