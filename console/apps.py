"""Django's entry to the app."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class ConsoleConfig(AppConfig):
    """Loads what the app registers."""

    name = "console"
    verbose_name = "Console"

    def ready(self) -> None:
        from console import hooks  # noqa: F401, PLC0415 - blocks at login, changed settings, runs of tasks


class ConsoleAdminConfig(SimpleAdminConfig):
    """Django's admin, with the console as its site."""

    default_site = "console.site.ConsoleSite"

    def ready(self) -> None:
        super().ready()
        from console import admin  # noqa: F401, PLC0415 - the tables
