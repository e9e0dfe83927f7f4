"""Writes of links: making and ending them, their states, the history, what waits (protocol.md sections 4 and 5)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

from accord.errors import AccordError
from links import selectors
from links.models import Base, Exchange, Link, Parcel, Refusal
from links.states import State, check_step, is_connected
from peers.clock import now_ms
from peers.keyring import keyring

HISTORY_MS: Final = 30 * 24 * 3600 * 1000
REFUSED_MS: Final = 7 * 24 * 3600 * 1000
MAX_REFUSED: Final = 100_000  # a link
COMPARE_EVERY_MS: Final = 5 * 60 * 1000
FIRST_UNEQUAL_MS: Final = 60 * 1000
MAX_UNEQUAL_MS: Final = 3600 * 1000
FIRST_PARCEL_MS: Final = 5 * 1000
MAX_PARCEL_MS: Final = 3600 * 1000
MAX_DOUBLINGS: Final = 16


@transaction.atomic
def link_make(*, key: bytes, name: str, origin: str, everything: bool, now: int) -> Link:
    """Have a link to a hub that we dial at `origin`, or that dials us where it is empty; one that exists is changed.

    AccordError("conflict"): that is this hub itself.
    """
    if key == keyring().hub.public:
        raise AccordError("conflict", "that link leads to this hub itself")
    link, made = Link.objects.select_for_update().get_or_create(
        key=key,
        defaults={
            "name": name[:64],
            "origin": origin,
            "everything": everything,
            "created_at": now,
            "since": now,
            "state": State.NEW if origin else State.LISTENING,
        },
    )
    if not made and origin:  # made anew by the operator: whatever was wrong is tried again at once
        link.name, link.origin, link.everything, link.enabled = name[:64], origin, everything, True
        link.code, link.next_at = "", None
        if link.state in (State.OFF, State.WAITING, State.REFUSED, State.LISTENING):
            link.state, link.since = State.NEW, now
        link.save()
    return link


def link_step(*, key: bytes, state: State, now: int, code: str = "", next_at: int | None = None) -> bool:
    """Note where a link stands; False where it is gone or switched off meanwhile. RuntimeError: not in the table."""
    with transaction.atomic():
        link = Link.objects.select_for_update().filter(key=key).first()
        if link is None or (not link.enabled and state != State.OFF):
            return False
        check_step(link.state, state)
        if link.state != state:
            link.state, link.since = state, now
        link.code, link.next_at = code, next_at
        link.save(update_fields=["state", "since", "code", "next_at"])
    return True


def links_start(*, now: int) -> None:
    """No session is open: what a process that was killed has left is untrue."""
    Link.objects.filter(enabled=True).exclude(origin="").update(state=State.NEW, since=now, next_at=None)
    Link.objects.filter(enabled=True, origin="").update(state=State.LISTENING, since=now, next_at=None)


def link_switch(*, key: bytes, enabled: bool, now: int) -> None:
    """Switch a link on or off; AccordError("not_found"). The running hub hangs up or dials by itself."""
    with transaction.atomic():
        link = Link.objects.select_for_update().filter(key=key).first()
        if link is None:
            raise AccordError("not_found", "there is no link to that hub")
        if link.enabled == enabled:
            return
        link.enabled, link.since, link.code, link.next_at, link.asked_at = enabled, now, "", None, None
        link.state = (State.NEW if link.origin else State.LISTENING) if enabled else State.OFF
        link.save()


def link_remove(*, key: bytes) -> None:
    """Forget a link, its history and what waits for that hub; messages stay. AccordError("not_found")."""
    with transaction.atomic():
        if not Link.objects.filter(key=key).delete()[0]:
            raise AccordError("not_found", "there is no link to that hub")
        Parcel.objects.filter(hub=key).delete()


def link_ask(*, key: bytes, now: int) -> bool:
    """Want a comparison, now; False where there is no such link that is switched on."""
    return bool(Link.objects.filter(key=key, enabled=True).update(asked_at=now))


def links_ask(*, keys: Collection[bytes]) -> None:
    """Want comparisons with all of these hubs that are linked, once what is being stored is stored: one that began
    before would not see it.
    """
    links = Link.objects.filter(key__in=keys, enabled=True)
    if keys:
        transaction.on_commit(lambda: links.update(asked_at=now_ms()))


def links_due(*, now: int) -> int:
    """Want a comparison on every link whose next one has come; gives their number."""
    return Link.objects.filter(selectors.due_to_compare(now=now), enabled=True).update(asked_at=now)


def link_behind(*, key: bytes, behind: int) -> None:
    """Note by how many messages this hub is behind that one."""
    Link.objects.filter(key=key).update(behind=max(0, behind))


_NO_FIGURES: Final = frozenset({"bases", "refusals", "taken", "is_asker"})


@dataclass
class Ended:
    """A session of sync that has ended, as it goes into the history."""

    began_at: int
    outcome: Exchange.Outcome
    code: str = ""
    topics: int = 0
    differing: int = 0
    received: int = 0
    sent: int = 0
    refused: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    trips: int = 0
    bases: list[tuple[int, bytes, int, int]] = field(default_factory=list)  # topic's row, root, horizon, cursor
    refusals: list[tuple[int, bytes]] = field(default_factory=list)  # topic's row, id
    taken: list[bytes] = field(default_factory=list)  # ids refused before that have been taken now
    is_asker: bool = True


@transaction.atomic
def exchange_end(*, key: bytes, ended: Ended, now: int) -> None:
    """Write down how a session of sync went: history, roots that both have, what is refused, when the next one is due.

    After an unequal or cut one the next is after 1 min, doubling to 1 h.
    """
    link = Link.objects.select_for_update().filter(key=key).first()
    if link is None:
        return
    figures = {name: value for name, value in vars(ended).items() if name not in _NO_FIGURES}
    Exchange.objects.create(link=link, ended_at=now, **figures)
    Base.objects.bulk_create(
        [
            Base(link=link, topic_id=row, root=root, horizon=horizon, cursor=cursor)
            for row, root, horizon, cursor in ended.bases
        ],
        update_conflicts=True,
        unique_fields=["link", "topic"],
        update_fields=["root", "horizon", "cursor"],
    )
    Refusal.objects.bulk_create(
        [Refusal(link=link, topic_id=row, ident=ident, at=now) for row, ident in ended.refusals], ignore_conflicts=True
    )
    for ident in ended.taken:
        Refusal.objects.filter(link=link, ident=ident).delete()
    link.refused = Refusal.objects.filter(link=link).count()
    if link.asked_at is not None and link.asked_at <= ended.began_at:
        link.asked_at = None
    if ended.outcome == Exchange.Outcome.EQUAL:
        link.equal_at, link.failures, link.behind = now, 0, 0
        state, code, next_at = State.EQUAL, "", now + COMPARE_EVERY_MS
    else:
        pause = min(FIRST_UNEQUAL_MS << min(link.failures, MAX_DOUBLINGS), MAX_UNEQUAL_MS)
        link.failures += 1
        state, code, next_at = State.UNEQUAL, ended.code or "unequal", now + pause
        if ended.is_asker and ended.code not in (
            "",
            "lost",
        ):  # that hub is at fault: others may have what it has not given
            others = Link.objects.filter(enabled=True, state=State.EQUAL, asked_at__isnull=True).exclude(pk=link.pk)
            others.update(asked_at=now)
    if is_connected(link.state):  # else the session with the other hub has ended too
        link.state, link.since, link.code = state, now, code
        link.next_at = next_at if ended.is_asker else None  # the asker sees to the next one
    link.save()


# Parcels


def parcels_make(*, cursors: Sequence[tuple[bytes, int]], now: int) -> None:
    """Keep (hub, arrival number) until the hub has the message. Within the transaction that stores it."""
    Parcel.objects.bulk_create(
        [Parcel(hub=hub, cursor=cursor, created_at=now) for hub, cursor in cursors], ignore_conflicts=True
    )


def parcels_end(*, done: Sequence[int], again: Sequence[tuple[int, int]], now: int) -> None:
    """What became of parcels: `done` are forgotten, `again` (parcel, tries so far) are tried later."""
    with transaction.atomic():
        Parcel.objects.filter(pk__in=done).delete()
        for number, tries in again:
            pause = min(FIRST_PARCEL_MS << min(tries, MAX_DOUBLINGS), MAX_PARCEL_MS)
            jitter = secrets.SystemRandom().uniform(0.5, 1)
            Parcel.objects.filter(pk=number).update(tries=tries + 1, next_at=now + int(pause * jitter))


def parcels_now(*, hub: bytes) -> None:
    """The hub is there again: what waits for it need not wait longer."""
    Parcel.objects.filter(hub=hub, next_at__gt=0).update(next_at=0)


def history_prune(*, now: int) -> int:
    """Forget sessions of more than 30 days ago and refusals of more than 7; gives the number of sessions."""
    Refusal.objects.filter(at__lte=now - REFUSED_MS).delete()
    for link in Link.objects.all():
        kept = Refusal.objects.filter(link=link).order_by("-pk").values_list("pk", flat=True)
        oldest = kept[MAX_REFUSED : MAX_REFUSED + 1].first()
        if oldest is not None:
            Refusal.objects.filter(link=link, pk__lte=oldest).delete()
    return Exchange.objects.filter(ended_at__lte=now - HISTORY_MS).delete()[0]
