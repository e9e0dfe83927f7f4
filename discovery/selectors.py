"""Reads of discovery."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from django.db.models import Q

from discovery.models import Sighting


def due(*, ways: Collection[str], now: int, limit: int) -> list[Sighting]:
    """Sightings of these ways whose key is to be asked for now, the longest waiting first."""
    return list(Sighting.objects.filter(how__in=ways, next_try__lte=now).order_by("next_try")[:limit])


def proved_addresses(*, now: int) -> set[str]:
    """Addresses where a hub has proved its key and need not do so again yet."""
    return set(Sighting.objects.filter(proved_at__isnull=False, next_try__gt=now).values_list("address", flat=True))


def sightings_of(key: bytes, *, limit: int) -> list[Sighting]:
    """Where the hub with this key was proved, the last place first."""
    return list(Sighting.objects.filter(key=key).order_by("-proved_at")[:limit])


def known_hosts() -> list[tuple[str, bool]]:
    """Hosts of known hubs, and whether the operator himself named them, which opens inner addresses to it."""
    own = (Sighting.How.OPERATOR, Sighting.How.INVITE)
    rows = Sighting.objects.filter(Q(proved_at__isnull=False) | Q(how__in=own)).order_by("pk")
    found: dict[str, bool] = {}
    for address, how in rows.values_list("address", "how"):
        host = urlsplit(address).hostname or ""
        found[host] = found.get(host, False) or how in own
    return list(found.items())
