"""Who gets what, once, in which frames, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord.frames import MAX_FRAME_BYTES
from accord.topics import Topic
from messaging import selectors
from messaging.fanout import COALESCE_SECONDS, Fanout, deliver_frames, may_read
from messaging.models import Message
from messaging.selectors import Reader, Wanted
from messaging.stored import Stored
from peers.sessions import Role, SharedFrame
from tests.factories import (
    NOW,
    deletion,
    envelope,
    ident_of,
    inbox,
    install,
    person,
    store,
)

ANN, BOB, CARL, ADMIN, HUB = (person(name).public for name in ("ann", "bob", "carl", "admin", "hub"))
LOUNGE, GARDEN = Topic("chan", b"l" * 32), Topic("chan", b"g" * 32)
CONTROL = Topic("hub", HUB)


class FakeSession:
    """What fan-out sees of a session: whose it is, and that it takes frames."""

    def __init__(
        self,
        user: bytes,
        role: Role = Role.MEMBER,
        client: bytes = b"a program",
        served: Iterable[bytes] = (),
        former: frozenset[bytes] = frozenset(),
    ) -> None:
        self.user = user
        self.client = client
        self.role = role
        self.served = dict.fromkeys(served, NOW)
        self.former = former
        self.shared: list[SharedFrame] = []
        self.came = asyncio.Event()

    def send_shared(self, frame: SharedFrame) -> None:
        self.shared.append(frame)
        self.came.set()

    @property
    def frames(self) -> list[bytes]:
        return [frame.json for frame in self.shared]

    def cursors(self) -> list[int]:
        """The arrival numbers of all that came, in order."""
        return [number for frame in self.frames for number in cursors_of(frame)]


def cursors_of(frame: bytes) -> list[int]:
    value = orjson.loads(frame)
    assert value.keys() == {"type", "messages"}
    assert value["type"] == "deliver"
    return [item["cursor"] for item in value["messages"]]


def stored(
    cursor: int,
    topic: Topic = LOUNGE,
    author: bytes = ANN,
    *,
    concerns: tuple[bytes, ...] = (),
    related: tuple[bytes, ...] = (),
    size: int = 10,
) -> Stored:
    return Stored(
        cursor=cursor,
        id=cursor.to_bytes(32, "big"),
        type="chat.text",
        topic=topic,
        author=author,
        burn_at=None,
        concerns=list(concerns),
        related=list(related),
        item=b'{"cursor":%d,"message":"%s"}' % (cursor, b"x" * size),
    )


@pytest.fixture
def fanout() -> Fanout:
    return Fanout(cursor=0)


def subscribe(fanout: Fanout, session: FakeSession, **wanted: Any) -> FakeSession:
    fanout.subscribe(session, Wanted(**wanted))  # type: ignore[arg-type]
    return session


# ----------------------------------------------------------------------------------------------------------- audiences


async def test_topics_go_to_those_who_subscribed(fanout: Fanout) -> None:
    ann = subscribe(fanout, FakeSession(ANN), topics=(LOUNGE,))
    bob = subscribe(fanout, FakeSession(BOB), topics=(GARDEN, LOUNGE))
    carl = subscribe(fanout, FakeSession(CARL), topics=(GARDEN,))
    fanout.dispatch([stored(1), stored(2, GARDEN), stored(3)])
    assert (ann.cursors(), bob.cursors(), carl.cursors()) == ([1, 3], [1, 2, 3], [2])
    assert fanout.cursor == 3


async def test_one_gets_ones_own_too(fanout: Fanout) -> None:
    ann = subscribe(fanout, FakeSession(ANN), topics=(LOUNGE,))
    fanout.dispatch([stored(1, author=ANN)])
    assert ann.cursors() == [1]


async def test_a_hub_does_not_get_back_what_it_has_brought(fanout: Fanout) -> None:
    ann = subscribe(fanout, FakeSession(ANN), topics=(LOUNGE,))
    near, far = (subscribe(fanout, FakeSession(BOB, client=key), topics=(LOUNGE, GARDEN)) for key in (b"near", b"far"))
    fanout.dispatch([stored(1), replace(stored(2), link=b"near"), replace(stored(3, GARDEN), link=b"far")])
    assert (ann.cursors(), near.cursors(), far.cursors()) == ([1, 2], [1, 3], [1, 2])


async def test_keys_are_authors_and_those_concerned(fanout: Fanout) -> None:
    bob = subscribe(fanout, FakeSession(BOB), keys=(ANN,))
    fanout.dispatch([stored(1, author=ANN), stored(2, author=CARL, concerns=(ADMIN, ANN)), stored(3, author=CARL)])
    assert bob.cursors() == [1, 2]


async def test_messages_are_what_answers_or_refers_to_them(fanout: Fanout) -> None:
    one, other = b"1" * 32, b"2" * 32
    bob = subscribe(fanout, FakeSession(BOB), messages=(one,))
    fanout.dispatch([stored(1, related=(other, one)), stored(2, related=(other,)), stored(3)])
    assert bob.cursors() == [1]


async def test_what_several_subscriptions_want_comes_once(fanout: Fanout) -> None:
    target = b"1" * 32
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE, GARDEN), keys=(ANN, CARL), messages=(target,))
    fanout.dispatch([stored(1, author=ANN, concerns=(CARL, ANN), related=(target, target)), stored(2, GARDEN)])
    assert bob.cursors() == [1, 2]


async def test_subscribing_twice_delivers_once_and_one_unsubscribe_ends_it(fanout: Fanout) -> None:
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,))
    subscribe(fanout, bob, topics=(LOUNGE,))
    fanout.dispatch([stored(1)])
    fanout.unsubscribe(bob, Wanted(topics=(LOUNGE, GARDEN)))  # type: ignore[arg-type]
    fanout.dispatch([stored(2)])
    fanout.flush()
    assert bob.cursors() == [1]
    assert fanout.listeners(LOUNGE) == frozenset()


async def test_a_session_that_ends_is_forgotten(fanout: Fanout) -> None:
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,), keys=(ANN,), messages=(bytes(32),))
    ann = subscribe(fanout, FakeSession(ANN), topics=(LOUNGE,))
    assert fanout.listeners(LOUNGE) == {ann, bob}
    fanout.leave(bob)  # type: ignore[arg-type]
    fanout.leave(bob)  # type: ignore[arg-type]
    fanout.dispatch([stored(1, related=(bytes(32),))])
    assert (ann.cursors(), bob.cursors()) == ([1], [])
    assert (len(fanout._subscriptions), len(fanout._keys), len(fanout._messages)) == (1, 0, 0)


async def test_of_the_hubs_topic_everyone_gets_what_concerns_them(fanout: Fanout) -> None:
    sessions = {user: subscribe(fanout, FakeSession(user), topics=(CONTROL,)) for user in (ANN, BOB, CARL)}
    admin = subscribe(fanout, FakeSession(ADMIN, Role.ADMIN), topics=(CONTROL,))
    fanout.dispatch([stored(1, CONTROL, ANN, concerns=(BOB,)), stored(2, CONTROL, ADMIN), stored(3, CONTROL, CARL)])
    assert {user: session.cursors() for user, session in sessions.items()} == {ANN: [1], BOB: [1], CARL: [3]}
    assert admin.cursors() == [1, 2, 3]


async def test_a_key_opens_nobody_elses_inbox(fanout: Fanout) -> None:
    mail = stored(1, Topic("user", BOB), ANN)
    bob, ann, carl = (subscribe(fanout, FakeSession(user), keys=(ANN,)) for user in (BOB, ANN, CARL))
    admin = subscribe(fanout, FakeSession(ADMIN, Role.ADMIN), keys=(ANN,), messages=(bytes(32),))
    fanout.dispatch([mail, stored(2, Topic("user", BOB), ANN, related=(bytes(32),))])
    assert (bob.cursors(), ann.cursors(), carl.cursors(), admin.cursors()) == ([1, 2], [1, 2], [], [])


async def test_nothing_stored_is_nothing_sent(fanout: Fanout) -> None:
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,))
    fanout.dispatch([])
    fanout.dispatch([stored(1, GARDEN)])
    assert bob.frames == []


async def test_those_who_want_the_same_get_the_same_frame(fanout: Fanout) -> None:
    sessions = [subscribe(fanout, FakeSession(user), topics=(LOUNGE,)) for user in (ANN, BOB, CARL)]
    special = subscribe(fanout, FakeSession(BOB), keys=(ANN,))
    fanout.dispatch([stored(1)])
    assert len({session.shared[0] for session in [*sessions, special]}) == 1


# ---------------------------------------------------------------------------------------------------------------- when


class Clock:
    """A loop's clock that moves only when it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        loop.time = lambda: self.now  # type: ignore[method-assign]

    def move(self, seconds: float) -> None:
        self.now += seconds


