"""Django's entry to the app."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Loads what the app registers."""

    name = "vault"

    def ready(self) -> None:
        from vault import services  # noqa: F401, PLC0415 - shards burn before a backup
