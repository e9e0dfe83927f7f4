from __future__ import annotations

from collections.abc import Iterator

import pytest

from accord.encoding import b64decode
from discovery.finder import Finder
from peers import options
from tests.factories import Hub, install
from tests.hubs import HubProcess, start_hub


@pytest.fixture
def hub(db: None) -> Iterator[Hub]:
    """A fresh hub in the test database: the one that looks."""
    yield install()
    options.load({})


@pytest.fixture
def finder(hub: Hub) -> Iterator[Finder]:
    """What looks for it."""
    made = Finder()
    made.start(port=1)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A real hub: the one to be found."""
    with start_hub(tmp_path_factory.mktemp("found") / "home", ACCORD_NAME="The other hub") as running:
        yield running


def key_of(running: HubProcess) -> bytes:
    return b64decode(running.key, 32)
