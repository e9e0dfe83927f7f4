"""Persisted trees against trees in memory under random histories; views that stay; the index of roots."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accord import merkle
from accord.errors import AccordError
from accord.topics import Topic
from messaging import services, trees
from messaging.locks import store_lock
from messaging.models import Burned, Message, RootMark, Store
from messaging.models import Topic as TopicRow
from messaging.store_check import trees_check
from tests.factories import (
    HOUR_MS,
    MINUTE_MS,
    NOW,
    Hub,
    deletion,
    envelope,
    feed,
    ident_of,
    in_threads,
    install,
    store,
    take,
)

DAY_MS = 24 * HOUR_MS
# Buckets of all levels, and the same leaf again and again.
TIMES = st.one_of(
    st.integers(NOW - 40 * DAY_MS, NOW),
    st.integers(NOW - 2 * MINUTE_MS, NOW),
    st.sampled_from([NOW, NOW - 1, merkle.horizon_of(NOW), merkle.horizon_of(NOW) - 1]),
)
LIVES = st.sampled_from([None, 2 * MINUTE_MS, 6 * MINUTE_MS, 7 * MINUTE_MS - 1, 30 * MINUTE_MS])


@dataclass(frozen=True)
class Said:
    """A message as the model knows it."""

    ident: bytes
    created_at: int
    burn_at: int | None
    arrived: int


@dataclass(frozen=True)
class Seen:
    """A view that somebody holds, and what it has to show for ever."""

    view: trees.TreeView
    model: merkle.TreeView


class Trees(RuleBasedStateMachine):
    """A hub's topic, its tree in memory, and views that were taken on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.number = 0
        self.said: dict[str, list[Said]] = {}
        self.horizons: dict[str, int] = {}
        self.seen: list[Seen] = []
        self.refused: set[bytes] = set()

    @initialize()
    def begin(self) -> None:
        self.savepoint = transaction.savepoint()
        self.hub: Hub = install()
        Store.objects.update(tree_at=0, tree_cursor=0)
        self.topics = [self.hub.lounge, feed(self.hub.admin)]
        self.said = {topic.name: [] for topic in self.topics}
        self.horizons = {topic.name: 0 for topic in self.topics}

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    def model(self, topic: Topic, *, at: int, horizon: int, cut: int | None = None) -> merkle.Tree:
        return merkle.Tree(
            (
                (said.ident, said.created_at)
                for said in self.said[topic.name]
                if said.created_at >= horizon
                and (said.burn_at is None or said.burn_at > at + trees.BURN_MARGIN_MS)
                and (cut is None or said.arrived <= cut)
                and said.ident not in self.refused
            ),
            topic=topic.name,
        )

    @rule(place=st.integers(0, 1), times=st.lists(TIMES, min_size=1, max_size=6), life=LIVES)
    def say(self, place: int, times: list[int], life: int | None) -> None:
        topic = self.topics[place]
        times = [time for time in times if time >= self.horizons[topic.name]]
        values = []
        for time in times:
            self.number += 1
            fields = {} if life is None else {"burn_at": max(time, self.now) + life}
            to = "feed" if topic.kind == "feed" else topic
            values.append(envelope(self.hub.admin, to, f"number {self.number}", created_at=time, **fields))
        _, stored = store(*values, now=self.now)
        assert len(stored) == len(values)
        for value, time, entry in zip(values, times, stored, strict=True):
            self.said[topic.name].append(Said(ident_of(value), time, value["header"].get("burn_at"), entry.cursor))

    @precondition(lambda self: self.said[self.hub.lounge.name])
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        said = data.draw(st.sampled_from(self.said[self.hub.lounge.name]))
        value = deletion(self.hub.admin, self.hub.lounge, said.ident, created_at=self.now)
        _, stored = store(value, now=self.now)
        self.said[self.hub.lounge.name] += [Said(ident_of(value), self.now, None, entry.cursor) for entry in stored]

    @rule(minutes=st.integers(1, 8), burning=st.booleans())
    def wait(self, minutes: int, burning: bool) -> None:
        self.now += minutes * MINUTE_MS - self.now % 7
        self.seen = [seen for seen in self.seen if seen.view.at > self.now - 15 * MINUTE_MS]
        if burning:
            services.messages_burn(now=self.now)

    @rule()
    def refresh(self) -> None:
        trees.refresh(now=self.now)

    @rule(place=st.integers(0, 1), back=st.integers(0, 45 * DAY_MS), at_once=st.booleans())
    def prune(self, place: int, back: int, at_once: bool) -> None:
        topic = self.topics[place]
        horizon = max(merkle.horizon_of(self.now - back), self.horizons[topic.name])
        row = TopicRow.objects.get(kind=topic.kind, ident=topic.ident)
        with transaction.atomic():
            store_lock()
            trees.horizon_move(row.pk, horizon)
            if at_once:
                rows = Message.objects.filter(topic=row, created_at__lt=horizon)
                rows._raw_delete(rows.db)
        self.horizons[topic.name] = horizon
        for seen in self.seen:
            if seen.view.topic == topic.name and seen.view.horizon < horizon:
                with pytest.raises(AccordError) as caught:
                    seen.view.ids(8, 0)
                assert caught.value.code == "gone"
        self.seen = [seen for seen in self.seen if seen.view.topic != topic.name or seen.view.horizon >= horizon]

    @precondition(lambda self: self.said[self.hub.lounge.name])
    @rule(data=st.data())
    def rows_are_taken_away(self, data: st.DataObject) -> None:
        said = data.draw(st.sampled_from(self.said[self.hub.lounge.name]))
        rows = Message.objects.filter(ident=said.ident)
        with transaction.atomic():
            store_lock()
            trees.mark_dirty(rows.values_list("topic_id", "created_at"))
            rows._raw_delete(rows.db)
        if not Burned.objects.filter(ident=said.ident).exists():
            self.said[self.hub.lounge.name].remove(said)
        self.seen.clear()

    @rule(
        place=st.integers(0, 1),
        minutes=st.integers(-4, 5),
        back=st.none() | st.integers(0, 45 * DAY_MS),
        data=st.data(),
    )
    def look(self, place: int, minutes: int, back: int | None, data: st.DataObject) -> None:
        topic = self.topics[place]
        at = trees.as_of(self.now) + minutes * MINUTE_MS
        horizon = 0 if back is None else merkle.horizon_of(self.now - back)
        arrived = [said.arrived for said in self.said[topic.name]]
        cut = data.draw(st.none() | st.sampled_from([0, *arrived]))
        idents = [said.ident for said in self.said[topic.name]]
        self.refused = data.draw(st.sets(st.sampled_from(idents), max_size=3)) if idents else set()
        view = trees.view(topic, now=self.now, at=at, horizon=horizon, cut=cut, exclude=self.refused)
        horizon = max(horizon, self.horizons[topic.name])
        assert view.horizon == horizon
        seen = Seen(view, self.model(topic, at=at, horizon=horizon, cut=cut).view())
        roots = trees.roots(
            {other: horizon for other in self.topics}, now=self.now, at=at, cut=cut, exclude={topic: self.refused}
        )
        assert roots[topic][:2] == (seen.model.root, seen.model.count)
        self.refused = set()
        self.compare(seen)
        self.seen = [*self.seen[-4:], seen]

    def compare(self, seen: Seen) -> None:
        view, model = seen.view, seen.model
        assert (view.root, view.count) == (model.root, model.count)
        assert view.ids(8, 0) == model.ids(8, 0)
        places = [(8, 0)]
        while places:
            level, bucket = places.pop()
            children = view.children(level, bucket)
            assert children == model.children(level, bucket)
            if level > 1:
                places += [(level - 1, bucket * 16 + child.index) for child in children]
            elif children:
                leaf = bucket * 16 + children[0].index
                assert view.ids(0, leaf) == model.ids(0, leaf)

    @invariant()
    def views_stay(self) -> None:
        for seen in self.seen:
            self.compare(seen)

    @rule(place=st.integers(0, 1))
    def root(self, place: int) -> None:
        topic = self.topics[place]
        root = trees.root(topic, now=self.now)
        model = self.model(topic, at=trees.as_of(self.now), horizon=self.horizons[topic.name]).view()
        assert (root.root, root.count) == (model.root, model.count)


