"""Receipts of pruning: what makes one good, and what a copy of the topic says about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.merkle import EMPTY, HORIZON_MS, Tree
from accord.pruned import BURNING_MS, Held, Receipt, check_copy, check_receipts, make_receipt, read_receipt
from accord.statements import make_statement

HUB = SigningKey(bytes(range(32)))
TOPIC = f"chan:{b64encode(bytes(32))}"
AT = 100 * HORIZON_MS
AS_OF = AT // 60_000 * 60_000
FIRST = Receipt(TOPIC, AT, 0, 3 * HORIZON_MS, 2, bytes([1]) * 32, EMPTY, AS_OF, 9)
SECOND = replace(FIRST, start=3 * HORIZON_MS, horizon=5 * HORIZON_MS)


def signed(*receipts: Receipt) -> list[object]:
    return [make_receipt(HUB, receipt) for receipt in receipts]


def test_receipts_that_join_each_other_lead_to_the_horizon() -> None:
    found = check_receipts(signed(FIRST, SECOND), hub=HUB.public, topic=TOPIC, horizon=SECOND.horizon)
    assert found == [FIRST, SECOND]
    assert check_receipts([], hub=HUB.public, topic=TOPIC, horizon=0) == []


@pytest.mark.parametrize(
    ("receipts", "horizon"),
    [
        ([], HORIZON_MS),
        ([FIRST], SECOND.horizon),
        ([SECOND], SECOND.horizon),
        ([SECOND, FIRST], SECOND.horizon),
        ([FIRST, SECOND], FIRST.horizon),
        ([FIRST, replace(SECOND, topic=f"chan:{b64encode(bytes([1]) * 32)}")], SECOND.horizon),
    ],
)
def test_a_gap_is_seen(receipts: list[Receipt], horizon: int) -> None:
    with pytest.raises(RemoteError):
        check_receipts(signed(*receipts), hub=HUB.public, topic=TOPIC, horizon=horizon)


@pytest.mark.parametrize(
    "change",
    [
        {"start": 1},
        {"horizon": HORIZON_MS + 1},
        {"start": FIRST.horizon},
        {"horizon": AT + HORIZON_MS},
        {"as_of": AS_OF + 1},
        {"count": -1},
        {"topic": "nowhere"},
    ],
)
def test_what_no_hub_says_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RemoteError):
        read_receipt(make_receipt(HUB, replace(FIRST, **change)), hub=HUB.public)


def test_only_the_hub_itself_gives_receipts() -> None:
    value = make_receipt(SigningKey(bytes(32)), FIRST)
    with pytest.raises(RemoteError):
        read_receipt(value, hub=HUB.public)
    with pytest.raises(RemoteError):
        read_receipt({**make_receipt(HUB, FIRST), "count": 3}, hub=HUB.public)
    with pytest.raises(RemoteError):
        read_receipt(make_statement(HUB, type="root", at=AT), hub=HUB.public)
    with pytest.raises(RemoteError):
        read_receipt({**make_receipt(HUB, FIRST), "more": 1}, hub=HUB.public)


times = st.integers(0, 6 * HORIZON_MS)


@given(st.lists(st.tuples(times, st.booleans()), unique_by=lambda drawn: drawn[0], max_size=30), st.integers(0, 30))
def test_a_copy_agrees_with_what_the_hub_had(drawn: list[tuple[int, bool]], cut: int) -> None:
    copy = [
        Held(bytes([place]) * 32, place + 1, at, AS_OF + BURNING_MS if burns else None)
        for place, (at, burns) in enumerate(drawn)
    ]
    tree = Tree((held.id, held.created_at) for held in copy if held.cursor <= cut and held.burn_at is None)
    before, after = tree.view(), tree.view(horizon=FIRST.horizon)
    receipt = replace(
        FIRST, cursor=cut, count=before.count - after.count, root_before=before.root, root_after=after.root
    )
    check_copy(receipt, copy)
    with pytest.raises(RemoteError):
        check_copy(replace(receipt, count=receipt.count + 1), copy)
    if before.count:
        lost = next(held for held in copy if held.cursor <= cut and held.burn_at is None)
        with pytest.raises(RemoteError):
            check_copy(receipt, [held for held in copy if held is not lost])
