"""A backup read beside the running hub: built in `staged/home`, proved, brought up to date, compared with what is.

A process of its own does it (`manage.py restore --beside`), which gives way to the hub and writes down how far it is;
the console shows it. What was in place before a restore is staged in the same way, to go back to it. Not here: what
a backup is (restoring.py), putting it in place (switching.py), pages (console/restores.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord.keys import SigningKey
from messaging.backup import places, runs, switching
from messaging.backup.comparing import compared
from messaging.backup.keys import BackupError, Unlock, read_secret
from messaging.backup.manifest import DATABASE, HUB_KEY
from messaging.backup.restoring import Progress, home_build
from messaging.backup.writing import RESERVE_BYTES, database_path
from peers.clock import now_ms

NOTE_SECONDS: Final = 0.5  # how often it is written down how far it is
MIGRATE_SECONDS: Final = 3600
STOP_SECONDS: Final = 1.0
ENDED: Final = "it ended by itself before it was done: try again"

_child: list[subprocess.Popen[bytes]] = []


def state() -> dict[str, Any]:
    """How far it is: `state` is "" (nothing), "reading", "comparing", "ready" or "failed"."""
    found = places.read_json(places.state_file())
    _child[:] = [process for process in _child if process.poll() is None]
    if found.get("state") in ("reading", "comparing") and not _child and not runs.is_under_way():
        found = {**found, "state": "failed", "error": ENDED}
    return {"state": "", **found}


def begin(*, source: Path | None, secret: str = "") -> None:
    """Have a process read a backup, or with None what was in place before; BackupError.

    `secret` opens it: a passphrase or the secret half of a key; empty, where the hub itself can.
    """
    database_path()
    if state()["state"] in ("reading", "comparing") or runs.is_under_way():
        raise BackupError("a backup, a drill or a restore is under way already")
    discard(keeps_upload=True)
    places.staged().mkdir(mode=0o700, exist_ok=True)
    note = {"state": "reading", "done": 0, "total": 0, "source": "" if source is None else source.name}
    places.write_json(places.state_file(), {**note, "is_kept": source is None, "begun_at": now_ms()})
    what = ["--kept"] if source is None else [str(source)]
    how = ["--passphrase-file", "/dev/stdin"] if secret else []
    with contextlib.suppress(BackupError):
        read_secret(secret)
        how = ["--key-file", "/dev/stdin"]
    process = subprocess.Popen(  # noqa: S603 - this program's own command
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "restore", "--beside", *what, *how],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _child.append(process)
    assert process.stdin is not None  # noqa: S101 - it was asked for
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(f"{secret}\n".encode())


def stop() -> None:
    """End what is being read; it removes what it has made."""
    for process in _child:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    _child.clear()


def discard(*, keeps_upload: bool = False) -> None:
    """Let what is staged go; what was in place before goes back to where it was kept."""
    stop()
    places.wanted_file().unlink(missing_ok=True)
    if places.read_json(places.state_file()).get("is_kept") and (places.staged_home() / DATABASE).exists():
        places.remove(places.kept_home())
        places.staged_home().rename(places.kept_home())
    places.remove(places.staged_home())
    places.state_file().unlink(missing_ok=True)
    if not keeps_upload:
        places.remove(places.staged())


def forget(now: int) -> None:
    """Let go what nobody has wanted for a day, and what was in place before a restore after a week."""
    found = places.read_json(places.state_file())
    if found and now - found.get("begun_at", 0) > places.STAGED_SECONDS * 1000 and not _child:
        discard()
    since = switching.kept_since()
    if since is not None and now - since > places.KEPT_SECONDS * 1000:
        places.remove(places.kept_home())


def want(*, digest: str, name: str, role: str) -> None:
    """The operator wants what is staged in place: the next process of the hub that begins does it. `digest` is of the
    secret by which that operator comes back into the console then. BackupError.
    """
    if state()["state"] != "ready":
        raise BackupError("nothing is ready to be put in place")
    places.write_json(places.wanted_file(), {"digest": digest, "name": name, "role": role})


# The process


class _Noting:
    """Writes down how far it is, now and then; stops before the disk is full."""

    def __init__(self, also: Progress) -> None:
        self._also = also
        self._state = places.read_json(places.state_file()) or {"begun_at": now_ms()}
        self._at = 0.0

    def progress(self, done: int, total: int) -> None:
        """Rows read, and how many there are."""
        self._also(done, total)
        if time.monotonic() - self._at < NOTE_SECONDS:
            return
        self._at = time.monotonic()
        if shutil.disk_usage(places.staged()).free < RESERVE_BYTES:
            raise BackupError("the disk is full: make room for a second store, and try again")
        self.note(done=done, total=total)

    def note(self, **fields: Any) -> None:
        """Write something down."""
        self._state |= fields
        places.write_json(places.state_file(), self._state)


def stage(source: Path | None, unlock: Unlock | None, *, progress: Progress) -> dict[str, Any]:
    """Build, prove and compare; gives the facts. With no source it is what was in place before; `unlock` may be left
    out where the hub can open the backup itself. BackupError, and then nothing is staged.
    """
    database_path()
    places.staged().mkdir(mode=0o700, exist_ok=True)
    noting = _Noting(progress)
    with runs.alone():
        try:
            noting.note(state="reading", is_kept=source is None, source="" if source is None else source.name)
            facts = _kept_take() if source is None else _build(source, unlock or runs.unlock_of(source), noting)
            noting.note(state="comparing")
            _bring_up_to_date()
            places.burn_aside(places.staged_home(), now=now_ms())
            facts |= compared(settings.ACCORD_HOME / DATABASE, places.staged_home() / DATABASE, now=now_ms())
            noting.note(state="ready", facts=facts)
            if source == places.upload_file():
                source.unlink()
        except BaseException as error:
            _undo(noting, error)
            raise
    return facts


def _build(source: Path, unlock: Unlock, noting: _Noting) -> dict[str, Any]:
    places.remove(places.staged_home())
    places.staged_home().mkdir(mode=0o700)
    restored = home_build(source, unlock, places.staged_home(), progress=noting.progress)
    begun, manifest = restored.begin, restored.manifest
    return {
        **{name: begun[name] for name in ("hub", "name", "made_at", "program")},
        "proved": len(manifest["roots"]),
    }


def _kept_take() -> dict[str, Any]:
    """What was in place before becomes what is staged."""
    at = switching.kept_since()
    if at is None:
        raise BackupError("nothing is kept from before a restore")
    places.remove(places.staged_home())
    places.kept_home().rename(places.staged_home())
    try:
        hub = SigningKey(b64decode((places.staged_home() / HUB_KEY).read_text(encoding="utf-8").strip(), 32))
    except (OSError, AccordError) as error:
        raise BackupError("what was kept holds no key of a hub") from error
    return {"hub": b64encode(hub.public), "made_at": at}


def _bring_up_to_date() -> None:
    """Do to the staged database what an upgrade of the hub has done to the one in place."""
    path = places.staged_home() / DATABASE
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    with closing(sqlite3.connect(path)) as database:
        done = set(database.execute("SELECT app, name FROM django_migrations"))
    if known <= done:
        return
    try:
        subprocess.run(  # noqa: S603 - this program's own command
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--no-copy", "--verbosity", "0"],
            env={**os.environ, "ACCORD_HOME": str(places.staged_home())},
            check=True,
            capture_output=True,
            timeout=MIGRATE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BackupError("the backup is of an older version, and its upgrade failed: see manage.py doctor") from error
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=DELETE")


def _undo(noting: _Noting, error: BaseException) -> None:
    """Leave nothing half, and say why."""
    if places.read_json(places.state_file()).get("is_kept"):
        if (places.staged_home() / DATABASE).exists():
            places.staged_home().rename(places.kept_home())
    else:
        places.remove(places.staged_home())
    told = str(error) if isinstance(error, BackupError) else f"it could not be read ({type(error).__name__})"
    noting.note(state="failed", error=told)
