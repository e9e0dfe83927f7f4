"""Three hubs that are given the same of a space in different orders hold the same of it in the end, whatever its admins
did at once (protocol.md section 7): chains, epochs, messages, seats.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accord import messages
from accord.spaces import ADMIN, MEMBER
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.models import Message, Seat, Topic
from messaging.spaces import chains
from tests.factories import HOUR_MS, MINUTE_MS, NOW, check_totals, ident_of, install, person, take
from tests.messaging.private import Space, epoch, sealed

LATER = NOW + HOUR_MS
PEOPLE = [person(name) for name in ("ada", "bob", "eve")]
HUBS = 3

acts = st.tuples(
    st.sampled_from(["role", "epoch", "say", "say", "fork"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([ADMIN, MEMBER, "none"]),
    st.integers(0, 20),
)


def written(script: list[tuple[str, int, int, str, int]]) -> list[dict[str, Any]]:
    """What the three sign: roles on the newest heads or beside them, epochs, sealed messages, within the hour."""
    space = Space(PEOPLE[0])
    values = [space.create()]
    opened, channel = space.channel()
    values += [opened, space.member(PEOPLE[1], ADMIN), space.member(PEOPLE[2], MEMBER)]
    base = space.view.heads
    values.append(first := epoch(PEOPLE[0], channel, 1))
    opened, for_admins = space.channel(private=True)
    values += [opened, epoch(PEOPLE[0], for_admins, 1)]
    newest, number = ident_of(first), 1
    for what, by, other, role, minutes in script:
        at = NOW + minutes * MINUTE_MS
        if what == "epoch":
            values.append(epoch(PEOPLE[by], channel, number + 1, before=newest, at=at))
            if role == ADMIN:
                newest, number = ident_of(values[-1]), number + 1
        elif what == "say":
            values.append(sealed(PEOPLE[by], channel, epoch=max(1, number - other), at=at))
            values.append(sealed(PEOPLE[by], for_admins, at=at))
        else:
            prev = base if what == "fork" else None
            values.append(space.member(PEOPLE[other], role, by=PEOPLE[by], at=at, prev=prev))
    return values


def brought(value: dict[str, Any]) -> Admitted:
    link = Publisher(Right.RELAY, user=b"\x01" * 32, link=b"\x02" * 32)
    return admit(messages.parse_envelope(value), link, now=LATER)


def held(values: list[dict[str, Any]]) -> tuple[set[bytes], set[tuple[Any, ...]]]:
    """What a hub holds once nothing more of it is taken, and who has a seat where."""
    with transaction.atomic():
        install()
        chains._kept.clear()  # arrival numbers begin again
        before: set[bytes] = set()
        for _ in range(len(values) + 2):
            for value in values:
                take(brought(value), now=LATER)
            rows = Message.objects.filter(topic__is_private=True)
            now = {bytes(ident) for ident in rows.values_list("ident", flat=True)}
            if now == before:
                break
            before = now
        check_totals()
        seats = set(Seat.objects.values_list("room__topic__ident", "user__key", "role"))
        assert seats == seats_of_views()
        transaction.set_rollback(True)
    return before, seats


def seats_of_views() -> set[tuple[Any, ...]]:
    """Who should have a seat where, by the views of all that is held."""
    found = set()
    for row in Topic.objects.filter(kind="space"):
        view = chains.view_of(bytes(row.ident))
        found |= {(bytes(row.ident), key, role) for key, role in view.members.items()}
        for ident in view.channels:
            found |= {(ident, key, view.members[key]) for key in view.members_of(ident)}
    return found


@pytest.mark.django_db
@settings(max_examples=4, deadline=None)
@given(st.lists(acts, min_size=2, max_size=7), st.integers(0, 2**32))
def test_hubs_hold_the_same_whatever_came_first(script: list[tuple[str, int, int, str, int]], seed: int) -> None:
    values = written(script)
    shuffler = random.Random(seed)
    found = []
    for _ in range(HUBS):
        found.append(held(values))
        shuffler.shuffle(values)
    assert found[1] == found[0]
    assert found[2] == found[0]
