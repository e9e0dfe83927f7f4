"""`manage.py migrate`: Django's command, which makes the hub's home first: the database lies in it."""

from typing import Any

from django.core.management.commands.migrate import Command as MigrateCommand

from accord_hub import runner
from peers.keyring import prepare_home


class Command(MigrateCommand):
    """Brings the database up to date; on a new machine, makes it."""

    def handle(self, *args: Any, **options: Any) -> None:
        with runner.clear_errors():
            prepare_home()
            super().handle(*args, **options)
