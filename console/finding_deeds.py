"""Deeds about found hubs: look now, look at an address, forget."""

from __future__ import annotations

from django.urls import reverse

from console.deeds import Deed, Field, named, nothing, number_of
from discovery.addresses import MAX_URL_CHARS
from discovery.models import Sighting
from discovery.services import sighting_forget, sighting_note
from discovery.tasks import look
from peers import audit
from peers.clock import now_ms


def _table() -> str:
    return reverse("admin:discovery_sighting_changelist")


@named("look-now")
def look_now(target: str) -> Deed:
    """Look for hubs at once."""

    def run(values: dict[str, str]) -> str:
        audit.note("look_for_hubs", "")
        look.delay(eager=True)
        return "The hub is looking. What it finds is here within a quarter of a minute: load the page again."

    return Deed(
        "Look for hubs now",
        (
            "The hub looks once, in the places that are switched on under Settings; it does so each minute anyway.",
            "Every hub in the list is asked for its key again.",
        ),
        "Look now",
        run,
        _table(),
    )


@named("look-at")
def look_at(target: str) -> Deed:
    """Look at an address that the operator knows."""

    def run(values: dict[str, str]) -> str:
        address = values["address"]
        sighting_note(how=Sighting.How.OPERATOR, address=address, now=now_ms())
        audit.note("look_at_hub", address)
        look.delay()
        return "The hub is looking. Whether a hub is there shows within a quarter of a minute: load the page again."

    return Deed(
        "Look at an address",
        (
            "The hub connects there and asks for the key, now and each ten minutes, until you forget the address.",
            "You name it, so it may be an inner address too.",
        ),
        "Look there",
        run,
        _table(),
        (Field("address", "Address", "Like wss://hub.example/ws/peer: “ws” in its hub document.", MAX_URL_CHARS),),
    )


@named("forget-hub")
def forget_hub(target: str) -> Deed:
    """Forget a found hub."""
    found = Sighting.objects.filter(pk=number_of(target)).first()
    if found is None:
        raise nothing("that hub")
    pk, address = found.pk, found.address

    def run(values: dict[str, str]) -> str:
        sighting_forget(pk=pk)
        audit.note("forget_hub", address)
        return "Forgotten."

    return Deed(
        "Forget this hub",
        (
            f"{address} leaves the list. If it is found again, it comes back.",
            "A link to that hub is another thing, and stays.",
        ),
        "Forget it",
        run,
        _table(),
        is_danger=True,
    )
