"""Addresses under /console/."""

from django.contrib import admin
from django.urls import path

from console import entry

urlpatterns = [
    path("enter", entry.enter, name="console_enter"),
    path("check", entry.check, name="console_check"),
    path("", admin.site.urls),
]
