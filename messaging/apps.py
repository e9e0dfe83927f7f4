"""Django's entry to the app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Loads what the app registers."""

    name = "messaging"

    def ready(self) -> None:
        # Frames, message types, settings
        from messaging import (  # noqa: F401, PLC0415
            announcing,
            burials,
            contacts,
            frames,
            notes,
            reports,
            room,
            stranger_frames,
        )
        from messaging.backup import rules  # noqa: F401, PLC0415 - settings
        from messaging.spaces import telling  # noqa: F401, PLC0415 - sessions hear of seats
