"""`manage.py doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError, connection

from accord.errors import AccordError
from accord_hub.doctor import outside, places, program, stored
from accord_hub.doctor.findings import Finding, Level, problem
from console.services import options_refresh
from messaging.backup.keys import BackupError
from messaging.backup.manifest import DATABASE
from messaging.models import Store
from peers.commands import HubCommand
from peers.keyring import HomeError

Check = Callable[[], Iterator[Finding]]

FIRST: Final[Sequence[Check]] = (program.python, program.packages, places.home_there)
OF_THE_HOME: Final[Sequence[Check]] = (places.rights, places.keys, places.leftovers, places.disk)
OF_THE_DATABASE: Final[Sequence[Check]] = (stored.database, program.migrations)
OF_THE_HUB: Final[Sequence[Check]] = (
    stored.totals_and_trees,
    stored.ledger,
    stored.audit_log,
    stored.backups,
    stored.room_left,
    stored.jobs,
    outside.running,
    outside.address,
    outside.clock,
    outside.links,
    outside.finding,
)


class Command(HubCommand):
    """Looks at everything, and changes nothing."""

    help = (
        "Say what is wrong with this hub's installation, and how to mend it: rights of files, keys, disk, packages, "
        "database, trees, invite ledger, audit log, backups, address and TLS, clock, links, plugins. The hub may run "
        "or not. Nothing is changed; nobody is asked but this machine and the hub's own address."
    )
    exits = {0: "nothing is wrong", 1: "warnings only", 2: "problems; or wrong usage"}
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How it is told."""
        parser.add_argument(
            "--json", action="store_true", help="print {home, findings: [{code, level: warning|problem, says, mend}]}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, tell, and end with what was found."""
        findings = list(_findings())
        if options["json"]:
            rows = [finding.as_json() for finding in findings]
            self.stdout.write(json.dumps({"home": str(settings.ACCORD_HOME), "findings": rows}))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.level.upper()} {finding.code}: {finding.says}\n  -> {finding.mend}")
            if not findings:
                self.stdout.write(f"Nothing is wrong with the hub in {settings.ACCORD_HOME}.")
        if findings:
            sys.exit(2 if any(finding.level is Level.PROBLEM for finding in findings) else 1)


def _findings() -> Iterator[Finding]:
    """All findings; what later checks stand on, first."""
    for checks in (FIRST, OF_THE_HOME, OF_THE_DATABASE, OF_THE_HUB):
        is_sound = True
        for check in checks:
            for finding in _run(check):
                yield finding
                is_sound = is_sound and (finding.level is Level.WARNING or checks is OF_THE_HUB)
        if checks is OF_THE_HOME:
            if connection.vendor == "sqlite" and not (settings.ACCORD_HOME / DATABASE).exists():
                yield problem("database.missing", "There is no database.", "manage.py init, or manage.py restore.")
                return
            continue  # what is wrong with rights says nothing of the database
        if not is_sound:
            return
        if checks is OF_THE_DATABASE:
            options_refresh()
            if not Store.objects.exists():
                return  # made, and never started


def _run(check: Check) -> Iterator[Finding]:
    """A check; what goes wrong in it is a finding too."""
    try:
        yield from check()
    except (HomeError, BackupError, AccordError, DatabaseError, OSError) as error:
        yield problem(
            "check.failed",
            f"Could not look at {check.__name__.replace('_', ' ')}: {error}.",
            "Mend what is said above and run doctor again; else the log of the hub may say more.",
        )
