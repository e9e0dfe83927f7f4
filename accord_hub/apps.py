"""Django's entry to the project's own commands."""

from django.apps import AppConfig


class AccordHubConfig(AppConfig):
    """Holds the commands `hub` and `runserver`."""

    name = "accord_hub"