async def test_the_first_goes_at_once_and_what_follows_within_the_window_shares_a_frame(fanout: Fanout) -> None:
    clock = Clock(asyncio.get_running_loop())
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,))
    fanout.dispatch([stored(1)])
    assert [cursors_of(frame) for frame in bob.frames] == [[1]]
    bob.came.clear()
    clock.move(COALESCE_SECONDS / 4)
    fanout.dispatch([stored(2)])
    clock.move(COALESCE_SECONDS / 4)
    fanout.dispatch([stored(3), stored(4)])
    assert len(bob.frames) == 1
    assert fanout.cursor == 1
    clock.move(COALESCE_SECONDS)
    await bob.came.wait()
    assert [cursors_of(frame) for frame in bob.frames] == [[1], [2, 3, 4]]
    # That flush has opened a window of its own.
    fanout.dispatch([stored(5)])
    assert len(bob.frames) == 2
    clock.move(2 * COALESCE_SECONDS)
    fanout.dispatch([stored(6)])
    await bob.came.wait()
    fanout.flush()
    assert bob.cursors() == [1, 2, 3, 4, 5, 6]


async def test_after_a_quiet_moment_a_message_goes_at_once(fanout: Fanout) -> None:
    clock = Clock(asyncio.get_running_loop())
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,))
    for cursor in range(1, 5):
        fanout.dispatch([stored(cursor)])
        assert len(bob.frames) == cursor
        clock.move(COALESCE_SECONDS)


