"""New keys for accounts in the console: seen, and stopped by a message of the admin."""

from __future__ import annotations

from django.test import Client

from accord.replacing import make_replacement_proof
from invites.models import Replacement
from peers.clock import now_ms
from tests.console.conftest import page
from tests.console.test_deeds import do
from tests.factories import Hub, person, take


def test_the_operator_stops_a_replacement(operator: Client, hub: Hub) -> None:
    now = now_ms()
    ann, new = hub.member("ann"), person("new")
    proof = make_replacement_proof(new, hub=hub.key, old=ann.public)
    body = {"new_pubkey": new.public, "proof": proof}
    assert take(hub.control(ann, "replace_account", body, created_at=now), now=now) == ["stored"]
    row = Replacement.objects.get()
    assert "ann" in page(operator, "/console/invites/replacement/")
    assert "words of both keys" in page(operator, f"/console/invites/replacement/{row.pk}/change/").lower()
    do(operator, f"stop-replacement/{row.pk}/")
    assert Replacement.objects.get().state == "cancelled"
