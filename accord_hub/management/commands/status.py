"""`manage.py status`: what the hub holds, and whether it runs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from accord_hub import home, runner
from messaging.selectors import figures
from peers.commands import HubCommand


class Command(HubCommand):
    """Prints a few figures, for people or as JSON."""

    help = "Show whether the hub runs, and how much it holds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        facts: dict[str, Any] = {"running": home.is_running(), "mode": settings.ACCORD_MODE, **figures()}
        running = home.running_hub()
        if running is not None:
            facts["url"] = running["url"]
        if options["json"]:
            self.stdout.write(json.dumps(facts))
            return
        for name, value in facts.items():
            self.stdout.write(f"{name:<9} {_text(value)}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
