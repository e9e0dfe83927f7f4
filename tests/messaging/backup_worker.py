"""`python -m tests.messaging.backup_worker FOLDER KEY SECRET`: what the tests of backups look at, made in one process.

$ACCORD_HOME gets some hundred messages; FOLDER gets `one.backup`, sealed to KEY, and `newer.backup`, as a later version
would make it; of each run that was killed (as by kill -9, in a process of its own), what it left behind; and in `full`
what was said where the disk was full.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import django

MESSAGES: Final = 700
DISK_BYTES: Final = 50_000
KILLED_RESTORES: Final = {"rows": 2, "first": 0, "middle": 2}  # after how many steps: parts of rows, files in place


def dies_after(steps: int) -> Callable[..., None]:
    """A function that kills this process when it is called once more than so often."""
    left = steps

    def step(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def ended(work: Callable[[], object]) -> int:
    """Run it in a process of its own; how that ended."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed(work: Callable[[], object]) -> None:
    """The same, where it must not come to its end."""
    assert ended(work) == signal.SIGKILL


def main(folder: Path, key: str, secret: str) -> None:
    from django.conf import settings

    from messaging.backup import restoring, writing
    from messaging.backup.keys import BackupError, read_public, read_secret
    from messaging.services import hub_install
    from peers.clock import now_ms
    from peers.keyring import keyring
    from tests.factories import envelope, store

    hub_install()
    admin = keyring().admin
    lounge = lounge_of_the_hub()
    now = now_ms()
    store(*(envelope(admin, lounge, f"{n} {'x' * n}", created_at=now - n * 1000) for n in range(MESSAGES)), now=now)
    lock, unlock = read_public(key), read_secret(secret)
    one = folder / "one.backup"

    def back_up(target: Path, progress: Callable[..., None] = lambda *_: None) -> None:
        writing.backup_write(target=target, lock=lock, now=now_ms(), progress=progress)

    def put_in_place(home: Path) -> None:
        step, rename = dies_after(KILLED_RESTORES[home.name]), Path.rename

        def rename_or_die(path: Path, target: Path) -> Path:
            step()
            return rename(path, target)

        Path.rename = rename_or_die  # type: ignore[method-assign]
        restoring.backup_restore(one, unlock, home, progress=lambda *_: None)

    def load(home: Path) -> None:
        restoring.backup_restore(one, unlock, home, progress=dies_after(KILLED_RESTORES[home.name]))

    def fill_the_disk() -> None:
        """A limit on the size of files stands for the disk."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES))
        try:
            back_up(folder / "full" / "accord-test.backup")
        except BackupError as error:
            (folder / "full" / "said").write_text(str(error))

    (folder / "cut").mkdir()
    (folder / "full").mkdir()
    back_up(one)
    killed(lambda: back_up(folder / "cut" / "accord-test.backup", dies_after(2)))
    assert ended(fill_the_disk) == 0
    killed(lambda: load(folder / "rows"))
    killed(lambda: put_in_place(folder / "first"))
    killed(lambda: put_in_place(folder / "middle"))
    with closing(sqlite3.connect(settings.ACCORD_HOME / "hub.sqlite3")) as database, database:
        row = "INSERT INTO django_migrations (app, name, applied) VALUES ('messaging', '9999_later', '2030-01-01')"
        database.execute(row)
        database.commit()
        back_up(folder / "newer.backup")
        database.execute("DELETE FROM django_migrations WHERE name = '9999_later'")


def lounge_of_the_hub() -> object:
    from accord.topics import Topic
    from messaging.models import Topic as TopicRow

    return Topic("chan", bytes(TopicRow.objects.get(kind="chan").ident))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    os.umask(0o077)
    django.setup()
    main(Path(sys.argv[1]), *sys.argv[2:])
