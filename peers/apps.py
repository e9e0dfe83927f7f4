"""Django's entry to the app."""

from django.apps import AppConfig


class PeersConfig(AppConfig):
    """Loads what the app registers."""

    name = "peers"

    def ready(self) -> None:
        from peers import audit, frames, serving  # noqa: F401, PLC0415 - frames of the session itself, entries of the log
