"""Spaces that linked hubs bring for nobody here are few, and go again; those of people here stay."""

from __future__ import annotations

import pytest

from messaging.models import Message, Room, Seat
from messaging.spaces import door
from messaging.spaces.unseated import unseated_sweep
from tests.factories import Hub, check_totals, person, take
from tests.messaging.private import Space, epoch, sealed
from tests.messaging.test_private import brought

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_space_of_nobody_here_is_dropped_and_may_come_again(hub: Hub) -> None:
    far = person("far")
    space = Space(far)
    made = space.create()
    opened, channel = space.channel()
    whole = [made, opened, epoch(far, channel, 1), sealed(far, channel)]
    for _ in range(2):
        assert take(*map(brought, whole)) == ["stored"] * 4
        assert Seat.objects.filter(user__key=far.public).count() == 2
        assert unseated_sweep() == 1
        assert not Room.objects.exists()
        assert not Message.objects.filter(topic__is_private=True).exists()
        check_totals()


def test_a_space_in_which_somebody_of_this_hub_ever_was_stays(hub: Hub) -> None:
    ada, far = hub.member("ada"), person("far")
    space = Space(far)
    whole = [space.create(), space.member(ada, "member"), space.member(ada, "none")]
    assert take(*map(brought, whole)) == ["stored"] * 3
    assert unseated_sweep() == 0
    assert Room.objects.count() == 1


def test_spaces_are_bounded_for_those_who_bring_and_those_who_make(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_UNSEATED_SPACES", 2)
    monkeypatch.setattr(door, "MAX_SPACES_OF_ONE", 3)
    ada, far = hub.member("ada"), person("far")
    assert take(*(brought(Space(far).create()) for _ in range(3))) == ["stored", "stored", "busy"]
    assert take(*(Space(ada).create() for _ in range(4))) == ["stored"] * 3 + ["quota"]
