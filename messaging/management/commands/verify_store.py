"""`manage.py verify_store`: prove that the store is what it has to be, or put it right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from messaging import selectors, store_check, trees
from messaging.store_check import Counted, Fault
from peers.clock import now_ms
from peers.commands import HubCommand

MAX_LINES: Final = 20  # of each kind of fault
MEANING: Final = {
    "unsigned": ("is not what its author signed", "removed"),
    "body": ("has a body that its author did not sign", "left without body, until it comes again"),
    "columns": ("is listed under what its header does not say", "listed anew"),
    "totals": ("counts its messages wrongly", "counted anew"),
    "tree": ("has a tree that is not that of its messages", "to be built anew"),
}


class Command(HubCommand):
    """Check every message, every total and every tree; the hub may run meanwhile."""

    help = (
        "Check every message (form, id, signature, body), the totals of every topic, and every tree against the "
        "message table. Ends with 0 if all is right or has been repaired, with 1 if not. The hub may run meanwhile."
    )

    exits = {0: "all is right, or has been repaired", 1: "something is wrong, each fault in a line", 2: "wrong usage"}

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to repair."""
        parser.add_argument(
            "--repair",
            action="store_true",
            help="put right what is wrong: totals, trees and columns are made anew, a wrong body goes, a message that "
            "nobody has signed goes altogether; sync brings back what others hold",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks, and the repair of what they find; a repaired store is checked again."""
        faults = self._check(options["repair"])
        if faults and options["repair"]:
            self.stdout.write("Checking what has been repaired.")
            trees.refresh(now=now_ms())
            faults = self._check(False)
        if faults:
            raise CommandError(
                f"{faults.total():,} faults. `verify_store --repair` puts right what can be.", returncode=1
            )
        self.stdout.write(
            f"{selectors.figures()['messages']:,} messages are as they were signed; totals and trees fit."
        )

    def _check(self, repairing: bool) -> Counter[str]:
        found: Counter[str] = Counter()
        for fault in self._faults():
            found[fault.what] += 1
            wrong, right = MEANING[fault.what]
            if found[fault.what] <= MAX_LINES:
                self.stdout.write(f"{fault.where} {wrong}{f': {right}' if repairing else ''}")
            if repairing:
                store_check.repair(fault)
        for what, number in found.items():
            if number > MAX_LINES:
                self.stdout.write(f"... and {number - MAX_LINES:,} more such ({what})")
        return found

    def _faults(self) -> Iterator[Fault]:
        total = selectors.figures()["messages"]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as progress:
            yield from store_check.messages_check(_bar(progress, "messages", total))
            yield from store_check.totals_check()
            yield from store_check.trees_check(_bar(progress, "trees", total))


def _bar(progress: Progress, name: str, total: int) -> Counted:
    task = progress.add_task(name, total=total)
    return lambda number: progress.advance(task, number)
