"""The Django project: settings, routes, servers. It only composes the apps; nobody imports it."""

from accord_hub.celery import app as celery_app  # so that `shared_task` of every app belongs to it

__all__ = ["celery_app"]
