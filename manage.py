#!/usr/bin/env python3
"""The hub's commands: `manage.py hub` runs it, `manage.py help` lists the rest."""

import os
import sys

if __name__ == "__main__":
    os.umask(0o077)  # nothing that a command writes is for other users of the machine
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"CommandError: {error}")
