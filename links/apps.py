"""Django's entry to the app."""

from django.apps import AppConfig


class LinksConfig(AppConfig):
    """Loads what the app registers."""

    name = "links"

    def ready(self) -> None:
        from links import blobs, frames, guests, parcels, roots  # noqa: F401, PLC0415 - register frames, hooks and what runs twice a second
