"""Every command of the hub: help that suffices, exit codes in it, wrong usage and expected errors without traceback."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.core.management.base import BaseCommand

from peers.commands import HubCommand
from peers.keyring import keyring

OURS: Final = {config.name for config in apps.get_app_configs() if (Path(config.path).parent / "manage.py").exists()}
NAMES: Final = sorted(name for name, app in get_commands().items() if app in OURS)
ARGUMENTS: Final[dict[str, list[str]]] = {  # what they cannot be called without
    "add_user": ["somebody", "A" * 43],
    "export_archive": ["archive"],
    "export_bundle": ["bundle"],
    "grant": ["somebody", "--invites=1"],
    "import_archive": ["none"],
    "import_bundle": ["none"],
    "import_irc": ["none", "--channel=x"],
    "link": ["http://127.0.0.1/join#x"],
    "remove_user": ["somebody"],
    "restore": ["none", "--check-only", "--passphrase-file=none"],
    "unlink": ["x"],
}
NEED_NO_HOME: Final = {"backup_key", "doctor", "export_messages", "prune", "roots", "verify_audit", "verify_store"}


def command(name: str) -> BaseCommand:
    made = load_command_class(get_commands()[name], name)
    made._called_from_command_line = True
    return made


def test_they_are_all_seen() -> None:
    issue = {"init", "hub", "invite", "add_user", "grant", "tree", "link", "status", "prune", "backup"}
    assert issue | {"restore", "doctor", "drill", "check_ledger", "verify_audit", "migrate"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_help_suffices(name: str) -> None:
    made = command(name)
    assert isinstance(made, HubCommand)
    parser = made.create_parser("manage.py", name)
    text = parser.format_help()
    assert "exit codes:\n  0  " in text
    assert "\n  1  " in text
    assert "\n  2  " in text
    assert len(made.help) > 30, made.help
    assert "--settings" not in text
    actions: list[argparse.Action] = parser._actions
    assert not [action.dest for action in actions if not action.help], "each argument is explained"
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_wrong_usage_is_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command(name).create_parser("manage.py", name).parse_args([*ARGUMENTS.get(name, []), "--no-such-thing"])
    assert ended.value.code == 2
    assert "--no-such-thing" in capsys.readouterr().err


@pytest.fixture
def bad_home(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that is a file."""
    monkeypatch.chdir(tmp_path)
    settings.ACCORD_HOME = tmp_path / "home"
    settings.ACCORD_HOME.write_text("a file")
    keyring.cache_clear()
    yield settings.ACCORD_HOME
    keyring.cache_clear()


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEED_NO_HOME])
def test_what_the_operator_can_mend_is_one_line(name: str, bad_home: Path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command(name, *ARGUMENTS.get(name, []), stdout=io.StringIO(), stderr=io.StringIO())
    text = str(refused.value)
    assert text
    assert len(text.splitlines()) == 1, text
