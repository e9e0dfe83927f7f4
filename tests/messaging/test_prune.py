"""Pruning: what goes, what stays, what is said about it (protocol.md section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accord.connections import request_body
from accord.keys import SigningKey
from accord.merkle import HORIZON_MS, horizon_of
from accord.pruned import Held, check_copy, check_receipts
from accord.topics import Topic
from messaging import prune, room
from messaging.models import Mention, Message, Receipt, Reference, RoomSample
from messaging.models import Topic as TopicRow
from messaging.prune_names import told
from messaging.prune_plan import plan, plan_before, shares
from messaging.prune_rules import PRUNED_KINDS
from messaging.services import messages_burn
from tests.factories import (
    NOW,
    Hub,
    check_totals,
    deletion,
    envelope,
    feed,
    ident_of,
    inbox,
    install,
    person,
    row_of,
    store,
    take,
)

BUCKETS = 8
PRESENT = horizon_of(NOW)
OLD = PRESENT - BUCKETS * HORIZON_MS
BIG = "x" * 9_000


def at(bucket: int, offset: int = 0) -> int:
    """A time in one of the buckets before the present one."""
    return OLD + bucket * HORIZON_MS + offset


def empty(*, goal: int = 0) -> prune.Outcome:
    """Prune as far as may be."""
    return prune.store_prune(goal=goal, now=NOW)


def held() -> set[bytes]:
    return {bytes(ident) for ident in Message.objects.values_list("ident", flat=True)}


def horizon(topic: Topic) -> int:
    return TopicRow.objects.get(kind=topic.kind, ident=topic.ident).horizon


def pin(by: SigningKey, to: Topic | str, target: bytes, *, off: bool = False, **fields: int) -> dict[str, object]:
    return envelope(by, to, {"off": True} if off else {}, type="chat.pin", refs=[("pin", target)], **fields)


def edit(by: SigningKey, to: Topic | str, target: bytes, text: str, **fields: int) -> dict[str, object]:
    return envelope(by, to, text, type="chat.edit", refs=[("edit", target)], **fields)


# ------------------------------------------------------------------------------------------------------ what goes first


def test_the_oldest_go_first_in_whole_buckets_of_all_topics(hub: Hub) -> None:
    ann = hub.member("ann")
    old = [envelope(ann, to, BIG, created_at=at(1, 5)) for to in (hub.lounge, "feed", inbox(ann))]
    new = [envelope(ann, to, BIG, created_at=at(4)) for to in (hub.lounge, "feed", inbox(ann))]
    take(*old, *new)
    outcome = empty(goal=room.room().used - len(BIG))
    assert outcome.messages == len(old)
    assert held().isdisjoint(map(ident_of, old))
    assert held() >= set(map(ident_of, new))
    assert {horizon(topic) for topic in (hub.lounge, feed(ann), inbox(ann))} == {at(2)}
    assert horizon(feed(hub.admin)) == 0, "what lost nothing begins where it began"
    check_totals()


def test_the_bucket_of_the_present_stays_however_large(hub: Hub) -> None:
    ann = hub.member("ann")
    value = envelope(ann, hub.lounge, BIG, created_at=PRESENT)
    take(value)
    assert empty().messages == 0
    assert ident_of(value) in held()
    assert horizon(hub.lounge) == 0


def test_what_others_rely_on_stays(hub: Hub) -> None:
    ann = hub.member("ann")
    profiles = [
        envelope(ann, "feed", {"display_name": name}, type="profile", created_at=at(0, number))
        for number, name in enumerate(("Ann", "Anna"))
    ]
    revoked = envelope(ann, "feed", b'{"serial":"AAAAAAAAAAAAAAAAAAAAAA"}', type="cert.revoke", created_at=at(0))
    asking = request_body(bytes(range(32)), bytes(16))
    asked = envelope(ann, inbox(ann), asking, type="connection.request", created_at=at(0))
    said = envelope(ann, "feed", "said", created_at=at(0))
    take(*profiles, revoked, asked, said)
    hub_rows = set(Message.objects.filter(topic__kind="hub").values_list("cursor", flat=True))
    assert empty().messages == 2, "the older profile and what was said"
    assert held() >= {ident_of(profiles[1]), ident_of(revoked), ident_of(asked)}
    assert horizon(inbox(ann)) == 0, "nothing of it went"
    assert set(Message.objects.filter(topic__kind="hub").values_list("cursor", flat=True)) == hub_rows


def test_what_is_pinned_stays_with_its_pin_and_newest_edit(hub: Hub) -> None:
    ann = hub.member("ann")
    said = envelope(ann, hub.lounge, "said", created_at=at(0))
    ident = ident_of(said)
    edits = [edit(ann, hub.lounge, ident, f"edit {number}", created_at=at(1, number)) for number in (1, 2)]
    pins = [pin(hub.admin, hub.lounge, ident, created_at=at(1, number), off=number == 1) for number in range(3)]
    take(said, *edits, *pins)
    empty()
    assert held().issuperset({ident, ident_of(edits[1]), ident_of(pins[2])})
    assert held().isdisjoint({ident_of(edits[0]), ident_of(pins[0]), ident_of(pins[1])})
    check_totals()
    assert take(said) == ["duplicate"]
    assert take(edits[0]) == ["gone"]
    take(pin(hub.admin, hub.lounge, ident, off=True))
    assert empty().messages == 3, "once it is pinned no longer, it goes"
    assert take(said) == ["gone"]


def test_only_a_pin_by_the_right_hand_counts(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    own, other, emptied = (envelope(ann, to, "said", created_at=at(0)) for to in ("feed", hub.lounge, hub.lounge))
    foreign = pin(bob, "feed", ident_of(own), created_at=at(1))  # comes first: nobody knows yet what it is about
    take(foreign, pin(ann, hub.lounge, ident_of(other), created_at=at(1)))
    take(own, other, emptied)
    take(pin(ann, "feed", ident_of(own), created_at=at(0, 1)), pin(bob, "feed", ident_of(own), off=True))
    take(pin(hub.admin, hub.lounge, ident_of(emptied), created_at=at(0, 1)))
    take(deletion(ann, hub.lounge, ident_of(emptied)))
    empty()
    assert ident_of(own) in held()
    assert held().isdisjoint({ident_of(other), ident_of(emptied), ident_of(foreign)})


def test_all_that_belongs_to_a_message_goes_with_it(hub: Hub) -> None:
    ann = hub.member("ann")
    first = envelope(ann, hub.lounge, "first", created_at=at(0))
    second = envelope(ann, hub.lounge, "second", created_at=at(0), mentions=[ann.public], answers=[ident_of(first)])
    take(first, second)
    cursor = row_of(ident_of(second)).cursor
    assert Mention.objects.filter(message=cursor).exists()
    empty()
    assert not Mention.objects.filter(message=cursor).exists()
    assert not Reference.objects.filter(message=cursor).exists()


# ------------------------------------------------------------------------------------------------------------- receipts


def copy_of(topic: Topic) -> list[Held]:
    rows = Message.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident)
    return [Held(bytes(row.ident), row.cursor, row.created_at, row.burn_at) for row in rows]


def receipts_of(topic: Topic) -> list[object]:
    rows = Receipt.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident).order_by("horizon")
    return [orjson.loads(bytes(row.statement)) for row in rows]


def test_receipts_agree_with_a_copy_made_before(hub: Hub) -> None:
    ann = hub.member("ann")
    take(*(envelope(ann, hub.lounge, f"number {number}", created_at=at(number)) for number in range(BUCKETS)))
    take(envelope(ann, hub.lounge, "burns", created_at=at(0), burn_at=NOW + 1))
    copy = copy_of(hub.lounge)
    for upto in (2, 5):
        prune.horizons_advance(planned=plan_before(at(upto), now=NOW), now=NOW)
    receipts = check_receipts(receipts_of(hub.lounge), hub=hub.key, topic=hub.lounge.name, horizon=horizon(hub.lounge))
    assert [receipt.count for receipt in receipts] == [2, 3]
    for receipt in receipts:
        check_copy(receipt, copy)
    assert Receipt.objects.count() == 2


def test_what_is_asked_for_twice_is_done_once(hub: Hub) -> None:
    ann = hub.member("ann")
    take(envelope(ann, hub.lounge, created_at=at(0)))
    planned = plan_before(at(3), now=NOW)
    assert prune.horizons_advance(planned=planned, now=NOW) == 1
    assert prune.horizons_advance(planned=planned, now=NOW) == 0
    assert prune.horizons_advance(planned=plan_before(at(1), now=NOW), now=NOW) == 0
    assert horizon(hub.lounge) == at(3)
    assert Receipt.objects.count() == 1


def test_no_horizon_lies_ahead(hub: Hub) -> None:
    ann = hub.member("ann")
    take(envelope(ann, hub.lounge, created_at=at(0)))
    assert plan_before(NOW + 10 * HORIZON_MS, now=NOW).horizon == PRESENT


# ------------------------------------------------------------------------------------------------------------ any store

PEOPLE = ("ann", "bob")
PLACES = ("lounge", "feed", "inbox")


@dataclass(frozen=True)
class Drawn:
    """A message to be made, and what is done about it."""

    author: str
    place: str
    bucket: int
    size: int
    pinned: bool
    unpinned: bool
    edited: bool


drawn_messages = st.builds(
    Drawn,
    author=st.sampled_from(PEOPLE),
    place=st.sampled_from(PLACES),
    bucket=st.integers(0, BUCKETS),
    size=st.sampled_from([10, 1_000, 30_000]),
    pinned=st.booleans(),
    unpinned=st.booleans(),
    edited=st.booleans(),
)


@contextmanager
def another_hub() -> Iterator[Hub]:
    """Everything within is forgotten."""
    with transaction.atomic():
        yield install()
        transaction.set_rollback(True)


@dataclass
class Community:
    """What has been stored; `pinned` are ids that must stay."""

    hub: Hub
    pinned: set[bytes] = field(default_factory=set)

    def say(self, number: int, drawn: Drawn) -> None:
        author = person(drawn.author)
        to, admin = {
            "lounge": (self.hub.lounge, self.hub.admin),
            "feed": (feed(author), author),
            "inbox": (inbox(author), author),
        }[drawn.place]
        name = "feed" if drawn.place == "feed" else to
        said = envelope(author, name, f"{number} {'x' * drawn.size}", created_at=at(drawn.bucket, number))
        assert take(said) == ["stored"]
        ident = ident_of(said)
        changed = edit(author, name, ident, f"{number} edited", created_at=at(drawn.bucket, number + 1))
        if drawn.edited:
            take(changed)
        if drawn.pinned:
            set_on = pin(admin, name, ident, created_at=at(drawn.bucket, number + 2))
            take(set_on)
            if drawn.unpinned:
                take(pin(admin, name, ident, off=True, created_at=at(drawn.bucket, number + 3)))
            else:
                self.pinned |= {ident, ident_of(set_on), *([ident_of(changed)] if drawn.edited else [])}


def check_order(before: dict[bytes, tuple[str, int, bytes]], community: Community) -> None:
    """What went is older than all that could have gone and did not."""
    gone = [(kind, created_at) for ident, (kind, created_at, _) in before.items() if ident not in held()]
    assert all(kind in PRUNED_KINDS for kind, _ in gone)
    newest = max((created_at for _, created_at in gone), default=-1)
    for ident in held() - community.pinned:
        kind, created_at, _ = before[ident]
        assert kind not in PRUNED_KINDS or created_at // HORIZON_MS > newest // HORIZON_MS or newest == -1


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(drawn_messages, max_size=25), shares_left=st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_any_store_is_kept_within_any_bound(drawn: list[Drawn], shares_left: list[float]) -> None:
    with another_hub() as hub:
        for name in PEOPLE:
            hub.member(name)
        base = room.room().used
        community = Community(hub)
        for number, one in enumerate(drawn):
            community.say(number * 10, one)
        before = {
            bytes(ident): (kind, created_at, bytes(topic))
            for ident, kind, created_at, topic in Message.objects.values_list(
                "ident", "topic__kind", "created_at", "topic__ident"
            )
        }
        copies = {topic: copy_of(topic) for topic in (hub.lounge, *(feed(person(name)) for name in PEOPLE))}
        horizons: dict[int, int] = {}
        for share in sorted(shares_left, reverse=True):
            goal = base + int((room.room().used - base) * share)
            outcome = empty(goal=goal)
            assert outcome.is_done
            assert room.room().used <= goal or not plan(needed=1, now=NOW).topics
            assert held() >= community.pinned
            check_order(before, community)
            check_totals()
            now_at = dict(TopicRow.objects.values_list("pk", "horizon"))
            assert all(found % HORIZON_MS == 0 and found <= PRESENT for found in now_at.values())
            assert all(found >= horizons.get(pk, 0) for pk, found in now_at.items())
            horizons = now_at
        for topic, copy in copies.items():
            for receipt in check_receipts(receipts_of(topic), hub=hub.key, topic=topic.name, horizon=horizon(topic)):
                check_copy(receipt, copy)


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(drawn_messages, max_size=25), needed=st.integers(1, 300_000))
def test_a_plan_takes_no_bucket_more_than_is_needed_and_says_whose_they_are(drawn: list[Drawn], needed: int) -> None:
    with another_hub() as hub:
        for name in PEOPLE:
            hub.member(name)
        community = Community(hub)
        for number, one in enumerate(drawn):
            community.say(number * 10, one)
        planned = plan(needed=needed, now=NOW)
        everything = plan_before(NOW, now=NOW)
        if planned.total.bytes < needed:
            assert planned.topics == everything.topics
        else:
            assert plan_before(planned.horizon - HORIZON_MS, now=NOW).total.bytes < needed
        parts = shares(planned)
        assert parts.topics == planned.topics
        for sums in (parts.people, parts.months):
            assert sum(amount.messages for amount in sums.values()) == planned.total.messages
            assert sum(amount.bytes for amount in sums.values()) == planned.total.bytes
        names = told(planned)
        assert sum(part.amount.messages for part in names.people) == planned.total.messages
        outcome = prune.store_prune(goal=None, now=NOW)
        assert outcome.messages == 0
        prune.horizons_advance(planned=planned, now=NOW)
        assert prune.store_prune(goal=None, now=NOW).messages == planned.total.messages
        check_totals()


# ------------------------------------------------------------------------------------------------------ steps and kills


def test_a_run_that_is_cut_goes_on_where_it_was(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "FIRST_STEP_MESSAGES", 2)
    ann = hub.member("ann")
    take(*(envelope(ann, hub.lounge, f"number {number}", created_at=at(0, number)) for number in range(9)))
    late = envelope(ann, hub.lounge, "late", created_at=at(0, 50))
    prune.horizons_advance(planned=plan_before(at(1), now=NOW), now=NOW)
    assert prune.store_prune(goal=None, now=NOW, seconds=0).messages == 0
    assert take(late) == ["gone"]
    check_totals()
    outcome = prune.store_prune(goal=None, now=NOW)
    assert (outcome.messages, outcome.is_done, outcome.receipts) == (9, True, 0)
    assert Receipt.objects.get().count == 9


def test_only_one_prunes_at_a_time(hub: Hub) -> None:
    with prune._alone(), pytest.raises(prune.PruneBusyError):
        empty()
    empty()


@pytest.mark.django_db(transaction=True)
def test_the_file_shrinks(hub: Hub) -> None:
    ann = hub.member("ann")
    for bucket in range(BUCKETS):
        take(*(envelope(ann, hub.lounge, f"{number} {BIG}", created_at=at(bucket, number)) for number in range(40)))
    before = room.room()
    outcome = empty(goal=before.used // 2)
    after = room.room()
    assert outcome.used_after == after.used <= before.used // 2
    assert after.free == 0
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = Path(connection.settings_dict["NAME"]).stat().st_size
    assert size == after.used
    assert RoomSample.objects.get().freed == before.used - after.used


# ------------------------------------------------------------------------------------------------------------ the bound


def test_pruning_begins_above_the_bound_and_ends_below_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "bound", lambda: 1_000_000)
    assert prune.goal_of(1_000_000) is None
    assert prune.goal_of(1_000_001) == 980_000


def test_the_forecast_counts_what_pruning_freed(hub: Hub) -> None:
    history = [RoomSample(hour=hour, used=used, freed=freed) for hour, used, freed in ((0, 100, 7), (12, 150, 30))]
    found = room.forecast(history, used=150, limit=310)
    assert found == room.Forecast(daily=160.0, hours=12, days=1.0)
    assert room.forecast(history[:1], used=150, limit=310) is None
    shrinking = room.forecast([RoomSample(hour=0, used=9), RoomSample(hour=1, used=5)], used=5, limit=9)
    assert shrinking is not None
    assert shrinking.days is None


def test_what_burns_is_out_of_every_list_at_once(hub: Hub) -> None:
    ann = hub.member("ann")
    store(envelope(ann, hub.lounge, "burns", created_at=at(0), burn_at=NOW + 60_000))
    assert plan_before(at(1), now=NOW).total.messages == 1
    assert messages_burn(now=NOW + 60_000) == 1
    assert plan_before(at(1), now=NOW).topics == {}
    check_totals()
