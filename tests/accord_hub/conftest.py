"""Hubs for the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hubs import HubProcess, migrated_home, start_hub

SERVERS = ("hub", "runserver")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new home with an empty database."""
    return Path(shutil.copytree(migrated_home(), tmp_path / "home"))


@pytest.fixture(scope="module", params=SERVERS)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub under each server, shared by tests that leave it as it was."""
    with start_hub(tmp_path_factory.mktemp(request.param) / "home", server=request.param) as process:
        yield process


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., HubProcess]]:
    """Starts hubs in `home`, and sees that none outlives the test."""
    started: list[HubProcess] = []

    def start_one(server: str = "hub", **extra: str) -> HubProcess:
        started.append(start_hub(home, server=server, **extra))
        return started[-1]

    yield start_one
    for process in started:
        if process.process.poll() is None:
            process.kill()
