"""Two hubs in memory that sync: whatever they hold and whatever happens meanwhile, they end equal."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord import sync
from accord.merkle import horizon_of
from tests.accord.sync_world import MINUTE_MS, NOW, TOPIC, Hub, Link, Written, topic_name, write

HOUR_MS = 3_600_000
lively = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def filled(name: str, messages: list[Written]) -> Hub:
    hub = Hub(name)
    for message in messages:
        hub.hold(message)
    return hub


def spread(numbers: range, *, over: int = 48 * HOUR_MS, topic: str = TOPIC) -> list[Written]:
    return [write(number, NOW - Random(number).randrange(over), topic) for number in numbers]


def assert_equal(link: Link, *topics: str) -> None:
    a, b = link.hubs["asker"], link.hubs["answerer"]
    assert link.over == {}
    for topic in topics or (TOPIC,):
        assert link.equal(topic), link.outcome
        assert a.lasting(topic, 0, NOW) == b.lasting(topic, 0, NOW)


# ------------------------------------------------------------------------------------------------------ what it costs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (range(0), range(5)),
        (range(300), range(0)),
        (range(300), range(100, 400)),
        (range(40), range(39, 80)),
        (range(10), range(10)),
    ],
)
def test_two_sets_become_equal(ours, theirs):
    link = Link(filled("a", spread(ours)), filled("b", spread(theirs)))
    link.run(NOW)
    assert_equal(link)
    assert link.asker.counts.got == len(set(theirs) - set(ours)) == link.answerer.counts.sent
    assert link.asker.counts.sent == len(set(ours) - set(theirs)) == link.answerer.counts.got


def test_equal_roots_take_one_trip_and_become_the_base():
    link = Link(filled("a", spread(range(50))), filled("b", spread(range(50))))
    link.run(NOW)
    assert_equal(link)
    assert [type_ for _, type_ in link.frames] == ["current", "latest", "current"]
    a, b = link.hubs.values()
    assert a.bases["b", TOPIC][0] == b.bases["a", TOPIC][0]


def overhead(link: Link) -> int:
    """Bytes of all frames but for the envelopes."""
    return sum(link.bytes.values()) - link.envelope_bytes


def test_a_known_root_takes_one_trip_and_a_kilobyte():
    link = Link(filled("a", spread(range(500))), filled("b", spread(range(500))))
    link.run(NOW)
    for message in spread(range(500, 520)):
        link.hubs["answerer"].hold(message)
    again = Link(*link.hubs.values())
    again.run(NOW)
    assert_equal(again)
    assert [type_ for _, type_ in again.frames] == ["current", "since", "current", "update", "done", "took", "done"]
    assert overhead(again) <= 1024


def test_from_the_base_both_sides_send_what_is_new():
    link = Link(filled("a", spread(range(500))), filled("b", spread(range(500))))
    link.run(NOW)
    for number, message in enumerate(spread(range(500, 560))):
        link.hubs["answerer" if number % 2 else "asker"].hold(message)
    again = Link(*link.hubs.values())
    again.run(NOW)
    assert_equal(again)
    assert not any(type_ == "nodes" for _, type_ in again.frames)


def test_a_base_of_which_one_side_has_forgotten_the_moment():
    link = Link(filled("a", spread(range(50))), filled("b", spread(range(50))))
    link.run(NOW)
    a, b = link.hubs.values()
    a.hold(*spread(range(50, 51)))
    b.hold(*spread(range(51, 52)))
    again = Link(a, b)
    again.forgetful.add("asker")
    again.run(NOW)
    assert_equal(again)
    assert again.frames[1] == ("answerer", "since")
    assert ("asker", "nodes") in again.frames


def test_the_asker_is_ahead():
    link = Link(filled("a", spread(range(100))), filled("b", spread(range(90))))
    link.hubs["asker"].bases["b", TOPIC] = (filled("c", spread(range(90))).tree(TOPIC).view().root, 0, 90)
    link.run(NOW)
    assert_equal(link)
    assert not any(type_ == "nodes" for _, type_ in link.frames)


def test_many_topics_are_told_of_by_digests():
    topics = [topic_name(number) for number in range(400)]
    a, b = Hub("a"), Hub("b")
    for number, topic in enumerate(topics):
        a.hold(write(number, NOW, topic))
        if number not in (3, 77):
            b.hold(write(number, NOW, topic))
    b.hold(write(1000, NOW, topics[77]))
    b.hold(write(1001, NOW, topic_name(1000)))
    link = Link(a, b)
    link.run(NOW)
    assert_equal(link, *topics, topic_name(1000))
    assert sum(link.bytes.values()) < 20_000
    link = Link(a, b)
    link.run(NOW)
    assert [type_ for _, type_ in link.frames] == ["current", "differ"]
    assert_equal(link, *topics, topic_name(1000))


def test_a_crowded_moment_is_taken_apart_by_id():
    messages = [write(number, NOW) for number in range(700)]
    link = Link(filled("a", messages[:650]), filled("b", messages[:300] + messages[301:]))
    link.run(NOW)
    assert_equal(link)
    assert overhead(link) < 650 * 22  # what a list of all ids of one side would take


def test_more_than_the_budget_allows_at_once_takes_further_passes(monkeypatch):
    monkeypatch.setattr("accord.sync.context.FREE_NODE_BYTES", 2_048)
    messages = spread(range(1200), over=30 * 24 * HOUR_MS)
    link = Link(filled("a", messages[::2] + messages[1::4]), filled("b", messages[::4] + messages[1::2]))
    link.run(NOW)
    assert_equal(link)


def test_topics_that_the_peer_may_not_read_are_not_told_of():
    a, b = filled("a", spread(range(5))), filled("b", spread(range(5, 9)))
    link = Link(a, b, readable=lambda topic: topic != TOPIC)
    link.asker._open_holdings = lambda at: _all(link, a, b, at)
    link.run(NOW)
    assert link.over == {}
    assert link.outcome == {"asker": {}, "answerer": {}}
    assert len(b.ids(TOPIC)) == 4


def _all(link, a, b, at):
    from tests.accord.sync_world import HubHoldings

    link.holdings["asker"] = HubHoldings(a, b.name, at, lambda topic: True)
    return link.holdings["asker"]


# -------------------------------------------------------------------------------------------------- horizons, refusals


def test_a_smaller_hub_is_equal_above_its_horizon_and_loads_nothing_from_below():
    messages = spread(range(400), over=20 * 24 * HOUR_MS)
    for first in ("a", "b"):
        a, b = filled("a", messages[:300]), filled("b", messages[100:])
        horizon = horizon_of(NOW - 5 * 24 * HOUR_MS)
        small = {"a": a, "b": b}[first]
        small.prune(TOPIC, horizon)
        before = {hub.name: hub.ids(TOPIC) for hub in (a, b)}
        for _ in range(2):
            link = Link(a, b)
            link.run(NOW)
            assert link.over == {}
            assert link.equal(TOPIC)
            assert a.ids(TOPIC, horizon) == b.ids(TOPIC, horizon)
            assert small.ids(TOPIC) == small.ids(TOPIC, horizon)
        big = b if small is a else a
        assert big.ids(TOPIC) > before[big.name] - big.ids(TOPIC, horizon)


def test_equal_but_for_what_is_refused_and_it_is_not_offered_again():
    a, b = filled("a", spread(range(60))), filled("b", spread(range(50, 90)))
    never = {message.id for message in spread(range(5))} | {message.id for message in spread(range(80, 84))}
    for hub in (a, b):
        hub.rejects = lambda message: "denied" if message.id in never else None
    link = Link(a, b)
    link.run(NOW)
    assert link.equal(TOPIC)
    assert link.asker.counts.refused_here == 4
    assert link.answerer.counts.refused_here == 5
    assert a.ids(TOPIC) - never == b.ids(TOPIC) - never
    again = Link(a, b)
    again.run(NOW)
    assert again.equal(TOPIC)
    assert not any(type_ == "update" for _, type_ in again.frames)


def test_a_passing_refusal_leaves_the_topic_for_later():
    a, b = filled("a", spread(range(60))), filled("b", spread(range(50)))
    b.rejects = lambda message: "rate" if message.id == spread(range(55, 56))[0].id else None
    link = Link(a, b)
    link.run(NOW)
    assert not link.equal(TOPIC)
    assert isinstance(link.outcome["asker"][TOPIC], sync.Unequal)
    assert len(b.ids(TOPIC)) == 59
    b.rejects = lambda message: None
    link = Link(a, b)
    link.run(NOW)
    assert_equal(link)


def test_retries_double_up_to_an_hour():
    assert [sync.retry_ms(times) // 60_000 for times in (1, 2, 3, 6, 7, 8, 10**6)] == [1, 2, 4, 32, 60, 60, 60]


# ------------------------------------------------------------------------------------------- whatever happens meanwhile

numbers = st.sets(st.integers(0, 120)) | st.builds(
    lambda seed, size: set(Random(seed).sample(range(121), size)), st.integers(0, 2**32), st.integers(0, 121)
)
deeds = st.lists(st.sampled_from(["write a", "write b", "both", "prune a", "prune b", "burn"]), max_size=12)


class Life:
    """What goes on at two hubs beside their sync, drawn from a seed."""

    def __init__(self, a: Hub, b: Hub, seed: int) -> None:
        self.a, self.b, self.random = a, b, Random(seed)
        self.time = NOW
        self.number = 10_000

    def do(self, deed: str) -> None:
        random = self.random
        if deed == "burn":
            self.time += random.choice([1_000, 5 * MINUTE_MS])
            self.a.burn(self.time)
            self.b.burn(self.time)
            return
        if deed.startswith("prune"):
            hub = self.a if deed.endswith("a") else self.b
            hub.prune(TOPIC, horizon_of(NOW - random.randrange(60 * HOUR_MS)))
            return
        self.number += 1
        burn_at = self.time + random.randrange(1, 20 * MINUTE_MS) if random.random() < 0.3 else None
        message = write(self.number, self.time - random.choice([0, 1, 40 * HOUR_MS]), TOPIC, burn_at)
        for hub, where in ((self.a, "write a"), (self.b, "write b")):
            if deed in (where, "both") and message.created_at >= hub.horizons[TOPIC]:
                hub.hold(message, "live")


def burning(number: int) -> int | None:
    """Every seventh message burns, in a minute or within the hour."""
    return NOW + 60_000 + number * 30_000 if number % 7 == 0 else None


def aged(number: int) -> Written:
    """Some in one second, some minutes and some days ago."""
    ago = (number, number * MINUTE_MS, number * HOUR_MS // 2)[number % 3]
    return write(number, NOW - ago, TOPIC, burning(number))


def settle(a: Hub, b: Hub, time: int, random: Random) -> Link:
    """Sessions as a driver would start them, until equal."""
    for _ in range(4):
        link = Link(a, b)
        link.run(time, random)
        if not link.over and link.equal(TOPIC):
            return link
        time += 61_000
    raise AssertionError(f"not equal after four sessions: {link.over} {link.outcome}")


@lively
@given(numbers, numbers, deeds, st.integers(0, 2**32), st.integers(0, 3), st.integers(1, 30))
def test_any_two_sets_become_equal_whatever_happens(ours, theirs, deeds, seed, clocks, pace):
    a, b = filled("a", [aged(number) for number in ours]), filled("b", [aged(number) for number in theirs])
    a.topics.add(TOPIC)
    b.topics.add(TOPIC)
    a.clock, b.clock = ((0, 0), (2 * MINUTE_MS, -2 * MINUTE_MS), (-MINUTE_MS, 0), (90_001, -89_999))[clocks]
    random, life, queue = Random(seed), Life(a, b, seed), list(deeds)
    steps = 0

    def meanwhile() -> None:
        nonlocal steps
        steps += 1
        if queue and steps % pace == 0:
            life.do(queue.pop())

    link = Link(a, b)
    link.run(NOW, random, meanwhile)
    while queue:
        life.do(queue.pop())
    life.time += 25 * MINUTE_MS
    a.burn(life.time)
    b.burn(life.time)
    last = settle(a, b, life.time, random)
    horizon = max(a.horizons[TOPIC], b.horizons[TOPIC])
    unburned = {
        ident
        for hub in (a, b)
        for ident, row in hub.rows[TOPIC].items()
        if row.message.burn_at is None and row.message.created_at >= horizon
    }
    for hub in (a, b):
        assert unburned <= hub.ids(TOPIC, horizon)
    assert last.equal(TOPIC)


@lively
@given(numbers, numbers, st.integers(0, 2**32), st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_a_cut_at_any_frame_loses_nothing(ours, theirs, seed, cuts):
    a, b = filled("a", [aged(number) for number in ours]), filled("b", [aged(number) for number in theirs])
    a.topics.add(TOPIC)
    b.topics.add(TOPIC)
    random = Random(seed)
    for cut in cuts:
        link = Link(a, b)
        link.start(NOW)
        for _ in range(cut):
            if not link.step(random, NOW):
                break
    link = Link(a, b)
    link.run(NOW, random)
    assert_equal(link)


@lively
@given(numbers, numbers, st.integers(0, 2**32), st.integers(0, 40))
def test_a_session_on_the_same_connection_ends_the_one_before(ours, theirs, seed, cut):
    a, b = filled("a", [aged(number) for number in ours]), filled("b", [aged(number) for number in theirs])
    a.topics.add(TOPIC)
    b.topics.add(TOPIC)
    random = Random(seed)
    link = Link(a, b)
    link.start(NOW)
    for _ in range(cut):
        link.step(random, NOW)
    link.run(NOW, random)
    assert_equal(link)
