"""`manage.py console_link`: a link that opens the console once."""

import json
from argparse import ArgumentParser
from typing import Any

from accord_hub import home, runner
from console import roles
from console.services import LINK_LIFE_MS
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Makes a link, whether the hub runs or not."""

    help = "Make a link that opens the console once, within 15 minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--role",
            choices=list(roles.ROLES),
            default=roles.OPERATOR,
            help="as what: operator (everything; the default), moderator (people, reports, channels), auditor (sees "
            "everything, changes nothing)",
        )
        parser.add_argument(
            "--name",
            help="whose it is, as the audit log will say: a-z, 0-9, - and _ (by default what the role is called)",
        )
        parser.add_argument("--json", action="store_true", help="print {link, expires}; expires in ms since 1970 UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        now = now_ms()
        runner.prepare()
        name = options["name"] or options["role"]
        link = runner.console_link(home.likely_url(), now=now, name=name, role=options["role"])
        if options["json"]:
            self.stdout.write(json.dumps({"link": link, "expires": now + LINK_LIFE_MS}))
            return
        who = "the operator" if options["role"] == roles.OPERATOR else f"{options['role']} here"
        self.stdout.write(f"{link}\n\nIt opens the console once, within 15 minutes. Whoever has it is {who}.")
