"""Django's entry to the app."""

from django.apps import AppConfig


class PeersConfig(AppConfig):
    """Loads what the app registers."""

    name = "peers"
