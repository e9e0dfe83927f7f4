"""Archives and bundles between real homes, by the commands alone (docs/archive.md)."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.hubs import ROOT, environment, migrated_home, run_command, wait_until
from tests.irc_logs import write_logs

pytestmark = pytest.mark.e2e

CHECK = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "archive.md").read_text(encoding="utf-8"), re.DOTALL)


def run(home: Path, *arguments: str | Path) -> str:
    done = run_command(home, *map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout


def new_home(path: Path) -> Path:
    shutil.copytree(migrated_home(), path)
    return path


def roots(home: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(run(home, "roots"))
    return {topic: root for topic, root in found.items() if not topic.startswith("hub:")}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a few hundred messages."""
    folder = tmp_path_factory.mktemp("source")
    home = new_home(folder / "home")
    write_logs(folder / "logs", files=3, lines=150, seed=1)
    run(home, "import_irc", folder / "logs", "--channel", "ubuntu")
    return home


@pytest.fixture(scope="module")
def archive(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its archive."""
    folder = tmp_path_factory.mktemp("archive") / "archive"
    run(source, "export_archive", folder)
    return folder


def test_a_page_of_script_finds_the_same_roots(source: Path, archive: Path) -> None:
    assert CHECK is not None
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHECK[1], str(archive)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {line.split()[2]: line.split()[0] for line in done.stdout.splitlines()}
    assert found == json.loads(run(source, "roots"))


def test_nobody_else_may_read_it(archive: Path) -> None:
    paths = [archive, *archive.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_what_has_not_changed_is_not_written_again(source: Path, archive: Path) -> None:
    before = {path: path.stat().st_ino for path in archive.glob("database/*/data")}
    assert " 0 topics written" in run(source, "export_archive", archive)
    assert {path: path.stat().st_ino for path in archive.glob("database/*/data")} == before


def test_another_hub_becomes_equal_and_once_is_enough(source: Path, archive: Path, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    first = run(other, "import_archive", archive)
    assert "refused" not in first
    assert roots(source).items() <= roots(other).items()
    assert run(other, "import_archive", archive).startswith("0 messages stored")


def test_a_bundle_brings_what_came_since(source: Path, archive: Path, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    run(other, "import_archive", archive)
    ahead = tmp_path / "ahead"
    shutil.copytree(source, ahead)
    spoken = write_logs(tmp_path / "more", files=1, lines=80, seed=2)
    run(ahead, "import_irc", tmp_path / "more", "--channel", "ubuntu")
    (tmp_path / "roots.json").write_text(run(other, "roots"))
    stick = tmp_path / "stick.bundle"
    assert run(ahead, "export_bundle", stick, "--have", tmp_path / "roots.json").startswith(f"{spoken} messages")

    before = roots(other)
    assert f"{spoken} messages stored, 0 were" in run(other, "import_bundle", stick)
    assert roots(ahead).items() <= roots(other).items()
    assert roots(other) != before


def test_an_import_that_was_killed_goes_on(source: Path, archive: Path, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_archive", str(archive)],
        cwd=ROOT,
        env=environment(other),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def begun() -> bool:
        with closing(sqlite3.connect(f"file:{other / 'hub.sqlite3'}?mode=ro", uri=True)) as database:
            stored: int = database.execute("SELECT count(*) FROM messaging_message").fetchone()[0]
        return process.poll() is not None or stored > 1

    try:
        wait_until(begun, what="something is stored")
    finally:
        process.kill()
        process.wait()
    run(other, "import_archive", archive)
    assert roots(source).items() <= roots(other).items()
