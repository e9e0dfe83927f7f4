"""What all commands of the hub have in common: help that suffices, exit codes in it, errors in one line.

Not here: the commands, which lie in `management/commands/` of their apps.
"""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError

from accord.errors import AccordError
from peers.keyring import HomeError

HELP_COLUMNS: Final = 100
EXITS: Final[Mapping[int, str]] = {
    0: "done",
    1: "refused or failed; one line on standard error says why",
    2: "wrong usage",
}


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """What the operator can mend is told in one line, with exit code 1."""
    try:
        yield
    except HomeError as error:
        raise CommandError(str(error)) from error
    except AccordError as error:
        raise CommandError(error.detail or error.code) from error
    except DatabaseError as error:
        raise CommandError(f"the database cannot be used: {error}") from error


class _Formatter(DjangoHelpFormatter):
    """Leaves text that has lines of its own as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class HubCommand(BaseCommand):
    """A command of the hub. `exits` says what its exit codes mean; they are in its help."""

    exits: ClassVar[Mapping[int, str]] = EXITS
    # What Django gives every command and no operator needs; they still work.
    suppressed_base_arguments = {
        "--version",
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--traceback",
        "--no-color",
        "--force-color",
        "--skip-checks",
    }

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser, with the exit codes below the options."""
        codes = "\n".join(
            textwrap.fill(f"  {code}  {meaning}", HELP_COLUMNS, subsequent_indent=" " * 5)
            for code, meaning in sorted(self.exits.items())
        )
        kwargs.setdefault("epilog", f"exit codes:\n{codes}\n")
        kwargs.setdefault("formatter_class", _Formatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it; what the operator can mend becomes one line."""
        with clear_errors():
            return super().execute(*args, **options)
