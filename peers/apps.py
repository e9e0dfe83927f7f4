"""Django's entry to the app."""

from django.apps import AppConfig


class PeersConfig(AppConfig):
    """Loads what the app registers."""

    name = "peers"

    def ready(self) -> None:
        from peers import frames  # noqa: F401, PLC0415 - registers the frames of the session itself
