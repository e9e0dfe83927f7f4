"""An operator who has entered the console, on a fresh hub in the test database."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.test import Client

from console import factors, runs
from console.services import entry_link_create
from peers import options
from peers.clock import now_ms
from tests.factories import Hub, install


@pytest.fixture
def hub(db: None) -> Iterator[Hub]:
    """A fresh hub. What the console keeps in memory is as after a start."""
    factors.tries.forget()
    yield install()
    options.load({})


def entered(client: Client) -> Client:
    """Let a browser in by a link."""
    answer = client.post("/console/enter", {"secret": entry_link_create(now=now_ms())})
    assert answer.status_code == 302
    return client


@pytest.fixture
def operator(hub: Hub) -> Client:
    """A browser in which the console is open."""
    return entered(Client())


def page(client: Client, path: str, status: int = 200, **query: str) -> str:
    """A page's text."""
    address = path + ("?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()) if query else "")
    answer = client.get(address)
    assert answer.status_code == status, (address, answer.status_code)
    return "".join(part.decode() for part in answer) if answer.streaming else answer.content.decode()


def forget_runs() -> None:
    """No task has run."""
    runs._records.clear()
