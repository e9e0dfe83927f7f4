"""Putting a staged home in place: the files of the hub's home and those of `staged/home` change places.

A process that begins does it, before it has opened anything: `settle` finishes what was cut off, or begins what the
operator wants. From the moment at which `switching.json` is there, every start goes on from where the last one was cut
off, and no other command uses the home: so a kill at any line leaves the old hub, or leads to the new one. What was in
place lies in `before-restore` then. Not here: reading and proving a backup (staging.py).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from blobs.files import FOLDER as BLOBS
from messaging.backup import places
from messaging.backup.keys import BackupError
from messaging.backup.manifest import DATABASE, FILE_NAME
from peers.clock import now_ms
from peers.keyring import SWITCHING, HomeError, alone_in

DATABASE_TIMEOUT_SECONDS: Final = 5.0
OUT: Final = "out"  # what is in place goes aside
IN: Final = "in"  # what was staged comes
DONE: Final = "done"  # what is left to do is writing it down
KEPT_NOTE: Final = "kept.json"  # in what was in place before: since when it lies there
BESIDE_DATABASE: Final = tuple(f"{DATABASE}{end}" for end in ("-wal", "-shm", "-journal"))


def is_wanted() -> bool:
    """Whether the operator wants what is staged in place of what is there."""
    return places.wanted_file().exists()


def settle() -> bool:
    """Finish a change of places that was cut off, or begin one that is wanted; whether the home is another now.

    To be called before this process has opened the database or read a key. HomeError where it was cut off and cannot go
    on; where it cannot begin, the old hub stays and the reason is kept in the state.
    """
    home: Path = settings.ACCORD_HOME
    journal = home / SWITCHING
    if not journal.exists() and not is_wanted():
        return False
    try:
        with alone_in(home):
            if not journal.exists() and is_wanted():
                _begin(home, journal)
            if journal.exists():  # else another process was faster
                _go_on(home, journal)
    except (HomeError, BackupError, OSError, sqlite3.Error) as error:
        if journal.exists():
            raise HomeError(f"a restore into {home} cannot be brought to its end: {error}") from error
        places.wanted_file().unlink(missing_ok=True)
        state = places.read_json(places.state_file())
        places.write_json(places.state_file(), {**state, "refused": f"It could not be put in place: {error}."})
        return False
    return True


def _begin(home: Path, journal: Path) -> None:
    """Make sure that it can be done, and write down that it shall be."""
    staged = places.staged_home()
    if places.read_json(places.state_file()).get("state") != "ready" or not (staged / DATABASE).exists():
        raise BackupError("nothing is ready to be put in place")
    device = home.stat().st_dev
    for path in (staged, *(path for path in home.iterdir() if _belongs(path))):
        if os.path.ismount(path) or path.is_symlink() or path.stat().st_dev != device:
            raise BackupError(f"{path} lies on another disk than the home: use manage.py restore into a new home")
    _close(home / DATABASE)
    places.remove(places.kept_home())
    places.kept_home().mkdir(mode=0o700)
    places.write_json(journal, {"phase": OUT, "at": now_ms()})
    places.sync(home)


def _close(database: Path) -> None:
    """Make one whole file of the database, which works while nobody else has it open only."""
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=DATABASE_TIMEOUT_SECONDS, isolation_level=None)) as connection:
        if connection.execute("PRAGMA journal_mode=DELETE").fetchone() != ("delete",):
            raise BackupError("another program has the hub's database open")


def _belongs(path: Path) -> bool:
    """Whether something in the home is the hub's, and no lock, backup or note about this machine."""
    return path.name in (DATABASE, *BESIDE_DATABASE, BLOBS) or FILE_NAME.fullmatch(path.name) is not None


def _go_on(home: Path, journal: Path) -> None:
    written = places.read_json(journal)
    kept, staged = places.kept_home(), places.staged_home()
    if written["phase"] == OUT:
        _move([path for path in sorted(home.iterdir()) if _belongs(path)], kept)
        places.write_json(journal, written := {**written, "phase": IN})
        places.sync(home)
    if written["phase"] == IN:
        if staged.exists():
            _move(sorted(path for path in staged.iterdir() if _belongs(path)), home)
        places.write_json(journal, written := {**written, "phase": DONE})
        places.sync(home)
    _write_down(written["at"])
    places.remove(places.staged())
    journal.unlink()
    places.sync(home)


def _move(paths: list[Path], to: Path) -> None:
    folders = {path.parent for path in paths}
    for path in paths:
        path.rename(to / path.name)
    for folder in (*folders, to):
        places.sync(folder)


def _write_down(at: int) -> None:
    """Keep what was done for the hub's audit log, and beside the old home when it was left."""
    if not places.staged().exists():  # it has been written down
        return
    state: dict[str, Any] = places.read_json(places.state_file())
    wanted = places.read_json(places.wanted_file())
    places.write_json(places.restored_file(), {"at": at, **wanted, "facts": state.get("facts", {})})
    places.write_json(places.kept_home() / KEPT_NOTE, {"at": at})


def kept_since() -> int | None:
    """Since when what was in place before is kept (ms); None where nothing is."""
    if not (places.kept_home() / DATABASE).exists():
        return None
    return int(places.read_json(places.kept_home() / KEPT_NOTE).get("at", 0))


def kept_bytes() -> int:
    """How much room what was in place before takes."""
    return sum(path.stat().st_size for path in places.kept_home().rglob("*") if path.is_file())