async def test_a_subscription_begins_after_what_is_held_back(fanout: Fanout) -> None:
    Clock(asyncio.get_running_loop())
    ann = subscribe(fanout, FakeSession(ANN), topics=(LOUNGE,))
    fanout.dispatch([stored(1)])
    fanout.dispatch([stored(2), stored(3)])
    assert ann.cursors() == [1]
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,))
    assert (ann.cursors(), bob.cursors(), fanout.cursor) == ([1, 2, 3], [], 3)
    subscriptions = fanout.subscriptions(bob)  # type: ignore[arg-type]
    assert [subscriptions.delivers(stored(cursor)) for cursor in (2, 3, 4)] == [False, False, True]
    fanout.dispatch([stored(4)])
    fanout.flush()
    assert (ann.cursors(), bob.cursors()) == ([1, 2, 3, 4], [4])


# -------------------------------------------------------------------------------------------------------------- frames


@given(st.lists(st.sampled_from([1, 1_000, 200_000, 360_000, MAX_FRAME_BYTES // 2]), max_size=12))
def test_frames_stay_within_the_limit_and_lose_nothing(sizes: list[int]) -> None:
    items = [stored(cursor, size=size).item for cursor, size in enumerate(sizes)]
    frames = deliver_frames(items)
    assert all(len(frame) <= MAX_FRAME_BYTES for frame in frames)
    assert [number for frame in frames for number in cursors_of(frame)] == list(range(len(sizes)))
    # No frame could have taken the first message of the next one.
    for frame, following in pairwise(frames):
        first = items[cursors_of(following)[0]]
        assert len(frame) + len(first) + 1 > MAX_FRAME_BYTES - 64


async def test_a_session_gets_all_parts_in_order(fanout: Fanout) -> None:
    bob = subscribe(fanout, FakeSession(BOB), topics=(LOUNGE,))
    fanout.dispatch([stored(cursor, size=300_000) for cursor in range(1, 9)])
    assert bob.cursors() == list(range(1, 9))
    assert len(bob.frames) == 3
    assert max(map(len, bob.frames)) <= MAX_FRAME_BYTES


async def test_the_largest_messages_fit_a_frame() -> None:
    """As large as an envelope can be: a full header, a full body."""
    ann = person("ann")
    value = envelope(ann, LOUNGE, b'{"text":"%s"}' % (b"x" * (256 * 1024 - 11)), filler="y" * 15_900)
    (frame,) = deliver_frames([b'{"cursor":%d,"message":%b}' % (2**53, orjson.dumps(value))])
    assert len(frame) <= MAX_FRAME_BYTES


# --------------------------------------------------------------------------- the same verdict as the database, and data

WHO = ("admin", "ann", "bob", "carl")
drawn = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["lounge", "feed", "ann", "bob", "admin", "add", "claim", "open", "stranger", "delete"]),
        st.sets(st.integers(0, 3), max_size=3),
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.django_db
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=drawn)
def test_may_read_is_the_rule_of_the_database(drawn: list[tuple[int, str, set[int]]]) -> None:
    with transaction.atomic():
        hub = install()
        people = [hub.admin, *(hub.member(name, invites=9) for name in WHO[1:])]
        live: list[Stored] = []
        for number, (who, what, named) in enumerate(drawn):
            author, new = people[who], person(f"new {number}")
            mentions = [people[place].public for place in named]
            if what == "add":
                value = hub.add_user(author, new.public, f"new-{number}", kind="temp" if number % 2 else "real")
            elif what == "claim":
                temporary = hub.temporary(f"temp-{number}", by=author)
                value = hub.claim(temporary, new, f"claimed-{number}")
            elif what == "open":
                body = {"nonce": number.to_bytes(16, "big"), "name": "garden"}
                value = hub.control(author, "chan.open", body, mentions=mentions)
            elif what == "delete":
                value = deletion(author, hub.lounge, ident_of(envelope(author, hub.lounge, f"{number}")))
            elif what == "stranger":
                value = envelope(new, inbox(people[who]), f"{number}", type="mail.text", mentions=mentions)
            else:
                inboxes = {name: inbox(key) for name, key in zip(WHO, people, strict=True)}
                to = hub.lounge if what == "lounge" else inboxes.get(what, "feed")
                value = envelope(author, to, f"{number}", mentions=mentions, answers=[bytes([number]) * 32])
            live += store(value)[1]
        by_cursor = {entry.cursor: entry for entry in selectors.stored_between(0, 10_000, limit=10_000)[0]}
        assert sorted(by_cursor) == list(Message.objects.order_by("cursor").values_list("cursor", flat=True))
        for entry in live:  # what goes out at once is what the table gives later
            again = by_cursor[entry.cursor]
            assert sorted(entry.concerns) == sorted(again.concerns)
            entry.concerns = again.concerns
            assert entry == again
        readers = [(key, Role.MEMBER if place else Role.ADMIN, set()) for place, key in enumerate(people)]
        readers += [(key, Role.RELAY, {people[2].public, new.public}) for key in people[:2]]
        had = [(key, role, served, frozenset[bytes]()) for key, role, served in readers]
        had += [(person("heir"), Role.MEMBER, set(), frozenset({key.public})) for key in people]
        for key, role, served, former in had:
            is_relay, inboxes = role is Role.RELAY, frozenset(served)
            reader = Reader(key.public, role is Role.ADMIN, NOW, is_relay, inboxes, former=former)
            found = set(Message.objects.filter(selectors.readable(reader)).values_list("cursor", flat=True))
            session: Any = FakeSession(key.public, role, served=served, former=former)
            assert found == {cursor for cursor, entry in by_cursor.items() if may_read(session, entry)}
        transaction.set_rollback(True)
