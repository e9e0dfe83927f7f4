"""`manage.py runserver`: the same hub, served by Daphne."""

import socket
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.runserver import Command as RunserverCommand
from django.utils import autoreload

from accord_hub import home, runner
from accord_hub.asgi import application
from accord_hub.daphne_server import HubServer
from peers.commands import HubCommand


class Command(HubCommand, RunserverCommand):
    """Django's command with Daphne, the hub's lock and the hub's ports; it reloads code only when asked to."""

    help = "Run the hub with Daphne: the same as `manage.py hub`, on a port of its own choice or on ADDRPORT."
    exits = {0: "stopped in order", 1: "cannot start; one line says why", 2: "wrong usage"}
    addr: str  # set by Django's command from `addrport`
    port: str

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reload", action="store_true", dest="use_reloader", help="Restart when code changes.")
        parser.set_defaults(use_reloader=False)

    def inner_run(self, *args: Any, **options: Any) -> None:
        autoreload.raise_last_exception()
        ports = [int(self.port)] if options["addrport"] else home.PORTS

        def serve(listener: socket.socket, ready: Callable[[], None]) -> None:
            HubServer(application, listener, ready, signal_handlers=not options["use_reloader"]).run()

        runner.run(serve, lambda: home.listen(self.addr, ports), self._write)

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
