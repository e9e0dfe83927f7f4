"""Reads of links: which there are, where they stand, what waits for whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Count, Q

from accord.encoding import b64encode
from links.models import Exchange, Link, Parcel
from links.states import State, describe, is_connected

STEP_ROWS: Final = 200


def link_of(key: bytes) -> Link | None:
    """The link to the hub with a peer key."""
    return Link.objects.filter(key=key).first()


def links_enabled() -> list[Link]:
    """The links that are switched on, in the order in which they were made."""
    return list(Link.objects.filter(enabled=True).order_by("pk"))


def linked_hubs() -> list[bytes]:
    """The keys of the hubs that this one is linked to, rising."""
    return sorted(bytes(key) for key in Link.objects.filter(enabled=True).values_list("key", flat=True))


def parcels_waiting() -> dict[bytes, int]:
    """How many messages wait for each hub."""
    counted = Parcel.objects.values("hub").annotate(number=Count("pk")).values_list("hub", "number")
    return {bytes(hub): number for hub, number in counted}


def parcels_due(hub: bytes, *, now: int, limit: int) -> list[tuple[int, int, int]]:
    """The next messages for a hub that may be tried at `now`: (parcel, arrival number, tries so far)."""
    due = Parcel.objects.filter(hub=hub, next_at__lte=now).order_by("pk")
    return list(due.values_list("pk", "cursor", "tries")[:limit])


def state_text(link: Link, now: int) -> str:
    """A link's state in plain words."""
    return describe(
        link.state,
        now=now,
        code=link.code,
        next_at=link.next_at,
        equal_at=link.equal_at,
        behind=link.behind,
        refused=link.refused,
    )


def link_rows(*, now: int) -> list[dict[str, Any]]:
    """Every link as `manage.py links --json` tells it."""
    waiting = parcels_waiting()
    return [
        {
            "hub": b64encode(bytes(link.key)),
            "name": link.name,
            "origin": link.origin,
            "all": link.everything,
            "enabled": link.enabled,
            "state": link.state,
            "text": state_text(link, now),
            "connected": is_connected(link.state),
            "equal_at": link.equal_at,
            "behind": link.behind,
            "refused": link.refused,
            "waiting": waiting.get(bytes(link.key), 0),
        }
        for link in Link.objects.order_by("pk")
    ]


def exchanges_since(*, since: int) -> Iterable[tuple[int, str]]:
    """(ended_at, outcome) of the sessions of sync that have ended since then, for a chart."""
    return Exchange.objects.filter(ended_at__gte=since).order_by("ended_at").values_list("ended_at", "outcome")


def due_to_compare(*, now: int) -> Q:
    """Links whose next comparison has come: connected, and not asked for one yet."""
    return Q(state__in=[State.EQUAL, State.UNEQUAL], next_at__lte=now, asked_at__isnull=True)
