"""What the commands of archives and bundles have in common: a progress bar, errors in one line, the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from accord.errors import AccordError
from messaging.archive.layout import ArchiveError
from messaging.archive.reading import Taken
from peers.keyring import HomeError


@contextmanager
def shown(errors: OutputWrapper, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where somebody looks; gives what advances it. What the operator can mend is
    told in one line.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), disable=not errors.isatty()) as progress:
            task = progress.add_task("messages", total=total)
            yield lambda done: progress.update(task, completed=done)
    except (ArchiveError, AccordError, HomeError, OSError) as error:
        raise CommandError(str(error)) from error


def summary(taken: Taken) -> str:
    """What an import has done, for people."""
    lines = [f"{taken.stored} messages stored, {taken.duplicate} were there already."]
    lines += [f"{number} refused: {code}" for code, number in sorted(taken.refused.items())]
    lines += [f"left out: {sentence}" for sentence in taken.broken]
    return "\n".join(lines)
