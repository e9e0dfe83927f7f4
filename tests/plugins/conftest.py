"""A fresh hub, and the runner of its jobs; its process of handlers is ended with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import pytest

from peers import options
from plugins import installed
from plugins.handlers import Handler
from plugins.running import Runner
from tests.factories import Hub, install


@pytest.fixture
def hub(db: None) -> Iterator[Hub]:
    yield install()
    options.load({})


@pytest.fixture
def runner(hub: Hub) -> Iterator[Runner]:
    made = Runner()
    yield made
    made.end()


@pytest.fixture
def add() -> Iterator[Callable[[str], Handler]]:
    """Install a handler of tests/plugins/naughty.py for this test."""
    names = []

    def install_one(name: str) -> Handler:
        found = installed.add(EntryPoint(name, f"tests.plugins.naughty:{name}", installed.GROUP))
        names.append(found.handler.name)
        return found.handler

    yield install_one
    for name in names:
        installed.remove(name)
