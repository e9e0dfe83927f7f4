"""What holds for all tests: a hub's home of their own, and how hard Hypothesis tries."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

# The tests must never touch the hub of whoever runs them. pytest-django has loaded the settings before this file, so
# both the environment (for the processes that tests start) and the settings are changed.
HOME = Path(tempfile.mkdtemp(prefix="accord-tests-"))
os.environ["ACCORD_HOME"] = str(HOME)
os.environ.pop("ACCORD_URL", None)
os.environ.pop("ACCORD_NAME", None)
os.environ.pop("ACCORD_MODE", None)
django_settings.ACCORD_HOME = HOME
django_settings.DATABASES["default"]["NAME"] = HOME / "hub.sqlite3"
django_settings.DATABASES["default"]["TEST"]["NAME"] = HOME / "test.sqlite3"

hypothesis_settings.register_profile("default", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis_settings.register_profile("thorough", deadline=None, max_examples=2_000)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


SLOWEST_FIRST = ("e2e", "links", "web", "accord_hub", "console", "plugins", "discovery", "invites")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes begin first, or one process works through the last of them while the others are done."""
    here = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return SLOWEST_FIRST.index(folder) if folder in SLOWEST_FIRST else len(SLOWEST_FIRST)

    items.sort(key=turn)


@pytest.fixture(scope="session", autouse=True)
def _remove_home() -> Iterator[None]:
    yield
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit are cleared away row by row: not from tables whose triggers refuse that. A test that is about
    such triggers makes them itself.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            if "_no_" in name:
                cursor.execute(f"DROP TRIGGER {name}")
