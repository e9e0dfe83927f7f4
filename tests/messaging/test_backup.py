"""Backups and restores: what is in them, what is refused, what kill -9 leaves behind."""

from __future__ import annotations

import io
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging.backup import keys, rows, runs
from messaging.backup.keys import BackupError
from messaging.backup.restoring import Restored, backup_check, backup_restore
from messaging.backup.writing import RESERVE_BYTES, _Counting, parts_remove
from peers.clock import now_ms
from peers.keyring import HomeError, prepare_home
from tests.factories import envelope, install, store
from tests.hubs import ROOT, environment, migrated_home
from tests.messaging.backup_worker import KILLED_RESTORES, MESSAGES


@dataclass
class Made:
    """What the worker made."""

    home: Path
    folder: Path
    secret: str

    @property
    def unlock(self) -> keys.SecretKey:
        return keys.read_secret(self.secret)

    @property
    def file(self) -> Path:
        return self.folder / "one.backup"

    def restore(self, home: Path, file: Path | None = None) -> Restored:
        return backup_restore(file or self.file, self.unlock, home, progress=nothing)


def nothing(done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    home = Path(shutil.copytree(migrated_home(), tmp_path_factory.mktemp("source") / "home"))
    public, secret = keys.pair_create()
    done = subprocess.run(
        [sys.executable, "-m", "tests.messaging.backup_worker", str(folder), public, secret],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Made(home, folder, secret)


def tables(home: Path) -> dict[str, list[Any]]:
    """Everything in a database, but for what a copy begins without and its new name."""
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        names = [entry.name for entry in rows.schema(database) if entry.type == "table"]
        held = {name: sorted(map(repr, database.execute(f'SELECT * FROM "{name}"'))) for name in names}  # noqa: S608
        held["schema"] = sorted(rows.schema(database))
    return {name: held[name] for name in held.keys() - rows.LEFT_OUT - {"messaging_store"}}


def roots(home: Path, at: int) -> dict[str, rows.TopicRoot]:
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        return rows.roots(database, at)


def modes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield stat.S_IMODE(path.stat().st_mode)


def test_every_row_and_file_comes_back(made: Made, tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    restored = made.restore(home)
    assert restored.manifest["messages"] > MESSAGES
    assert tables(home) == tables(made.home)
    at = restored.manifest["as_of"]
    assert roots(home, at) == roots(made.home, at)
    assert len(roots(home, at)) == 2
    kept = {"hub.key", "admin.key", "secret.key"}
    assert {path.name for path in home.iterdir()} >= kept | {"hub.sqlite3"}
    assert [(home / name).read_bytes() for name in kept] == [(made.home / name).read_bytes() for name in kept]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert set(modes(home)) == {0o600}


def test_it_is_another_run_of_arrival_numbers(made: Made, tmp_path: Path) -> None:
    made.restore(tmp_path / "home")
    names = set()
    for home in (made.home, tmp_path / "home"):
        with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
            names.add(database.execute("SELECT store FROM messaging_store").fetchone()[0])
    assert {len(name) for name in names} == {16}
    assert len(names) == 2


def test_checking_leaves_nothing(made: Made, tmp_path: Path) -> None:
    before = sorted(made.folder.rglob("*"))
    assert backup_check(made.file, made.unlock, progress=nothing).manifest["messages"] > MESSAGES
    assert sorted(made.folder.rglob("*")) == before


def test_no_secret_lies_in_the_file(made: Made) -> None:
    raw = made.file.read_bytes()
    assert set(modes(made.folder)) == {0o600}
    for name in ("hub.key", "admin.key", "secret.key"):
        assert (made.home / name).read_bytes().strip() not in raw
    assert b"messaging" not in raw


def test_what_is_not_whole_is_refused_and_nothing_is_put_in_place(made: Made, tmp_path: Path) -> None:
    raw = made.file.read_bytes()
    file, home = tmp_path / "changed.backup", tmp_path / "home"
    for data in (raw[:-1], raw[: len(raw) // 2], raw[:-40] + b"\0" + raw[-39:], raw[:150]):
        file.write_bytes(data)
        with pytest.raises(BackupError, match="changed or cut off"):
            made.restore(home, file)
    with pytest.raises(BackupError, match="newer version"):
        made.restore(home, made.folder / "newer.backup")
    with pytest.raises(BackupError, match="No such file"):
        made.restore(home, tmp_path / "none")
    with pytest.raises(BackupError, match="made for another key"):
        backup_restore(made.file, keys.read_secret(keys.pair_create()[1]), home, progress=nothing)
    assert not list(home.iterdir())


def test_a_home_that_is_used_is_left_alone(made: Made, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(BackupError, match="not empty"):
        made.restore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "home").write_text("no folder")
    with pytest.raises(BackupError, match="cannot use"):
        made.restore(tmp_path / "home")


def test_a_home_in_which_a_hub_runs(made: Made, tmp_path: Path, settings: Any) -> None:
    from accord_hub.home import locked

    settings.ACCORD_HOME = tmp_path
    with locked(), pytest.raises(BackupError, match="in use"):
        made.restore(tmp_path)


def test_a_backup_that_was_killed_leaves_a_part_that_the_next_removes(made: Made) -> None:
    folder = made.folder / "cut"
    assert [path.name for path in folder.iterdir()] == [".accord-test.backup.part"]
    assert set(modes(folder)) == {0o600}
    parts_remove(folder)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", KILLED_RESTORES)
def test_a_restore_that_was_killed_begins_anew(made: Made, name: str, settings: Any) -> None:
    home = made.folder / name
    settings.ACCORD_HOME = home
    with pytest.raises(HomeError, match="cut off; then run it again"):
        prepare_home()
    at = made.restore(home).manifest["as_of"]
    assert roots(home, at) == roots(made.home, at)
    assert not (home / "restoring").exists()
    prepare_home()


def test_a_full_disk_leaves_nothing_half(made: Made) -> None:
    assert "nothing of this backup has been kept" in (made.folder / "full" / "said").read_text()
    assert [path.name for path in (made.folder / "full").iterdir()] == ["said"]


def test_the_disk_is_not_filled_to_the_brim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free._replace(free=RESERVE_BYTES))
    file = _Counting(io.BytesIO(), tmp_path)
    with pytest.raises(BackupError, match="is full"):
        file.write(b"x")


def test_the_commands_tell_what_is_wrong(made: Made, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(made.secret)
    secret.chmod(0o600)
    arguments = {"check_only": True, "key_file": secret, "stdout": io.StringIO()}
    call_command("restore", str(made.file), **arguments)
    assert "Nothing has been restored" in arguments["stdout"].getvalue()  # type: ignore[attr-defined]
    secret.write_text("accord-backup-secret-slip")
    with pytest.raises(CommandError, match="not whole"):
        call_command("restore", str(made.file), **arguments)
    secret.chmod(0o644)
    with pytest.raises(CommandError, match="can be read by others"):
        call_command("restore", str(made.file), **arguments)


@pytest.mark.django_db(transaction=True)
def test_what_has_burned_is_in_no_backup_made_after_it(tmp_path: Path) -> None:
    """Though the sweep, which runs each 10 s, has not come yet."""
    hub, now = install(), now_ms()
    ann = hub.member("ann")
    kept, burned = envelope(ann, hub.lounge, "kept"), envelope(ann, hub.lounge, "burned", burn_at=now - 1)
    store(kept, burned)
    public, secret = keys.pair_create()
    made = runs.backup_run(target=tmp_path, lock=keys.read_public(public), progress=nothing)
    backup_restore(made.path, keys.read_secret(secret), tmp_path / "home", progress=nothing)
    with closing(sqlite3.connect(tmp_path / "home" / "hub.sqlite3")) as database:
        bodies = {row[0] for row in database.execute("SELECT body FROM messaging_message")}
    assert b'{"text":"kept"}' in bodies
    assert b'{"text":"burned"}' not in bodies
