"""`manage.py check_ledger`: proof that no invite was made or lost."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

from accord_hub import runner
from invites.checking import check_ledger
from peers.commands import HubCommand


class Command(HubCommand):
    """Reads everything at one moment, whether the hub runs or not; changes nothing."""

    help = (
        "Prove that accounts (the admin's not counted, invites that wait included) and unspent invites are the "
        "capacity, in the whole hub and in each branch, and that all movements of invites add up to what everybody "
        "has. While it reads, nothing is stored: a moment."
    )
    exits = {0: "balanced", 1: "not balanced, each fault in a sentence; or it could not be read", 2: "wrong usage"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json",
            action="store_true",
            help="print {capacity, accounts, temporary, unspent, movements, problems}; problems is empty when balanced",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        found = check_ledger()
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(found)))
        else:
            for problem in found.problems:
                self.stderr.write(problem)
            self.stdout.write(
                f"{found.accounts:,} accounts ({found.temporary:,} of them invites that wait) and {found.unspent:,} "
                f"unspent invites; capacity {found.capacity:,}; {found.movements:,} movements."
            )
            self.stdout.write("Balanced." if not found.problems else f"NOT balanced: {len(found.problems):,} faults.")
        if found.problems:
            sys.exit(1)
