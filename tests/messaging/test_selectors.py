"""Reads of the store against brute force: pages, backlogs, lists of topics, figures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord.frames import MAX_FRAME_BYTES
from accord.keys import SigningKey
from accord.messages import parse_envelope
from accord.topics import Topic
from messaging import selectors, topic_rows
from messaging.models import Message, Store
from messaging.selectors import SCAN_STEP, Place, Reader, Wanted
from messaging.stored import Stored, frame_bytes
from peers.services import process_forget, process_report
from tests.factories import (
    HOUR_MS,
    NOW,
    Hub,
    admitted,
    deletion,
    envelope,
    feed,
    ident_of,
    inbox,
    install,
    person,
    store,
)

quick = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])

Page = tuple[list[tuple[Place, bytes]], bool]


def pages(read: Callable[..., Page], limit: int, *, forward: bool) -> list[bytes]:
    """The ids of all pages, one after the other, until there are no more."""
    ids: list[bytes] = []
    place: Place | None = (0, b"") if forward else None
    while True:
        found, more = read(limit=limit, **({"after": place} if forward else {"before": place}))
        assert len(found) <= limit
        for (created_at, ident), item in found:
            parsed = parse_envelope(orjson.loads(item)["message"])
            assert (parsed.created_at, parsed.id) == (created_at, ident)
        ids += [ident for (_, ident), _ in found]
        if not more:
            return ids
        place = found[-1][0]


@pytest.mark.parametrize("limit", [1, 7, 50, 500])
def test_pages_cover_a_topic_once_however_many_share_a_moment(hub: Hub, limit: int) -> None:
    ann = hub.member("ann")
    values = [
        envelope(ann, hub.lounge, f"{number}", created_at=NOW - moment)
        for number, moment in enumerate([0] * 20 + [1] * 15 + [2] + [3] * 14)
    ]
    store(*values)

    def read(**place: Any) -> Page:
        return selectors.page(hub.lounge, Reader(ann.public, False, NOW), **place)

    expected = sorted((value["header"]["created_at"], ident_of(value)) for value in values)
    assert pages(read, limit, forward=True) == [ident for _, ident in expected]
    assert pages(read, limit, forward=False) == [ident for _, ident in reversed(expected)]


def test_more_is_said_only_where_there_is_more(hub: Hub) -> None:
    ann = hub.member("ann")
    store(*(envelope(ann, hub.lounge, f"{number}") for number in range(6)))
    for limit, expected in ((5, (5, True)), (6, (6, False)), (7, (6, False))):
        found, more = selectors.page(hub.lounge, Reader(ann.public, False, NOW), limit=limit)
        assert (len(found), more) == expected


def large(hub: Hub) -> list[Stored]:
    """Ten messages of which three fit a frame."""
    ann = hub.member("ann")
    return store(*(envelope(ann, hub.lounge, f"{number}" * 200_000) for number in range(10)))[1]


def test_a_page_of_large_messages_fits_a_frame(hub: Hub) -> None:
    expected = large(hub)

    def read(**place: Any) -> Page:
        found, more = selectors.page(hub.lounge, Reader(hub.admin.public, True, NOW), **place)
        assert len(frame_bytes("page", [item for _, item in found], ref=2**53, more=more)) <= MAX_FRAME_BYTES
        assert len(found) in (1, 3)
        return found, more

    assert set(pages(read, 500, forward=True)) == {entry.id for entry in expected}
    assert pages(read, 500, forward=True) == pages(read, 500, forward=False)[::-1]


def test_large_messages_are_walked_in_small_steps_without_gap(hub: Hub) -> None:
    expected = large(hub)
    after, upto = expected[0].cursor - 1, expected[-1].cursor + 5
    for read in (
        lambda position: selectors.stored_between(position, upto, limit=500),
        lambda position: selectors.backlog(
            Wanted(topics=(hub.lounge,)),
            Reader(hub.admin.public, True, NOW),
            after=position,
            upto=upto,
            limit=500,
        ),
    ):
        found: list[Stored] = []
        position, steps = after, 0
        while position < upto:
            step, position = read(position)
            found, steps = found + step, steps + 1
        assert found == expected
        assert steps > 2


def test_pages_from_any_place_have_what_lies_on_that_side(hub: Hub) -> None:
    ann = hub.member("ann")
    values = [envelope(ann, hub.lounge, f"{number}", created_at=NOW - number // 4) for number in range(12)]
    store(*values)
    places = sorted((value["header"]["created_at"], ident_of(value)) for value in values)
    for place in [*places, (NOW, bytes(32)), (NOW - 1, b"\xff" * 32), (0, bytes(32)), (2**44, bytes(32))]:
        later, _ = selectors.page(hub.lounge, Reader(ann.public, False, NOW), limit=99, after=place)
        earlier, _ = selectors.page(hub.lounge, Reader(ann.public, False, NOW), limit=99, before=place)
        assert [found for found, _ in later] == [other for other in places if other > place]
        assert [found for found, _ in earlier] == [other for other in reversed(places) if other < place]


def test_a_page_of_an_inbox_has_what_the_reader_may_read(hub: Hub) -> None:
    ann, bob, carl = (hub.member(name) for name in ("ann", "bob", "carl"))
    from_ann, from_carl = envelope(ann, inbox(bob), "from ann"), envelope(carl, inbox(bob), "from carl")
    store(from_ann, from_carl)

    def ids(reader: SigningKey) -> set[bytes]:
        is_admin = reader == hub.admin
        found, _ = selectors.page(inbox(bob), Reader(reader.public, is_admin, NOW), limit=9)
        return {ident for (_, ident), _ in found}

    assert ids(bob) == {ident_of(from_ann), ident_of(from_carl)}
    assert ids(ann) == {ident_of(from_ann)}
    assert ids(hub.admin) == set()


def test_a_page_of_the_hubs_topic_has_what_concerns_the_reader(hub: Hub) -> None:
    ann, bob = hub.member("ann", invites=3), hub.member("bob")
    guest = hub.temporary("guest", by=ann)
    store(hub.claim(guest, person("carl"), "carl"))

    def types(reader: SigningKey) -> list[str]:
        found, _ = selectors.page(hub.topic, Reader(reader.public, False, NOW), limit=9, after=(0, b""))
        return sorted(orjson.loads(item)["message"]["header"]["type"] for _, item in found)

    assert types(ann) == ["add_user", "add_user", "replace_account"]
    assert types(bob) == ["add_user"]
    assert types(guest) == ["add_user", "replace_account"]
    assert types(person("carl")) == ["replace_account"]
    assert types(person("stranger")) == []


def test_what_has_burned_is_not_shown_before_it_is_dropped(hub: Hub) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, "soon gone", burn_at=NOW + 1), envelope(ann, hub.lounge, "stays"))
    for now, count in ((NOW, 2), (NOW + 1, 1)):
        page, more = selectors.page(
            hub.lounge,
            Reader(ann.public, False, now),
            limit=9,
        )
        assert (len(page), more) == (count, False)
        found, _ = selectors.backlog(
            Wanted(topics=(hub.lounge,)), Reader(ann.public, False, now), after=0, upto=99, limit=9
        )
        assert len(found) == count
        assert len(list(selectors.export_rows(now=lambda now=now: now))) == Message.objects.count() - 2 + count


# ------------------------------------------------------------------------------------------------------------- backlogs


def populate(hub: Hub, drawn: list[tuple[int, int, int, int]]) -> tuple[list[SigningKey], list[bytes]]:
    """Messages of four people in six topics, with mentions and answers; the people and the ids."""
    people = [hub.admin, *(hub.member(name) for name in ("ann", "bob", "carl"))]
    places: list[Topic | str] = [hub.lounge, "feed", *(inbox(key) for key in people)]
    idents: list[bytes] = []
    for number, (who, where, mentioned, about) in enumerate(drawn):
        mentions = [people[mentioned].public] if mentioned < len(people) else []
        answers = [idents[about % len(idents)]] if idents and about % 2 else []
        refs = [("react", idents[about % len(idents)])] if idents and about % 3 == 0 else []
        value = envelope(
            people[who], places[where], f"{number}", mentions=mentions, answers=answers, refs=refs,
            **({"burn_at": NOW + HOUR_MS} if about % 5 == 0 else {}),
        )  # fmt: skip
        if store(value)[1]:
            idents.append(ident_of(value))
    if idents:
        store(deletion(people[1], hub.lounge, idents[0]))
    return people, idents


def wants(wanted: Wanted, entry: Stored) -> bool:
    """What section 4 of protocol.md says of a subscription, one message at a time."""
    keys = {entry.author, *entry.concerns}
    return (
        entry.topic in wanted.topics
        or not keys.isdisjoint(wanted.keys)
        or not set(entry.related).isdisjoint(wanted.messages)
    )


def may_see(hub: Hub, reader: SigningKey, entry: Stored) -> bool:
    """What section 4 says of reading."""
    if entry.topic.kind in ("feed", "chan") or entry.author == reader.public:
        return True
    if entry.topic.kind == "user":
        return entry.topic.ident == reader.public
    return reader == hub.admin or reader.public in entry.concerns


subsets = st.sets(st.integers(0, 9), max_size=4)


@pytest.mark.django_db
@quick
@given(
    drawn=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 6), st.integers(0, 30)), max_size=20),
    asked=st.lists(
        st.tuples(st.integers(0, 3), subsets, subsets, subsets, st.integers(0, 30), st.integers(0, 30)),
        min_size=1,
        max_size=6,
    ),
    limit=st.sampled_from([1, 3, 500]),
)
def test_a_backlog_is_what_a_brute_force_filter_finds(drawn: list[Any], asked: list[Any], limit: int) -> None:
    with transaction.atomic():
        hub = install()
        people, idents = populate(hub, drawn)
        newest = selectors.store_cursor()
        topics = [hub.lounge, hub.topic, *(inbox(key) for key in people), *(feed(key) for key in people)]
        everything, looked = selectors.stored_between(0, newest, limit=10_000)
        assert looked == newest
        assert [entry.cursor for entry in everything] == list(range(1, newest + 1))
        for reader_place, topic_places, key_places, ident_places, start, end in asked:
            reader, after, upto = people[reader_place], min(start, newest), min(max(start, end), newest)
            wanted = Wanted(
                tuple(topics[place] for place in topic_places),
                tuple(people[place % 4].public for place in key_places),
                tuple({idents[place % len(idents)] for place in ident_places} if idents else ()),
            )
            found: list[Stored] = []
            position = after
            while position < upto:
                step, looked = selectors.backlog(
                    wanted,
                    Reader(reader.public, reader == hub.admin, NOW),
                    after=position,
                    upto=upto,
                    limit=limit,
                )
                assert len(step) <= limit
                assert looked > position
                found, position = found + step, looked
            assert found == [
                entry
                for entry in everything
                if after < entry.cursor <= upto and wants(wanted, entry) and may_see(hub, reader, entry)
            ]
        transaction.set_rollback(True)


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_a_backlog_begins_after_and_ends_with_its_bounds(hub: Hub, limit: int) -> None:
    ann = hub.member("ann")
    _, stored = store(*(envelope(ann, hub.lounge, f"{number}") for number in range(6)))
    places = range(stored[0].cursor - 1, stored[-1].cursor + 1)
    for after in places:
        for upto in range(after + 1, places.stop):
            found: list[Stored] = []
            position = after
            while position < upto:
                step, position = selectors.backlog(
                    Wanted(topics=(hub.lounge,)),
                    Reader(ann.public, False, NOW),
                    after=position,
                    upto=upto,
                    limit=limit,
                )
                found += step
            assert [entry.cursor for entry in found] == list(range(after + 1, upto + 1))


def test_a_long_backlog_is_walked_in_steps(hub: Hub) -> None:
    """Where the wanted messages lie far apart, a step ends without having found any."""
    ann = hub.member("ann")
    expected = []
    for number in range(4):
        _, stored = store(*(envelope(ann, topic, f"{number}") for topic in ("feed", hub.lounge, "feed")))
        expected.append(stored[1])
        Store.objects.update(cursor=stored[-1].cursor + 2 * SCAN_STEP)
    found, position, newest = [], 0, selectors.store_cursor()
    while position < newest:
        step, looked = selectors.backlog(
            Wanted(topics=(hub.lounge,)), Reader(ann.public, False, NOW), after=position, upto=newest, limit=2
        )
        assert position < looked <= position + SCAN_STEP
        found, position = found + step, looked
    assert found == expected


def test_nothing_is_wanted_by_those_who_name_nothing(hub: Hub) -> None:
    found = selectors.backlog(Wanted(), Reader(hub.admin.public, True, NOW), after=0, upto=9, limit=9)
    assert found == ([], 9)


# --------------------------------------------------------------------------------------------------------------- topics


@pytest.mark.parametrize("limit", [1, 4, 1_000])
def test_topics_come_in_order_each_once(hub: Hub, limit: int) -> None:
    members = [hub.member(f"member-{number}") for number in range(10)]
    hub.temporary("guest")
    for number in range(5):
        store(hub.control(hub.admin, "chan.open", {"nonce": number.to_bytes(16, "big"), "name": f"chan {number}"}))
    ann = members[0]
    rows: list[dict[str, Any]] = []
    after: Topic | None = None
    while True:
        found = topic_rows.topics_of(Reader(ann.public, False, NOW), hub=hub.key, after=after, limit=limit)
        rows += found
        if len(found) < limit:
            break
        kind, _, ident = found[-1]["topic"].partition(":")
        after = next(topic for topic in every_topic() if topic.name == f"{kind}:{ident}")
    expected = sorted(
        topic for topic in every_topic() if topic.kind in ("feed", "chan") or topic in (inbox(ann), hub.topic)
    )
    assert [row["topic"] for row in rows] == [topic.name for topic in expected]
    assert all(first != second for first, second in pairwise(rows))
    names = {row["topic"]: row.get("name") for row in rows}
    assert names[feed(ann).name] == names[inbox(ann).name] == "member-0"
    assert names[feed(hub.admin).name] == "admin"
    assert names[hub.lounge.name] == "lounge"
    assert {row["topic"] for row in rows if row["role"] == "admin"} == {feed(ann).name, inbox(ann).name}
    for row in rows:
        kind, ident = next((topic.kind, topic.ident) for topic in expected if topic.name == row["topic"])
        assert topic_rows.topics_named([Topic(kind, ident)], Reader(ann.public, False, NOW)) == [row]


def every_topic() -> list[Topic]:
    return [Topic(kind, bytes(ident)) for kind, ident in selectors.Topic.objects.values_list("kind", "ident")]


def test_the_admin_administers_channels_and_the_hub(hub: Hub) -> None:
    rows = topic_rows.topics_of(Reader(hub.admin.public, True, NOW), hub=hub.key, after=None, limit=99)
    assert {row["role"] for row in rows} == {"admin"}


def test_counts_and_cursors_of_topics(hub: Hub) -> None:
    ann = hub.member("ann")
    _, stored = store(*(envelope(ann, hub.lounge, f"{number}") for number in range(3)))
    (row,) = topic_rows.topics_named([hub.lounge], Reader(ann.public, False, NOW))
    assert (row["count"], row["cursor"], row["kind"], row["encrypted"]) == (3, stored[-1].cursor, "chan", False)
    assert topic_rows.topics_named([Topic("chan", bytes(32))], Reader(ann.public, False, NOW)) == []
    assert selectors.topic_exists(hub.lounge)
    assert not selectors.topic_exists(Topic("chan", bytes(32)))
    found = selectors.topic_by_name("lounge")
    assert found is not None
    assert bytes(found.ident) == hub.lounge.ident
    assert selectors.topic_by_name("nowhere") is None


def test_figures(hub: Hub) -> None:
    ann = hub.member("ann")
    hub.temporary("guest")
    before = selectors.figures()
    _, (stored,) = store(admitted(envelope(ann, hub.lounge, "hi")))
    process_report(pid=1, sockets=3)
    process_report(pid=2, sockets=4)
    process_report(pid=2, sockets=5)
    assert selectors.figures() == {
        "messages": before["messages"] + 1,
        "accounts": 2,
        "bytes": before["bytes"] + stored.signed().size,
        "sockets": 8,
    }
    process_forget(pid=1)
    assert selectors.figures()["sockets"] == 5
