"""A peer of sync that lies, loops, stalls or talks nonsense is cut off with a code, and nothing of it is stored that
was not asked for and verified.
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord import sync
from accord.encoding import b64encode
from accord.sync import limits
from tests.accord.support import hostile, quick
from tests.accord.sync_world import MINUTE_MS, NOW, TOPIC, Hub, HubHoldings, Link, topic_name, write

HOUR_MS = 3_600_000
AT = NOW // MINUTE_MS * MINUTE_MS
ROOT = b64encode(bytes(range(32)))


def hub_of(numbers: range, name: str = "a") -> Hub:
    hub = Hub(name)
    hub.topics.add(TOPIC)
    for number in numbers:
        hub.hold(write(number, NOW - number * HOUR_MS))
    return hub


def row(root: str = ROOT, **rest: Any) -> dict[str, Any]:
    return {"topic": TOPIC, "root": root, "horizon": 0, **rest}


class Victim:
    """One side of a session, against frames written by hand."""

    def __init__(self, hub: Hub, role: str) -> None:
        self.hub = hub
        self.machine = {"asker": sync.Asker, "answerer": sync.Answerer}[role](
            lambda at: HubHoldings(hub, "liar", at, lambda topic: True)
        )
        self.stores: list[sync.Store] = []
        self.sent: list[dict[str, Any]] = []
        self.over: str | None = None

    def do(self, events: list[sync.Event]) -> None:
        for event in events:
            if isinstance(event, sync.Send):
                self.sent.append(orjson.loads(event.data))
            elif isinstance(event, sync.Store):
                self.stores.append(event)
            elif isinstance(event, sync.Over):
                self.over = event.code

    def begin(self) -> Victim:
        """A session up to the first `nodes` of the asker."""
        if isinstance(self.machine, sync.Asker):
            self.do(self.machine.start(1, AT, NOW))
            self.hear("current", at=AT, topics=[row()])
        else:
            self.hear("current", at=AT, topics=[row()])
        return self

    def hear(self, type_: str, ref: int = 1, **rest: Any) -> None:
        self.do(self.machine.receive({"type": type_, "ref": ref, **rest}, NOW))

    def store(self) -> list[str | None]:
        """Do what the last Store asks for; the codes."""
        event = self.stores.pop()
        codes = [self.hub.take(message, "liar", NOW) for message in event.messages]
        self.do(self.machine.stored(event, codes, NOW))
        return codes

    @property
    def last(self) -> dict[str, Any]:
        return self.sent[-1]


def envelope(number: int, created_at: int, topic: str = TOPIC) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(write(number, created_at, topic).data)
    return value


NOTHING = [{"level": 8, "bucket": 0, "ids": ""}]


def test_the_asker_begins_with_the_entry_of_its_root():
    victim = Victim(hub_of(range(200)), "asker").begin()
    assert victim.last["type"] == "nodes"
    assert len(victim.last["entries"]) == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "nodes", "topic": TOPIC, "entries": NOTHING}, "bad_request"),  # of a node that was not asked for
        ({"type": "nodes", "topic": TOPIC, "want": "AQ"}, "bad_request"),  # no ids were listed
        ({"type": "nodes", "topic": topic_name(9)}, "bad_request"),
        ({"type": "update", "topic": TOPIC, "seq": 1, "messages": [], "more": False}, "bad_request"),
        ({"type": "update", "topic": topic_name(9), "seq": 0, "messages": [], "more": False}, "bad_request"),
        ({"type": "took", "topic": TOPIC, "seq": 0}, "bad_request"),
        ({"type": "since", "topic": TOPIC, "from": ROOT, "more": False}, "bad_request"),
        ({"type": "latest", "topics": [TOPIC]}, "bad_request"),
        ({"type": "latest", "topics": [topic_name(9)]}, "bad_request"),
        ({"type": "differ", "buckets": []}, "bad_request"),
        ({"type": "current", "at": AT, "topics": []}, "bad_request"),
        ({"type": "error", "code": "busy", "detail": "later"}, "busy"),
        ({"type": "error"}, "internal"),
    ],
)
def test_what_does_not_belong_there_ends_the_session(frame, code):
    victim = Victim(hub_of(range(200)), "asker").begin()
    victim.do(victim.machine.receive({"ref": 1, **frame}, NOW))
    assert victim.over == code
    assert not victim.machine.open
    victim.hear("done", topic=TOPIC, root=ROOT, horizon=0)
    assert victim.over == code


@pytest.mark.parametrize("at", [AT + 1, AT + 6 * MINUTE_MS, AT - 6 * MINUTE_MS, "now", None])
def test_a_session_as_of_another_time_is_not_opened(at):
    victim = Victim(hub_of(range(5)), "answerer")
    victim.hear("current", at=at, topics=[])
    assert victim.over == "bad_request"


def test_frames_of_another_session_are_not_heard():
    victim = Victim(hub_of(range(200)), "asker").begin()
    before = len(victim.sent)
    for ref in (0, 2, -1, "1", True, None, 1.0):
        victim.do(victim.machine.receive({"type": "nodes", "ref": ref, "topic": TOPIC, "want": "?"}, NOW))
    victim.do(victim.machine.receive({"type": "publish", "ref": 1}, NOW))
    assert (victim.over, len(victim.sent)) == (None, before)


def test_a_message_that_was_not_asked_for_is_not_stored():
    hub = hub_of(range(200))
    known = write(5, NOW - 5 * HOUR_MS)
    for value in (
        orjson.loads(known.data),  # held here
        envelope(900, NOW - 5 * HOUR_MS),  # in a part of the tree of which the peer has seen a hash only
        envelope(900, NOW, topic_name(1)),
    ):
        victim = Victim(hub, "asker").begin()
        victim.hear("update", topic=TOPIC, seq=0, messages=[value], more=False)
        assert (victim.over, victim.stores) == ("bad_request", [])


def test_a_message_that_is_seen_to_be_lacking_may_come_and_is_verified():
    hub = hub_of(range(200))
    victim = Victim(hub, "asker").begin()
    forged = envelope(901, NOW + HOUR_MS * 24 * 300)
    forged["sig"] = b64encode(bytes(64))
    beside = write(900, NOW - HOUR_MS * 24 * 300)
    victim.hear("update", topic=TOPIC, seq=0, messages=[orjson.loads(beside.data), forged], more=False)
    assert victim.store() == [None, "bad_sig"]
    assert beside.id in hub.ids(TOPIC)
    assert [entry["code"] for entry in victim.last["refused"]] == ["bad_sig"]


def test_envelopes_without_an_id_end_the_session_others_are_refused():
    victim = Victim(hub_of(range(0)), "answerer")
    victim.hear("current", at=AT, topics=[row()])
    victim.hear("nodes", topic=TOPIC, entries=[{"level": 8, "bucket": 0, "mask": 1, "hashes": "A" * 22}])
    of_tomorrow = envelope(1, NOW)
    of_tomorrow["header"]["v"] = 2
    victim.hear("update", topic=TOPIC, seq=0, messages=[of_tomorrow], more=True)
    assert victim.last["refused"][0]["code"] == "unsupported"
    victim.hear("update", topic=TOPIC, seq=1, messages=[{"header": {"x": 1.5}}], more=False)
    assert victim.over == "bad_encoding"


def test_a_peer_that_differs_everywhere_uses_up_its_budget():
    """Every hash differs from ours, whatever we say; nothing ever comes of it."""
    hub = hub_of(range(4000))
    victim = Victim(hub, "answerer")
    victim.hear("current", at=AT, topics=[row()])
    entries = [{"level": 8, "bucket": 0, "mask": 2, "hashes": "A" * 22}]
    heard = 0
    while victim.over is None and heard < 200_000:
        victim.hear("nodes", topic=TOPIC, entries=entries)
        said = victim.last.get("entries", [])
        entries = [
            {"level": e["level"] - 1, "bucket": e["bucket"] * 16 + i, "mask": 65535, "hashes": b64encode(bytes(256))}
            for e in said
            for i in range(16)
            if e.get("mask", 0) >> i & 1 and e["level"] > -4
        ] or [{"level": 8, "bucket": 0, "mask": 2, "hashes": "A" * 22}]
        heard += sum(map(len, map(orjson.dumps, entries)))
    assert victim.over in ("rate", "bad_request")
    assert victim.machine.counts.node_bytes_in <= limits.FREE_NODE_BYTES + limits.MAX_NODES_BYTES
    assert victim.machine.counts.node_bytes_out <= limits.FREE_NODE_BYTES


def test_passes_without_end_use_up_the_budget():
    victim = Victim(hub_of(range(200)), "answerer")
    victim.hear("current", at=AT, topics=[row()])
    own = Victim(hub_of(range(200)), "asker").begin().last["entries"]
    for _ in range(2_000):
        victim.hear("nodes", topic=TOPIC, entries=own)
        victim.hear("done", topic=TOPIC, root=ROOT, horizon=0)
    assert victim.over == "rate"


def test_too_many_updates_at_once():
    victim = Victim(hub_of(range(0)), "asker").begin()
    for seq in range(5):
        messages = [envelope(seq, NOW)]
        victim.hear("update", topic=TOPIC, seq=seq, messages=messages, more=True)
    assert victim.over == "rate"
    assert len(victim.stores) == 4


def test_what_has_to_be_refused_without_end():
    hub = hub_of(range(0))
    hub.rejects = lambda message: "denied"
    victim = Victim(hub, "asker").begin()
    for seq in range(12):
        messages = [envelope(100 * seq + number, NOW) for number in range(100)]
        victim.hear("update", topic=TOPIC, seq=seq, messages=messages, more=True)
        if victim.stores:
            victim.store()
    assert victim.over == "rate"


def test_silence():
    victim = Victim(hub_of(range(200)), "asker").begin()
    assert victim.machine.idle(NOW + 29_999) == []
    events = victim.machine.idle(NOW + 30_000)
    assert [type(event) for event in events] == [sync.Send, sync.Over]
    assert victim.machine.idle(NOW + 60_000) == []


def test_an_answerer_at_rest_may_be_silent():
    link = Link(hub_of(range(50)), hub_of(range(40), "b"))
    link.run(NOW)
    assert link.answerer.idle(NOW + HOUR_MS) == link.asker.idle(NOW + HOUR_MS) == []


def test_one_s_own_slowness_is_not_the_peer_s_silence():
    victim = Victim(hub_of(range(0)), "asker").begin()
    victim.hear("update", topic=TOPIC, seq=0, messages=[envelope(1, NOW)], more=False)
    assert victim.machine.idle(NOW + HOUR_MS) == []


def test_what_was_wanted_and_does_not_come_is_not_asked_for_again():
    hub = hub_of(range(40))
    listed = b64encode(write(900, NOW).id[:16])
    for asked in (True, False):
        victim = Victim(hub, "asker").begin()
        entry = victim.last["entries"][0]
        place = (entry["level"] - 1, entry["bucket"] * 16 + (entry["mask"].bit_length() - 1))
        victim.hear("nodes", topic=TOPIC, entries=[{"level": place[0], "bucket": place[1], "ids": listed}])
        assert ("want" in victim.last) is asked
        assert victim.machine.wanted == int(asked)
        victim.hear("done", topic=TOPIC, root=ROOT, horizon=0)
        assert victim.machine.wanted == 0


def test_took_of_what_was_not_sent():
    victim = Victim(hub_of(range(3)), "answerer")
    victim.hear("current", at=AT, topics=[row()])
    victim.hear("nodes", topic=TOPIC, entries=NOTHING)
    assert [frame["type"] for frame in victim.sent[-3:]] == ["update", "nodes", "done"]
    victim.hear("took", topic=TOPIC, seq=0, refused=[{"id": ROOT, "code": "denied"}])
    assert victim.over == "bad_request"


# ----------------------------------------------------------------------------------------------------------- nonsense

types = st.sampled_from(sorted(sync.FRAMES))
fields = st.sampled_from(
    [
        "at",
        "topics",
        "more",
        "digests",
        "topic",
        "from",
        "entries",
        "want",
        "seq",
        "messages",
        "refused",
        "root",
        "horizon",
    ]
)
likely = st.sampled_from([TOPIC, ROOT, [row()], [TOPIC], AT, 0, 1, "", "AQ", True, NOTHING, [], b64encode(bytes(4096))])


@quick
@given(
    st.sampled_from(["asker", "answerer"]),
    st.lists(st.tuples(types, st.dictionaries(fields, likely | hostile, max_size=6)), max_size=6),
)
def test_nonsense_never_raises_and_stores_nothing(role, frames):
    hub = hub_of(range(3))
    victim = Victim(hub, role).begin()
    for number, (type_, rest) in enumerate(frames):
        victim.do(victim.machine.receive({"type": type_, "ref": 1 + number // 3, **rest}, NOW))
        assert victim.stores == []
    assert len(hub.ids(TOPIC)) == 3


def garbled(data: bytes, random: Random) -> bytes:
    """A frame with one thing in it changed."""
    frame = orjson.loads(data)
    place: Any = frame
    while True:
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[key], dict | list) and place[key] and random.random() < 0.8:
            place = place[key]
            continue
        break
    value = place[key]
    if isinstance(place, list) and random.random() < 0.5:
        place.append(copy.deepcopy(value)) if random.random() < 0.5 else place.pop(key)
    elif isinstance(value, bool):
        place[key] = not value
    elif isinstance(value, int):
        place[key] = random.choice([value + 1, value - 1, value * 16, 0, -1, 2**53])
    elif isinstance(value, str) and value:
        at = random.randrange(len(value))
        place[key] = value[:at] + random.choice("Aw0_") + value[at + 1 :]
    elif isinstance(place, dict):
        del place[key]
    return orjson.dumps(frame)


@quick
@given(st.integers(0, 2**32), st.integers(0, 120), st.integers(0, 120), st.sampled_from(["asker", "answerer"]))
def test_a_garbling_peer_gets_nothing_stored_that_is_not_verified(seed, ours, theirs, liar):
    random = Random(seed)
    a, b = hub_of(range(ours)), hub_of(range(60, 60 + theirs), "b")
    genuine = a.ids(TOPIC) | b.ids(TOPIC)
    link = Link(a, b)
    other = "answerer" if liar == "asker" else "asker"
    honest = link.hubs[other]
    before = honest.ids(TOPIC)
    link.start(NOW)
    for _ in range(400):
        if link.wire[other] and random.random() < 0.3:
            link.wire[other][0] = garbled(link.wire[other][0], random)
        if not link.step(random, NOW):
            break
    assert before <= honest.ids(TOPIC) <= genuine
    again = Link(a, b)
    again.hubs["asker"].vain.clear()
    again.hubs["answerer"].vain.clear()
    for hub in (a, b):
        for refused in hub.refused.values():
            refused.clear()
    again.run(NOW)
    assert a.ids(TOPIC) == b.ids(TOPIC) == genuine
