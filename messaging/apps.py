"""Django's entry to the app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Loads what the app registers."""

    name = "messaging"

    def ready(self) -> None:
        # Frames, message types, settings
        from messaging import announcing, contacts, frames, notes, reports, room, stranger_frames  # noqa: F401, PLC0415
        from messaging.backup import rules  # noqa: F401, PLC0415 - settings
