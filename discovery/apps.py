"""Django's entry to the app."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """Loads what the app registers."""

    name = "discovery"

    def ready(self) -> None:
        from discovery import notes, options  # noqa: F401, PLC0415 - a hook, the settings of the console
