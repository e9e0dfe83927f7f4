"""Hubs for the end-to-end tests: real processes, shared by all tests that leave them as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.world import SERVERS, World, running


@pytest.fixture(scope="session", params=SERVERS)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub under each of the two servers; tests make their own members and channels in it."""
    with running(tmp_path_factory.mktemp(f"home-{request.param}"), request.param) as world:
        yield world