@pytest.mark.django_db
def test_random_histories_have_the_trees_of_their_messages() -> None:
    run_state_machine_as_test(
        Trees,
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def say(hub: Hub, *times: int, life: int | None = None, now: int = NOW) -> list[bytes]:
    """Messages in the lounge, made at these times; their ids."""
    fields = {} if life is None else {"burn_at": now + life}
    values = [envelope(hub.admin, hub.lounge, f"{now} {i}", created_at=time, **fields) for i, time in enumerate(times)]
    assert take(*values, now=now) == ["stored"] * len(times)
    return [ident_of(value) for value in values]


def root_over(*messages: tuple[list[bytes], list[int]]) -> bytes:
    """The root of messages, given as ids and times."""
    return merkle.Tree(pair for idents, times in messages for pair in zip(idents, times, strict=True)).view().root


def test_a_view_keeps_what_burns_after_it_was_taken(hub: Hub) -> None:
    times = [NOW - 5, NOW - 4]
    short = say(hub, *times, life=7 * MINUTE_MS)
    view = trees.view(hub.lounge, now=NOW)
    for minutes in (3, 8):
        later = NOW + minutes * MINUTE_MS
        services.messages_burn(now=later)
        assert trees.root(hub.lounge, now=later).root == merkle.EMPTY
        assert view.root == root_over((short, times))
        assert sorted(view.ids(8, 0)) == sorted(short)
        assert [child.count for child in view.children(1, merkle.bucket_of(times[0], 1))] == [2]
    assert view.find([ident[:16] for ident in short]) == []  # nobody can be sent what has burned
    assert trees.envelopes(short, now=NOW + 8 * MINUTE_MS, max_bytes=1000) == [(ident, b"") for ident in short]


def test_what_burned_while_the_branches_slept_is_out_of_them(hub: Hub) -> None:
    say(hub, NOW, life=20 * MINUTE_MS)
    lasting = say(hub, NOW + 1, now=NOW + 1)
    assert trees.root(hub.lounge, now=NOW).count == 2
    later = NOW + 24 * HOUR_MS
    assert services.messages_burn(now=later) == 1
    assert Burned.objects.count() == 1  # the branches still have it
    assert trees.root(hub.lounge, now=later).root == root_over((lasting, [NOW + 1]))
    services.messages_burn(now=later)
    assert not Burned.objects.exists()


def test_a_burned_message_can_be_left_out_of_a_view(hub: Hub) -> None:
    times = [NOW, NOW + 1]
    idents = say(hub, *times, life=20 * MINUTE_MS)
    trees.refresh(now=NOW)
    services.messages_burn(now=NOW + 20 * MINUTE_MS)
    view = trees.view(hub.lounge, now=NOW, exclude=idents[:1])
    assert view.root == root_over((idents[1:], times[1:]))


def test_arrivals_after_the_cut_are_outside_in_whatever_bucket(hub: Hub) -> None:
    times = [NOW - 1, NOW - HOUR_MS]
    before = say(hub, *times)
    view = trees.view(hub.lounge, now=NOW)
    say(hub, NOW - 1, NOW, NOW - HOUR_MS, NOW - 90 * DAY_MS, now=NOW + 1)
    trees.refresh(now=NOW + 1)
    assert view.root == root_over((before, times))
    assert sorted(view.ids(8, 0)) == sorted(before)
    earlier = trees.view(hub.lounge, now=NOW + 1, cut=view.cut)
    assert (earlier.root, earlier.count) == (view.root, 2)
    assert [ident for _, ident in view.since(0, 100)] == before
    whole = trees.view(hub.lounge, now=NOW + 1)
    assert len(whole.since(view.cut, 100)) == 4
    assert whole.since(whole.cut, 100) == []


def test_a_view_of_some_types(hub: Hub) -> None:
    say(hub, NOW)
    hub.member("ann")
    row = Message.objects.get(type="chan.open")
    view = trees.view(hub.topic, now=NOW, types=["chan.open"])
    assert view.root == merkle.Tree([(bytes(row.ident), row.created_at)]).view().root
    assert view.ids(8, 0) == view.find([bytes(row.ident)[:16]]) == [bytes(row.ident)]
    assert view.since(0, 10) == [(row.cursor, bytes(row.ident))]
    assert trees.view(hub.topic, now=NOW).count == 2


def test_many_messages_of_one_moment(hub: Hub) -> None:
    times = [NOW + i % 3 for i in range(700)]
    idents = say(hub, *times)
    assert trees.root(hub.lounge, now=NOW).root == root_over((idents, times))
    one = say(hub, NOW, now=NOW + 5)
    assert trees.root(hub.lounge, now=NOW).root == root_over((idents, times), (one, [NOW]))


def test_roots_that_were_are_found_again(hub: Hub) -> None:
    say(hub, NOW)
    first = trees.root(hub.lounge, now=NOW)
    say(hub, NOW, now=NOW + 1)
    second = trees.root(hub.lounge, now=NOW)
    assert trees.root_find(hub.lounge, first.root, 0) == first.cursor < second.cursor
    assert trees.root_find(hub.lounge, second.root, 0) == second.cursor
    assert trees.root_find(hub.lounge, merkle.EMPTY, 0) == 0
    assert trees.root_find(hub.lounge, first.root, merkle.HORIZON_MS) is None
    trees.root_note(hub.lounge, first._replace(horizon=merkle.HORIZON_MS))
    assert trees.root_find(hub.lounge, first.root, merkle.HORIZON_MS) == first.cursor


def test_only_the_newest_roots_are_remembered(hub: Hub) -> None:
    for i in range(4):
        say(hub, NOW, now=NOW + i)
        trees.refresh(now=NOW)
    newest = set(RootMark.objects.filter(topic__kind="chan").order_by("-cursor").values_list("cursor", flat=True)[:2])
    trees.roots_forget(keep=2)
    assert set(RootMark.objects.filter(topic__kind="chan").values_list("cursor", flat=True)) == newest


def test_envelopes_are_cut_to_the_room_there_is(hub: Hub) -> None:
    idents = say(hub, *range(NOW, NOW + 40))
    found = trees.envelopes(idents, now=NOW, max_bytes=5_000)
    assert [ident for ident, _ in found] == idents[: len(found)]
    assert sum(len(envelope) for _, envelope in found) < 5_000 < sum(len(e) for _, e in found) * 2
    assert len(trees.envelopes(idents, now=NOW, max_bytes=1)) == 1


def test_an_unknown_topic_has_no_tree(hub: Hub) -> None:
    with pytest.raises(AccordError) as caught:
        trees.view(Topic("chan", bytes(32)), now=NOW)
    assert caught.value.code == "not_found"
    assert trees.roots({Topic("chan", bytes(32)): 0}, now=NOW) == {}


@pytest.mark.django_db(transaction=True)
def test_threads_that_store_burn_hash_prune_and_look_agree(hub: Hub) -> None:
    rounds = 12

    def storing() -> None:
        for number in range(rounds):
            now = NOW + number * MINUTE_MS
            say(hub, *range(now - 40 * DAY_MS, now, 4 * DAY_MS), now=now)
            say(hub, now, life=6 * MINUTE_MS, now=now)

    def burning() -> None:
        for number in range(rounds):
            services.messages_burn(now=NOW + number * MINUTE_MS)

    def hashing() -> None:
        for number in range(rounds):
            trees.refresh(now=NOW + number * MINUTE_MS)

    def looking() -> None:
        for number in range(rounds):
            view = trees.view(hub.lounge, now=NOW + number * MINUTE_MS)
            idents = view.ids(8, 0)
            rows = Message.objects.filter(ident__in=idents).values_list("ident", "created_at")
            held = {bytes(ident): created_at for ident, created_at in rows}
            if len(held) == len(idents):  # nothing has burned in between
                assert view.root == merkle.Tree(held.items()).view().root
            assert view.count == len(idents)

    def marking() -> None:
        for _ in range(rounds):
            with transaction.atomic():
                store_lock()
                trees.mark_whole(TopicRow.objects.values_list("pk", flat=True))

    in_threads([storing, burning, hashing, looking, looking, marking])
    trees.refresh(now=NOW + rounds * MINUTE_MS)
    assert not list(trees_check(lambda _: None))


def test_branches_stay_at_their_moment_for_sessions_that_began_before(hub: Hub) -> None:
    times = [NOW, NOW + 1]
    idents = say(hub, *times, life=8 * MINUTE_MS)
    for minutes, count in ((0, 2), (4, 0), (0, 2), (4, 0)):
        assert trees.root(hub.lounge, now=NOW + minutes * MINUTE_MS).count == count
    moved = trees.as_of(NOW + 4 * MINUTE_MS)
    assert Store.objects.get().tree_at == moved
    assert trees.view(hub.lounge, now=NOW).root == root_over((idents, times))
    trees.refresh(now=NOW - HOUR_MS)  # the clock had been wrong
    assert Store.objects.get().tree_at == trees.as_of(NOW - HOUR_MS)
    assert trees.root(hub.lounge, now=NOW).root == root_over((idents, times))
