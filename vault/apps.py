"""Django's entry to the app."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """It registers nothing: all of it is asked for over the REST API."""

    name = "vault"
