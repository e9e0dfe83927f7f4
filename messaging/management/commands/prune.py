"""`manage.py prune [--dry-run] [--json] [--to BYTES]`: remove the oldest messages, or say which would go."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import orjson
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from accord.errors import AccordError
from messaging.prune import Outcome, PruneBusyError, goal_of, store_prune
from messaging.prune_names import Named, Told, told
from messaging.prune_plan import Plan, plan
from messaging.room import bound, room
from messaging.services import log_wipe
from peers import registry
from peers.clock import now_ms
from peers.commands import HubCommand
from peers.keyring import HomeError

ROWS_SHOWN: Final = 15


class Command(HubCommand):
    """Prune to the operator's bound, or to a number of bytes."""

    help = (
        "Remove the oldest messages of all topics until the store takes no more room than it may, and leave a signed "
        "receipt for each topic. What is pinned stays. May run beside the hub, and may be cut: the next run goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How far, and whether at all."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would go, whose, and how many bytes")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--to",
            metavar="BYTES",
            type=read_bytes,
            help="prune until the store takes so many bytes, such as 500MiB (default: the room it may take)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, then do."""
        for pulse in registry.pulses:  # what the operator has set
            pulse()
        goal = goal_of(room().used) if options["to"] is None else options["to"]
        before = room()
        planned = plan(needed=before.used - goal if goal is not None else 0, now=now_ms())
        facts = {"used": before.used, "free": before.free, "bound": bound(), "goal": goal, "horizon": planned.horizon}
        if options["dry_run"]:
            self._tell(facts, planned, told(planned), as_json=options["json"])
            return
        try:
            outcome = self._run(goal, planned)
        except PruneBusyError as error:
            raise CommandError(f"{error}: try again in a moment") from error
        except (AccordError, HomeError, OSError) as error:
            raise CommandError(
                f"stopped: {error}. What is gone is gone; run the same command again to go on."
            ) from error
        log_wipe()
        self._done(facts, outcome, as_json=options["json"])

    def _run(self, goal: int | None, planned: Plan) -> Outcome:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(True), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as progress:
            start = room().used
            task = progress.add_task("removing", total=planned.total.bytes)
            return store_prune(
                goal=goal, now=now_ms(), progress=lambda _, used: progress.update(task, completed=start - used)
            )

    def _tell(self, facts: dict[str, Any], planned: Plan, shares: Told, *, as_json: bool) -> None:
        total = planned.total
        if as_json:
            lists = {name: [_json(part) for part in parts] for name, parts in _lists(shares).items()}
            self._print({**facts, **asdict(total), **lists})
            return
        self.stdout.write(f"The store takes {facts['used']:,} bytes, and may take {facts['bound']:,}.")
        if not total.messages:
            self.stdout.write("Nothing would go.")
            return
        self.stdout.write(f"{total.messages:,} messages would go, about {total.bytes:,} bytes.")
        for title, parts in _lists(shares).items():
            self.stdout.write(f"\nBy {title.removesuffix('s') if title != 'people' else 'person'}:")
            for part in parts[:ROWS_SHOWN]:
                self.stdout.write(f"{part.amount.messages:>12,} {part.amount.bytes:>16,} bytes  {part.name}")
            if len(parts) > ROWS_SHOWN:
                self.stdout.write(f"{'':>12} and {len(parts) - ROWS_SHOWN:,} more")

    def _done(self, facts: dict[str, Any], outcome: Outcome, *, as_json: bool) -> None:
        after = room()
        if as_json:
            done = asdict(outcome)
            self._print({**facts, **done, "free_after": after.free, "is_returnable": after.is_returnable})
            return
        freed = outcome.used_before - outcome.used_after
        self.stdout.write(f"{outcome.messages:,} messages removed, {freed:,} bytes; receipts: {outcome.receipts:,}.")
        if after.free and not after.is_returnable:
            self.stdout.write(
                f"The file keeps {after.free:,} bytes for new messages: it was made before it could shrink."
            )

    def _print(self, value: dict[str, Any]) -> None:
        self.stdout.write(orjson.dumps({name: item for name, item in value.items() if item is not None}).decode())


def read_bytes(text: str) -> int:
    """A number of bytes, with or without a unit of 1024s; ValueError."""
    for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), 1):
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * 1024**power
    return int(text)


def _lists(shares: Told) -> dict[str, list[Named]]:
    return {"topics": shares.topics, "people": shares.people, "months": shares.months}


def _json(part: Named) -> dict[str, Any]:
    return {"name": part.name, "key": part.key, **asdict(part.amount)}
