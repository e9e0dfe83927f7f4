"""Django's entry to the app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Loads what the app registers."""

    name = "messaging"

    def ready(self) -> None:
        from messaging import announcing, frames  # noqa: F401, PLC0415 - register the frames and message types
