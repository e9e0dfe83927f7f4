"""Django's entry to the app."""

from django.apps import AppConfig
from django.conf import settings


class PluginsConfig(AppConfig):
    """Loads the handlers, and what the app registers."""

    name = "plugins"

    def ready(self) -> None:
        if settings.IS_GOSSIP:
            return  # the hubs that it mirrors have their own
        from plugins import hooks, installed  # noqa: PLC0415 - the outbox, written when messages are stored

        installed.load()
        hooks.register()
