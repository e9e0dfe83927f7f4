"""`python -m tests.messaging.switch_worker FOLDER KEY SECRET`: homes in which a restore was killed, one for each step.

$ACCORD_HOME gets messages and a backup of them in FOLDER, then others; the backup is staged beside it. FOLDER/step-N is
a copy of that home in which putting it in place was killed (kill -9, in a process of its own) after N steps; `whole` is
one in which it was not, `wanted` one in which it has not begun, `cut` the first in which files had begun to move.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import django

from tests.messaging.backup_worker import dies_after, ended

BEFORE: Final = 40
AFTER: Final = 15
MOST_STEPS: Final = 60


def main(folder: Path, key: str, secret: str) -> None:
    from django.conf import settings
    from django.db import connections

    from messaging.backup import staging, switching, writing
    from messaging.backup.keys import read_public, read_secret
    from messaging.services import hub_install
    from peers import keyring as keys_of
    from peers.clock import now_ms
    from tests.factories import envelope, store
    from tests.messaging.backup_worker import lounge_of_the_hub

    hub_install()
    admin, lounge, now = keys_of.keyring().admin, lounge_of_the_hub(), now_ms()
    store(*(envelope(admin, lounge, f"first {n}", created_at=now - n) for n in range(BEFORE)), now=now)
    writing.backup_write(target=folder / "one.backup", lock=read_public(key), now=now, progress=lambda *_: None)
    store(*(envelope(admin, lounge, f"later {n}", created_at=now + n) for n in range(AFTER)), now=now + AFTER)
    connections.close_all()
    staging.stage(folder / "one.backup", read_secret(secret), progress=lambda *_: None)
    staging.want(digest="00" * 32, name="operator", role="operator")
    source = Path(settings.ACCORD_HOME)

    def switch(home: Path, step: Callable[[], None]) -> None:
        settings.ACCORD_HOME = home
        keys_of._shared.clear()
        for name in ("rename", "unlink", "mkdir"):
            dying(Path, name, step)
        dying(os, "fsync", step)
        assert switching.settle()

    shutil.copytree(source, folder / "wanted")
    for steps in range(MOST_STEPS):
        home = folder / f"step-{steps}"
        shutil.copytree(source, home)
        if not ended(lambda home=home, steps=steps: switch(home, dies_after(steps))):  # type: ignore[misc]
            home.rename(folder / "whole")
            return
        if (home / keys_of.SWITCHING).exists() and not (folder / "cut").exists():
            shutil.copytree(home, folder / "cut")
    raise AssertionError("it never came to its end")


def dying(owner: Any, name: str, step: Callable[[], None]) -> None:
    """Have a function of the system kill the process before it does its work, when its time has come."""
    real = getattr(owner, name)

    def dies_or_works(*given: Any, **named: Any) -> Any:
        step()
        return real(*given, **named)

    setattr(owner, name, dies_or_works)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
    os.umask(0o077)
    django.setup()
    main(Path(sys.argv[1]), *sys.argv[2:])
