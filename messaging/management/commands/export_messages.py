"""`manage.py export_messages`: every message as a line of JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accord.encoding import b64encode
from accord.messages import message_uuid
from messaging import selectors
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Write {cursor, id, uuid, message} a line, in order of arrival; the messages are as they were signed."""

    help = "Write every message as a line of JSON on standard output, in order of arrival; progress on standard error."

    def handle(self, *args: Any, **options: Any) -> None:
        """Stream the table; nothing is held in memory."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as progress:
            task = progress.add_task("messages", total=selectors.figures()["messages"])
            for ident, item in selectors.export_rows(now=now_ms):
                line = item[:-1].decode() + f',"id":"{b64encode(ident)}","uuid":"{message_uuid(ident)}"}}'
                self.stdout.write(line)
                progress.advance(task)
