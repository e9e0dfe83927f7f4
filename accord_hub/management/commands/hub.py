"""`manage.py hub`: the whole hub in one process, served by uvicorn."""

from typing import Any

from django.core.management.base import BaseCommand

from accord_hub import home, runner, uvicorn_server


class Command(BaseCommand):
    """Runs the hub on the first free port of the range."""

    help = "Run the hub: everything in this one process, on this machine only."

    def handle(self, *args: Any, **options: Any) -> None:
        runner.run(uvicorn_server.serve, home.listen, self._write)

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
