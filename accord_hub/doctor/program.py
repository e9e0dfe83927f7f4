"""Python, the packages against their pins, the database against this version."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accord_hub.doctor.findings import Finding, problem, warning
from messaging.backup.upgrade import too_new

LEAST_PYTHON: Final = (3, 11)
SHOWN: Final = 5
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)")
_NAME: Final = re.compile(r"^([A-Za-z0-9._-]+)")


def python() -> Iterator[Finding]:
    """Whether Python is new enough."""
    if sys.version_info < LEAST_PYTHON:
        yield problem(
            "python.old",
            f"This is Python {sys.version.split()[0]}; Accord Hub needs {'.'.join(map(str, LEAST_PYTHON))} or newer.",
            "make run PYTHON=/path/to/python3",
        )


def _pins() -> dict[str, str]:
    lines = (settings.BASE_DIR / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {found[1].lower().replace("_", "-"): found[2] for line in lines if (found := _PIN.match(line))}


def _needed() -> list[str]:
    """What requirements.txt names, without what it leaves out on some machines."""
    lines = (settings.BASE_DIR / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [found[1] for line in lines if ";" not in line and (found := _NAME.match(line))]


def packages() -> Iterator[Finding]:
    """Whether the packages are those that were tested."""
    pins = _pins()
    missing, other = [], []
    for name in _needed():
        try:
            held = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        pinned = pins.get(name.lower().replace("_", "-"))
        if pinned is not None and held != pinned:
            other.append(f"{name} {held} instead of {pinned}")
    mend = "make setup installs what constraints.txt names."
    if missing:
        yield problem("packages.missing", f"Packages are missing: {', '.join(missing[:SHOWN])}.", mend)
    if other:
        yield warning("packages.other", f"Packages are not those that were tested: {'; '.join(other[:SHOWN])}.", mend)


def migrations() -> Iterator[Finding]:
    """Whether database and program are of one version."""
    executor = MigrationExecutor(connection)
    if refusal := too_new(executor):
        yield problem("database.newer", f"{refusal[:1].upper()}{refusal[1:]}.", "Use the newer version again.")
    elif executor.migration_plan(executor.loader.graph.leaf_nodes()):
        yield problem("database.older", "The database is not up to date.", "manage.py migrate (make run does so).")
