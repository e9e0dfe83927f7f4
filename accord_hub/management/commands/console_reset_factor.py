"""`manage.py console_reset_factor`: the way back in for an operator who has lost the second factor."""

from typing import Any

from accord_hub import runner
from console.services import console_reset
from peers.commands import HubCommand


class Command(HubCommand):
    """Removes every second factor and ends every session of the console."""

    help = "Remove all second factors of the console, and end its sessions and links."

    def handle(self, *args: Any, **options: Any) -> None:
        runner.prepare()
        removed = console_reset()
        self.stdout.write(f"Second factors removed: {removed}. Enter with a new link: manage.py console_link")
