"""Django's entry to the app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Loads what the app registers."""

    name = "messaging"

    def ready(self) -> None:
        from messaging import announcing, frames, notes, room  # noqa: F401, PLC0415 - frames, message types, a setting
