"""Two hub processes: one finds the other by its own schedule, and at once when the operator asks for it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.console.browser import PlainBrowser, console_link
from tests.discovery.conftest import key_of
from tests.hubs import HubProcess, start_hub, wait_until

pytestmark = pytest.mark.e2e


def proved_at(home: Path, key: bytes) -> int:
    """When the hub with that key was last proved, 0 for never."""
    with closing(sqlite3.connect(f"file:{home}/hub.sqlite3?mode=ro", uri=True, timeout=60)) as database:
        rows = database.execute("SELECT max(proved_at) FROM discovery_sighting WHERE key = ?", [key]).fetchall()
    return int(rows[0][0] or 0)


def test_a_hub_finds_its_neighbour_by_itself_and_on_demand(tmp_path: Path, other: HubProcess) -> None:
    key = key_of(other)
    with start_hub(tmp_path / "home") as looking:
        home = looking.home
        wait_until(lambda: proved_at(home, key) > 0, what="the neighbour is found")
        before = proved_at(home, key)
        browser = PlainBrowser(looking.url)
        browser.enter(console_link(home))
        text = browser.ask("/console/discovery/sighting/?q=other")[2]
        assert "The other hub" in text
        assert re.search(rf'data-label="address">{re.escape(other.ws)}<', text, re.IGNORECASE)
        assert browser.post("/console/do/look-now/", confirmed="1")[0] == 302
        wait_until(lambda: proved_at(home, key) > before, what="it is asked again")
        assert not proved_at(home, key_of(looking)), "itself is no other hub"
        assert "Traceback" not in looking.output
