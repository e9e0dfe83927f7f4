"""Writes of discovery: what was found, what was proved, what is forgotten."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from accord.errors import AccordError, RemoteError
from discovery.addresses import parse_ws
from discovery.models import Sighting
from discovery.probe import Found
from peers.keyring import keyring

MAX_SIGHTINGS: Final = 2_000
PROVED_AGAIN_MS: Final = 10 * 60 * 1000
RETRY_MS: Final = 60 * 1000  # doubled with each try in vain
MAX_RETRY_MS: Final = 24 * 3600 * 1000
UNPROVED_KEPT_MS: Final = 7 * 24 * 3600 * 1000
PROVED_KEPT_MS: Final = 90 * 24 * 3600 * 1000
MAX_PROBLEM_CHARS: Final = 160


@transaction.atomic
def sighting_note(*, how: str, address: str, now: int, claimed: bytes = b"", known_as: str = "") -> Sighting | None:
    """Note that a hub is said to be somewhere; None where there is no room for more claims.

    RemoteError where that is no address a hub could have.
    """
    parse_ws(address)
    if claimed == keyring().hub.public:
        return None
    known = Sighting.objects.filter(address=address, how=how, claimed=claimed).first()
    if known is not None:
        known.last_seen = now
        known.known_as = known_as
        known.save(update_fields=["last_seen", "known_as"])
        return known
    if Sighting.objects.count() >= MAX_SIGHTINGS:
        oldest = Sighting.objects.filter(proved_at__isnull=True).order_by("last_seen").first()
        if oldest is None:
            return None
        oldest.delete()
    return Sighting.objects.create(
        how=how, address=address, claimed=claimed, known_as=known_as, first_seen=now, last_seen=now, next_try=now
    )


@transaction.atomic
def sighting_prove(*, sighting: Sighting, found: Found, now: int) -> None:
    """Note that the hub there has proved its key; a sighting of this hub itself is dropped."""
    if found.key == keyring().hub.public:
        sighting.delete()
        return
    Sighting.objects.filter(pk=sighting.pk).update(
        key=found.key,
        name=found.name,
        last_seen=now,
        proved_at=now,
        next_try=now + PROVED_AGAIN_MS,
        failures=0,
        problem="",
    )


def sighting_fail(*, sighting: Sighting, error: RemoteError, now: int) -> None:
    """Note that a try was in vain. A key that was proved before stays: the hub may be off for a while."""
    wait = min(RETRY_MS * 2 ** min(sighting.failures, 12), MAX_RETRY_MS)
    Sighting.objects.filter(pk=sighting.pk).update(
        failures=sighting.failures + 1, next_try=now + wait, problem=(error.detail or error.code)[:MAX_PROBLEM_CHARS]
    )


def sighting_forget(*, pk: int) -> None:
    """Forget one; what is found again comes back. AccordError("not_found")."""
    if not Sighting.objects.filter(pk=pk).delete()[0]:
        raise AccordError("not_found", "that hub is not in the list any more")


def sightings_recall(*, now: int) -> None:
    """Ask all of them for their key at the next rounds, whatever was to be waited for."""
    Sighting.objects.filter(next_try__gt=now).update(next_try=now)


def sightings_sweep(*, now: int) -> None:
    """Forget what was not seen for long. What the operator wrote down stays until he forgets it."""
    swept = Sighting.objects.exclude(how__in=(Sighting.How.OPERATOR, Sighting.How.INVITE))
    swept.filter(proved_at__isnull=True, last_seen__lt=now - UNPROVED_KEPT_MS).delete()
    swept.filter(last_seen__lt=now - PROVED_KEPT_MS).delete()
