"""A private PostgreSQL for tests: an instance of the installed binaries in a temporary folder, on a Unix socket.

It refuses to run as root; then it runs as `nobody`. Where it or psycopg is missing, tests that want it leave it out and
skip once (`is_left_out`), but under CI=true they fail.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import call_command
from django.db import connections

from tests.hubs import wait_until

MISSING: Final = "needs PostgreSQL and psycopg: apt-get install postgresql; pip install -r requirements-dev.txt"
MOST_CONNECTIONS: Final = 100


def _folder() -> Path | None:
    """Where initdb and postgres are. Debian keeps them out of the path."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def is_left_out() -> bool:
    """Whether tests on PostgreSQL cannot run here, and may be left out with one line: not under CI=true."""
    return (_folder() is None or find_spec("psycopg") is None) and os.environ.get("CI") != "true"


def _someone_else() -> dict[str, Any]:
    """Whom to run it as, where the tests run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A running instance with an empty database `postgres` of the user `accord`; gives the folder of its socket."""
    binaries = _folder()
    if binaries is None or find_spec("psycopg") is None:
        pytest.fail(MISSING, pytrace=False)
    owner = _someone_else()
    home = Path(tempfile.mkdtemp(prefix="accord-pg-"))  # a short path: a socket's has at most 107 bytes
    try:
        if owner:
            shutil.chown(home, owner["user"], owner["group"])
        common: dict[str, Any] = {"cwd": home, **owner, "env": {"PATH": os.environ["PATH"], "HOME": str(home)}}
        made = subprocess.run(
            [
                binaries / "initdb",
                "-D",
                home / "data",
                "-A",
                "trust",
                "-U",
                "accord",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ],
            **common,
            check=False,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(home),
            "unix_socket_permissions": "0777",  # the folder itself is its owner's alone
            "max_connections": str(MOST_CONNECTIONS),
            "fsync": "off",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen([binaries / "postgres", "-D", home / "data", *arguments], stderr=log, **common)
        try:
            wait_until(lambda: _answers(process, home), what=f"PostgreSQL to answer: {home / 'log'}")
            yield str(home)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": it does not wait for connections
            process.wait(60)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _answers(process: subprocess.Popen[bytes], home: Path) -> bool:
    import psycopg

    assert process.poll() is None, (home / "log").read_text(errors="replace")
    try:
        psycopg.connect(host=str(home), user="accord", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def postgresql() -> Iterator[None]:
    """Django's database is a migrated one of a PostgreSQL of our own; afterwards the one before again."""
    with server() as folder:
        before = connections.settings["default"]
        wanted = {**deepcopy(before), "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "accord"}
        wanted |= {"HOST": folder, "OPTIONS": {}}
        connections.close_all()
        connections.settings["default"] = wanted
        del connections["default"]
        try:
            call_command("migrate", verbosity=0)
            yield
        finally:
            connections.close_all()
            connections.settings["default"] = before
            del connections["default"]
