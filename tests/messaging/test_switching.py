"""A backup beside the hub that is there: what is compared, and that kill -9 leaves the old hub or the new one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from messaging.backup import keys, places, staging, switching
from messaging.backup.upgrade import copy_burn
from peers.clock import now_ms
from peers.keyring import SWITCHING, HomeError, alone_in, prepare_home
from tests.hubs import ROOT, environment, migrated_home, run_command
from tests.messaging.switch_worker import AFTER, BEFORE

DAY_MS = 24 * 3600 * 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("switched")
    home = Path(shutil.copytree(migrated_home(), tmp_path_factory.mktemp("source") / "home"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.messaging.switch_worker", str(made), *keys.pair_create()],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return made


def held(home: Path) -> tuple[int, int]:
    """(of the first messages, of the later ones) in a home's database, which is sound."""
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        bodies = [row[0] for row in database.execute("SELECT body FROM messaging_message WHERE type = 'chat.text'")]
    return sum(b"first" in body for body in bodies), sum(b"later" in body for body in bodies)


def keys_in(home: Path) -> set[str]:
    return {path.name for path in home.glob("*.key")}


def test_it_is_compared(folder: Path) -> None:
    facts = json.loads((folder / "whole" / "restored.json").read_text())["facts"]
    messages = facts["messages"]
    assert messages["here"] - messages["there"] == messages["lost"] == AFTER
    assert messages["back"] == messages["undeleted"] == 0
    assert messages["newest_here"] > messages["newest_there"]
    (lounge,) = [row for row in facts["topics"]["rows"] if row[0] == "#lounge"]
    assert lounge == ["#lounge", BEFORE + AFTER, BEFORE, AFTER, 0, False]
    assert facts["topics"]["other"] == 1
    assert facts["topics"]["same"] == len(facts["topics"]["rows"]) - 1
    assert facts["people"]["gone"] == facts["people"]["back"] == []


def test_the_old_lies_aside_whole(folder: Path, settings: Any) -> None:
    home = folder / "whole"
    settings.ACCORD_HOME = home
    assert held(home) == (BEFORE, 0)
    assert held(home / "before-restore") == (BEFORE, AFTER)
    assert keys_in(home) == keys_in(home / "before-restore")
    assert not places.staged().exists()
    assert switching.kept_since() is not None
    assert not switching.settle(), "there is nothing more to do"


def test_the_commands_of_make_run_bring_it_to_its_end(folder: Path) -> None:
    """`make run` begins with `migrate`; what comes after finds a hub that is whole."""
    home = folder / "cut"
    assert run_command(home, "status").returncode == 1
    assert run_command(home, "migrate", "--verbosity=0").returncode == 0
    assert run_command(home, "status").returncode == 0
    assert held(home) == (BEFORE, 0)


def test_kill_at_any_step_leaves_the_old_or_leads_to_the_new(folder: Path, settings: Any) -> None:
    steps = sorted(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))
    assert len(steps) > 20
    cut_off = 0
    for home in steps:
        settings.ACCORD_HOME = home
        if (home / SWITCHING).exists():
            cut_off += 1
            with pytest.raises(HomeError, match="start the hub"):
                prepare_home()
        elif not (home / "restored.json").exists():
            assert held(home) == (BEFORE, AFTER), f"{home.name}: the old hub, whole"
        switching.settle()
        assert held(home) == (BEFORE, 0), home.name
        assert held(home / "before-restore") == (BEFORE, AFTER), home.name
        assert keys_in(home) == keys_in(home / "before-restore") >= {"hub.key", "admin.key"}, home.name
        assert (home / "restored.json").exists(), home.name
        assert not (home / SWITCHING).exists(), home.name
        assert not places.staged().exists(), home.name
    assert cut_off > 10


def test_it_does_not_begin_while_another_process_has_the_database(folder: Path, settings: Any) -> None:
    home = folder / "wanted"
    settings.ACCORD_HOME = home
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM messaging_message").fetchone()
        assert not switching.settle()
        assert "could not be put in place" in places.read_json(places.state_file())["refused"]
        assert not switching.is_wanted()
    assert held(home) == (BEFORE, AFTER)
    prepare_home()


def test_commands_and_a_restore_keep_out_of_each_others_way(tmp_path: Path, settings: Any) -> None:
    settings.ACCORD_HOME = tmp_path
    code = "from peers.keyring import prepare_home; prepare_home(); print('in'); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", f"import django; django.setup(); {code}"],
        cwd=ROOT,
        env=environment(tmp_path, DJANGO_SETTINGS_MODULE="accord_hub.settings"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    with pytest.raises(HomeError, match="another command"), alone_in(tmp_path, seconds=0):
        pass
    other.communicate("\n")
    with alone_in(tmp_path):
        done = subprocess.run(
            [sys.executable, "manage.py", "hub"],
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "try again in a moment" in done.stderr


def test_what_lies_aside_burns_and_goes(folder: Path, settings: Any, tmp_path: Path) -> None:
    home, now = Path(shutil.copytree(folder / "whole", tmp_path / "home")), now_ms()
    settings.ACCORD_HOME = home
    aside = home / "before-restore" / "hub.sqlite3"
    with closing(sqlite3.connect(aside)) as database, database:
        one = "SELECT max(cursor) FROM messaging_message WHERE type = 'chat.text'"
        database.execute(f"UPDATE messaging_message SET burn_at = ? WHERE cursor = ({one})", [now - 1])  # noqa: S608
    assert [copy_burn(now=now), copy_burn(now=now)] == [1, 0]
    with closing(sqlite3.connect(aside)) as database:
        assert database.execute("SELECT body, salt FROM messaging_message WHERE burn_at IS NOT NULL").fetchall() == [
            (None, None)
        ]
    staging.forget(now + 6 * DAY_MS)
    assert aside.exists()
    staging.forget(now + 8 * DAY_MS)
    assert not (home / "before-restore").exists()


def test_what_is_not_wanted_goes_and_what_was_kept_stays(folder: Path, settings: Any, tmp_path: Path) -> None:
    home = Path(shutil.copytree(folder / "whole", tmp_path / "home"))
    settings.ACCORD_HOME = home
    staging.stage(None, None, progress=lambda *_: None)
    assert staging.state()["state"] == "ready"
    assert staging.state()["facts"]["messages"]["back"] == AFTER
    assert not (home / "before-restore").exists()
    staging.discard()
    assert held(home / "before-restore") == (BEFORE, AFTER)
    assert held(home) == (BEFORE, 0)
    assert not places.staged().exists()
