"""The Celery application: finds the apps' tasks and knows when they are due.

Rows in the database are the truth and tasks only wake their sweeps, so every schedule may run late, twice or anew.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")

app = Celery("accord_hub")
app.set_default()  # for every thread: a page may send a task too
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
