import logging

import pytest

from accord.keys import SigningKey
from accord_client.profile import Profile, ProfileStore
from tests.accord_client.fake_hub import FakeHub


@pytest.fixture
async def hub():
    async with FakeHub().running() as running:
        yield running


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "client"
    monkeypatch.setenv("ACCORD_CLIENT_HOME", str(folder))
    return folder


@pytest.fixture
def member(hub, home):
    """Make an account on the hub and its profile: member("ada") -> ProfileStore."""

    def make(name: str) -> ProfileStore:
        user, device = SigningKey.generate(), SigningKey.generate()
        hub.accounts[user.public] = name
        store = ProfileStore(name)
        store.save(Profile(user.seed, device.seed, name, hub.key.public, hub.url, hub.ws, joined=True, claim_sent=True))
        return store

    return make


@pytest.fixture(autouse=True)
def _logging_as_before():
    """The program sets up logging for its process; the next test is another program."""
    logger = logging.getLogger("accord_client")
    yield
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
