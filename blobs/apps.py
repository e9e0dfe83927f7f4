"""Django's entry to the app."""

from django.apps import AppConfig


class BlobsConfig(AppConfig):
    """Loads what the app registers."""

    name = "blobs"

    def ready(self) -> None:
        from blobs import room, services  # noqa: F401, PLC0415 - settings, what burns before a backup
