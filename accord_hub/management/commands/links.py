"""`manage.py links`: the hubs that this one is linked to, and how it stands with each."""

import json
from argparse import ArgumentParser
from typing import Any

from accord_hub import home, runner
from links.selectors import link_rows
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Prints a line a link, or all of them as JSON."""

    help = "Show the links to other hubs, and how each stands."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print {running, links}")

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        rows = link_rows(now=now_ms())
        running = home.is_running()
        if options["json"]:
            self.stdout.write(json.dumps({"running": running, "links": rows}))
            return
        if not rows:
            self.stdout.write("No links. Make one with an invite of the other hub: manage.py link INVITE_LINK")
            return
        for row in rows:
            waiting = f", {row['waiting']:,} messages wait for it" if row["waiting"] else ""
            text = row["text"] if running else f"this hub does not run ({row['text']} when it did)"
            self.stdout.write(
                f"{row['hub'][:12]}  {row['name'] or '?':<24} {row['origin'] or 'dials us':<32} {text}{waiting}"
            )
