"""The hub's home: its modes, its key files, two processes that make them at the same moment."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from accord.encoding import b64encode
from accord.keys import SigningKey
from peers import keyring as rings
from peers.keyring import HomeError, keyring, prepare_home, private_seed, write_private

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that is not there yet, and no keys in memory."""
    monkeypatch.setattr(django_settings, "ACCORD_HOME", tmp_path / "deep" / "home")
    keyring.cache_clear()
    yield tmp_path / "deep" / "home"
    keyring.cache_clear()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_home_and_keys_are_for_the_owner_alone(home: Path) -> None:
    old = os.umask(0)  # the most careless
    try:
        ring = keyring()
    finally:
        os.umask(old)
    assert mode(home) == 0o700
    files = {path.name: mode(path) for path in home.iterdir()}
    assert {name: files.get(name) for name in ("hub.key", "admin.key", "secret.key")} == {
        "hub.key": 0o600,
        "admin.key": 0o600,
        "secret.key": 0o600,
    }
    assert len({ring.hub.seed, ring.admin.seed, ring.secret}) == 3


def test_keys_are_made_once(home: Path) -> None:
    first = keyring()
    keyring.cache_clear()
    again = keyring()
    assert (first.hub.seed, first.admin.seed, first.secret) == (again.hub.seed, again.admin.seed, again.secret)
    assert keyring() is again


def test_an_open_home_is_closed(home: Path) -> None:
    home.mkdir(parents=True, mode=0o755)
    home.chmod(0o755)
    assert prepare_home() == home
    assert mode(home) == 0o700


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_read_is_not_used(home: Path, open_to: int) -> None:
    private_seed("hub.key")
    (home / "hub.key").chmod(open_to)
    with pytest.raises(HomeError, match=r"hub\.key can be read by others"):
        keyring()


@pytest.mark.parametrize("content", ["", "short", "A" * 44, "=" * 43, "B" * 43, "\0" * 43])
def test_a_file_that_holds_no_key_is_refused_and_left_alone(home: Path, content: str) -> None:
    prepare_home()
    write_private(home / "hub.key", content)
    with pytest.raises(HomeError, match="does not hold a key"):
        private_seed("hub.key")
    assert (home / "hub.key").read_text(encoding="utf-8") == content


def test_a_folder_in_place_of_a_key(home: Path) -> None:
    prepare_home()
    (home / "hub.key").mkdir(mode=0o700)
    with pytest.raises(HomeError, match="cannot read"):
        private_seed("hub.key")


def test_a_file_in_place_of_the_home(home: Path) -> None:
    home.parent.mkdir()
    home.write_text("", encoding="utf-8")
    with pytest.raises(HomeError, match="cannot use the hub's home"):
        prepare_home()


def test_a_key_given_by_the_owner_is_used(home: Path) -> None:
    prepare_home()
    seed = bytes(range(32))
    write_private(home / "hub.key", b64encode(seed) + "\n")
    assert keyring().hub.public == SigningKey(seed).public


def test_writing_replaces_whole_or_refuses(home: Path) -> None:
    path = prepare_home() / "note"
    write_private(path, "one")
    with pytest.raises(FileExistsError):
        write_private(path, "two", replace=False)
    assert path.read_text(encoding="utf-8") == "one"
    write_private(path, "three")
    assert path.read_text(encoding="utf-8") == "three"
    assert mode(path) == 0o600
    assert [entry.name for entry in home.iterdir()] == ["note"]  # nothing half written stays


RACE = """
import sys
from peers.keyring import private_seed
print("ready", flush=True)
sys.stdin.readline()
print(*(private_seed(f"race-{number}.key").hex() for number in range(100)))
"""


def test_processes_that_make_the_keys_at_once_get_the_same(home: Path) -> None:
    environment = {**os.environ, "ACCORD_HOME": str(home), "DJANGO_SETTINGS_MODULE": "accord_hub.settings"}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    found = {racer.communicate(timeout=60)[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    (line,) = found
    assert len(set(line.split())) == 100
    assert {entry.name for entry in home.iterdir()} == {f"race-{number}.key" for number in range(100)}
    assert rings.private_seed("race-7.key").hex() == line.split()[7]
