"""Django's entry to the app."""

from django.apps import AppConfig


class LinksConfig(AppConfig):
    """Links to other hubs."""

    name = "links"
