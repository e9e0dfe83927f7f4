"""`manage.py migrate`: Django's command, which makes the hub's home first and copies the database before it changes."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from messaging.backup import switching
from messaging.backup.keys import BackupError
from messaging.backup.upgrade import copy_make, too_new
from messaging.backup.writing import database_path
from peers.commands import HubCommand
from peers.keyring import prepare_home


class Command(HubCommand, MigrateCommand):
    """Brings the database up to date; on a new machine, makes it."""

    help = (
        "Bring the database up to date; on a new machine, make it. `make run` does so. Before anything changes, the "
        "database is copied to `before-upgrade.sqlite3` in the home, which goes after a week. A database of a newer "
        "version is refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Django's, and one."""
        super().add_arguments(parser)
        parser.add_argument("--no-copy", action="store_true", help="do not copy the database before it changes")

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy, then migrate. A restore that was cut off is brought to its end first: `make run` begins here."""
        switching.settle()
        prepare_home()
        database = connections[options["database"]]
        executor = MigrationExecutor(database)
        if refusal := too_new(executor):
            raise CommandError(refusal)
        is_old = bool(executor.loader.applied_migrations)
        changes = bool(executor.migration_plan(executor.loader.graph.leaf_nodes())) or bool(options["migration_name"])
        if is_old and changes and not options["no_copy"] and not options["plan"] and database.vendor == "sqlite":
            try:
                path = copy_make(database_path())
            except BackupError as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"The database as it was is kept for a week: {path}")
        super().handle(*args, **options)
