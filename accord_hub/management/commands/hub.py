"""`manage.py hub`: the whole hub in one process, served by uvicorn."""

from typing import Any

from accord_hub import home, runner, uvicorn_server
from peers.commands import HubCommand


class Command(HubCommand):
    """Runs the hub on the first free port of the range."""

    help = (
        "Run the hub: everything in this one process, on the first free port of 51030 to 51042 of this machine only. "
        "Ctrl-C or SIGTERM stops it. The address, a link into the console and the first invite are printed."
    )
    exits = {0: "stopped in order", 1: "cannot start; one line says why", 2: "wrong usage"}

    def handle(self, *args: Any, **options: Any) -> None:
        runner.run(uvicorn_server.serve, home.listen, self._write)

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
