"""`manage.py link`: link this hub to another one by an invite of the other operator."""

import json
from argparse import ArgumentParser
from typing import Any

from accord.keys import fingerprint
from accord_hub import home, runner
from links.joining import link_claim
from links.selectors import link_rows
from messaging.services import hub_install
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Claims the invite for the admin's user and keeps the link; the hub dials it when it runs."""

    help = "Link this hub to another one: what people here and there use flows both ways."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("invite", help="an invite link of the other hub, made by its operator for this one")
        parser.add_argument(
            "--all",
            action="store_true",
            help="carry every channel, not only those that people of either hub use",
        )
        parser.add_argument("--json", action="store_true", help="print the link as `links --json` does")

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        hub_install()
        link = link_claim(options["invite"], everything=options["all"])
        if options["json"]:
            (row,) = [row for row in link_rows(now=now_ms()) if row["origin"] == link.origin]
            self.stdout.write(json.dumps(row))
            return
        self.stdout.write(f"Linked to {link.name or 'a hub'} at {link.origin}.")
        self.stdout.write(f"Its fingerprint: {fingerprint(bytes(link.key))}")
        running = home.is_running()
        self.stdout.write("This hub dials it now." if running else "This hub dials it as soon as it runs.")
