"""Upgrades and downgrades: the copy before a migration, the refusal of a newer database, `init`."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from messaging.backup import upgrade
from messaging.backup.keys import BackupError
from messaging.models import Message, Topic
from tests.factories import NOW
from tests.hubs import run_command


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_database_is_copied_before_it_changes(home: Path) -> None:
    done = run_command(home, "migrate", "sessions", "zero")
    assert done.returncode == 0, done.stderr
    copy = home / upgrade.COPY
    assert str(copy) in done.stdout
    assert "django_session" in tables(copy)
    assert "django_session" not in tables(home / "hub.sqlite3")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert run_command(home, "status").stderr.strip().endswith("run `manage.py migrate`")
    inode = copy.stat().st_ino
    assert run_command(home, "migrate").returncode == 0
    assert copy.stat().st_ino != inode, "the newest copy is the one that is kept"
    inode = copy.stat().st_ino
    assert str(copy) not in run_command(home, "migrate").stdout
    assert copy.stat().st_ino == inode, "nothing changed, nothing was copied"


def test_a_database_of_a_newer_version_is_refused(home: Path) -> None:
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database, database:
        row = "INSERT INTO django_migrations (app, name, applied) VALUES ('messaging', '9999_later', '2030-01-01')"
        database.execute(row)
    before = tables(home / "hub.sqlite3")
    for command in ("hub", "migrate"):
        done = run_command(home, command)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "a newer version of Accord Hub has made this database (messaging.9999_later)" in done.stderr
    assert tables(home / "hub.sqlite3") == before
    assert not (home / upgrade.COPY).exists()


def test_the_copy_goes_after_a_week(tmp_path: Path, settings: Any) -> None:
    settings.ACCORD_HOME = tmp_path
    database = tmp_path / "hub.sqlite3"
    with closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE said (text)")
    copy = upgrade.copy_make(database)
    upgrade.copy_forget()
    assert tables(copy) == {"said"}
    old = time.time() - upgrade.KEPT_SECONDS - 1
    os.utime(copy, (old, old))
    upgrade.copy_forget()
    assert [path.name for path in tmp_path.iterdir()] == ["hub.sqlite3"]


def test_no_copy_no_upgrade(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ACCORD_HOME = tmp_path
    (tmp_path / "hub.sqlite3").write_bytes(b"no database, and longer than nothing" * 100)
    with pytest.raises(BackupError, match="cannot copy"):
        upgrade.copy_make(tmp_path / "hub.sqlite3")
    monkeypatch.setattr(upgrade, "RESERVE_BYTES", 2**62)
    with pytest.raises(BackupError, match="no room"):
        upgrade.copy_make(tmp_path / "hub.sqlite3")
    assert [path.name for path in tmp_path.iterdir()] == ["hub.sqlite3"]


def test_init_makes_a_hub_and_is_patient(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    said = ["--name", "Our hub", "--url", "https://hub.example/", "--json"]
    first = run_command(tmp_path / "other", "init", "--home", str(home), *said)
    assert first.returncode == 0, first.stderr
    facts = json.loads(first.stdout)
    assert facts["home"] == str(home)
    assert (facts["name"], facts["url"], facts["is_new"]) == ("Our hub", "https://hub.example", True)
    assert not (tmp_path / "other").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
    again = json.loads(run_command(home, "init", "--json").stdout)
    assert again == {**facts, "is_new": False}
    link = json.loads(run_command(home, "invite", "--json").stdout)["link"]
    assert link.startswith("https://hub.example/join#")
    wrong = run_command(home, "init", "--url", "hub.example")
    assert wrong.returncode == 2
    settings = run_command(home, "status", ACCORD_URL="nonsense")
    assert (settings.returncode, settings.stderr) == (
        1,
        "CommandError: ACCORD_URL is an origin like https://hub.example\n",
    )


def test_what_burns_is_emptied_in_the_copy_too(tmp_path: Path, settings: Any) -> None:
    settings.ACCORD_HOME = tmp_path
    assert upgrade.copy_burn(now=NOW) == 0
    database = tmp_path / "hub.sqlite3"
    with closing(sqlite3.connect(database)) as made, made:
        made.execute("CREATE TABLE messaging_topic (id, bytes)")
        made.execute("CREATE TABLE messaging_message (topic_id, burn_at, salt, body)")
        made.executemany("INSERT INTO messaging_topic VALUES (?, ?)", [(1, 1_000), (2, 1_000)])
        rows = [(1, NOW, b"s" * 16, b"planted words"), (1, None, b"s" * 16, b"kept"), (2, NOW + 1, b"s" * 16, b"later")]
        made.executemany("INSERT INTO messaging_message VALUES (?, ?, ?, ?)", rows)
    for model, columns in ((Message, {"topic_id", "burn_at", "salt", "body"}), (Topic, {"id", "bytes"})):
        assert columns <= {field.column for field in model._meta.fields}
    copy = upgrade.copy_make(database)
    old = time.time() - upgrade.KEPT_SECONDS + 600
    os.utime(copy, (old, old))
    assert [upgrade.copy_burn(now=NOW), upgrade.copy_burn(now=NOW)] == [1, 0]
    with closing(sqlite3.connect(copy)) as left:
        assert left.execute("SELECT body FROM messaging_message").fetchall() == [(None,), (b"kept",), (b"later",)]
        assert left.execute("SELECT bytes FROM messaging_topic").fetchall() == [(1_000 - 16 - 13,), (1_000,)]
    assert b"planted words" not in copy.read_bytes()
    assert copy.stat().st_mtime == pytest.approx(old)  # it goes when it would have gone
