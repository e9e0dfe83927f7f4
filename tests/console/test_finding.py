"""Found hubs in the console: what is proved and what is only said, looking now, forgetting; checked settings."""

from __future__ import annotations

import pytest
from django.test import Client

from accord.errors import RemoteError
from discovery.models import Sighting
from discovery.probe import Found
from discovery.services import sighting_fail, sighting_note, sighting_prove
from peers.models import AuditEntry
from peers.options import OPTIONS
from tests.console.conftest import page
from tests.factories import NOW, Hub

LIST = "/console/discovery/sighting/"


@pytest.fixture
def said(hub: Hub) -> Sighting:
    """A hub that somebody has said to be there."""
    made = sighting_note(how="dht", address="wss://hub.example/ws/peer", claimed=b"k" * 32, now=NOW)
    assert made is not None
    return made


def test_how_to_link_is_told_of_proved_hubs_only(operator: Client, said: Sighting) -> None:
    sighting_fail(sighting=said, error=RemoteError("denied", "10.0.0.1 is private"), now=NOW)
    text = page(operator, f"{LIST}{said.pk}/change/")
    assert "in the Mainline DHT" in text
    assert "10.0.0.1 is private" in text
    assert "manage.py link" not in text
    assert "hub.example" in page(operator, LIST, proved="no")
    sighting_prove(sighting=said, found=Found(b"k" * 32, "Next door", ""), now=NOW)
    text = page(operator, f"{LIST}{said.pk}/change/")
    assert "manage.py link" in text
    assert "10.0.0.1" not in text
    assert "Next door" in page(operator, LIST, proved="yes")


def test_an_address_of_the_operators(operator: Client, hub: Hub) -> None:
    assert "Look at an address" in page(operator, "/console/do/look-at/")
    answer = operator.post("/console/do/look-at/", {"address": "https://hub.example", "confirmed": "1"})
    assert answer.status_code == 400
    assert not Sighting.objects.exists()
    answer = operator.post("/console/do/look-at/", {"address": "ws://192.168.1.4:51030/ws/peer", "confirmed": "1"})
    assert answer.status_code == 302
    assert Sighting.objects.get().how == Sighting.How.OPERATOR
    assert AuditEntry.objects.filter(action="look_at_hub").exists()


def test_looking_now_and_forgetting(operator: Client, said: Sighting) -> None:
    assert operator.post("/console/do/look-now/", {"confirmed": "1"}).status_code == 302
    assert "hub.example" in page(operator, f"/console/do/forget-hub/{said.pk}/")
    operator.post(f"/console/do/forget-hub/{said.pk}/", {"confirmed": "1"})
    assert not Sighting.objects.exists()
    assert operator.get(f"/console/do/forget-hub/{said.pk}/").status_code == 302


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("scan_networks", "10.0.0.0/8", "10.1.2.0/24, 10.1.3.0/24"),
        ("scan_networks", "nearby", ""),
        ("allowed_networks", "10.0.0.1/8", "10.0.0.0/8"),
        ("dht_nodes", "dht.example", "dht.example:6881"),
        ("dht_nodes", "dht.example:0", "127.0.0.1:6881, [::1]:6881"),
        ("find_scan", "everywhere", "known"),
    ],
)
def test_settings_say_what_they_do_not_take(name: str, bad: str, good: str) -> None:
    with pytest.raises(ValueError, match=r"expected|is no|more than"):
        OPTIONS[name].read(bad)
    assert OPTIONS[name].read(good) == good
