"""Django's entry to the app."""

from django.apps import AppConfig


class InvitesConfig(AppConfig):
    """Loads what the app registers."""

    name = "invites"

    def ready(self) -> None:
        # They register the handlers of its message types
        from invites import quota, removal, services, telling  # noqa: F401, PLC0415
