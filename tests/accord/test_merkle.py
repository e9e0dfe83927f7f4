from __future__ import annotations

import hashlib
import os
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord import merkle
from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.merkle import HORIZON_MS, LEAF_MS, LEVELS, ROOT_LEVEL, Tree
from tests.accord.support import NOW, hostile, quick

HOUR_MS = 3_600_000

times = st.one_of(
    st.integers(NOW, NOW + 3 * LEAF_MS),
    st.integers(NOW, NOW + 48 * HOUR_MS),
    st.integers(0, 2**44 - 1),
    st.sampled_from([0, LEAF_MS - 1, LEAF_MS, HORIZON_MS, 2**44 - 1]),
)
idents = st.integers(0, 60).map(lambda number: hashlib.sha256(bytes([number])).digest())
sets = st.dictionaries(idents, times, max_size=40)


def plain_root(items: dict[bytes, int]) -> bytes:
    """Section 5, word for word and as slowly as that goes."""
    level: dict[int, bytes] = {}
    leaves = defaultdict(list)
    for ident, created_at in items.items():
        leaves[created_at // 4096].append(ident)
    for bucket, ids in leaves.items():
        level[bucket] = hashlib.sha256(b"accord-v1:merkle-leaf\0" + b"".join(sorted(ids))).digest()
    for _ in range(8):
        groups = defaultdict(list)
        for bucket in sorted(level):
            groups[bucket // 16].append(bytes([bucket % 16]) + level[bucket])
        level = {
            bucket: hashlib.sha256(b"accord-v1:merkle-node\0" + b"".join(parts)).digest()
            for bucket, parts in groups.items()
        }
    return level.get(0, bytes(32))


def test_levels():
    assert [merkle.span_ms(level) for level in range(LEVELS)] == [4096 * 16**level for level in range(LEVELS)]
    assert merkle.span_ms(merkle.HORIZON_LEVEL) == HORIZON_MS
    assert merkle.bucket_of(2**44 - 1, ROOT_LEVEL) == 0
    assert merkle.bucket_of(NOW, 0) == NOW // 4096
    assert merkle.horizon_of(HORIZON_MS - 1) == 0
    assert merkle.horizon_of(5 * HORIZON_MS + 7) == 5 * HORIZON_MS


@quick
@given(sets, st.randoms(use_true_random=False))
def test_the_root_follows_from_the_set_alone(items, random):
    order = list(items.items())
    random.shuffle(order)
    tree = Tree(order[: len(order) // 2])
    for ident, created_at in order[len(order) // 2 :]:
        tree.add(ident, created_at)
        tree.add(ident, created_at)
    assert tree.view().root == plain_root(items) == Tree(items.items()).view().root
    assert tree.view().count == len(items)


@quick
@given(sets)
def test_the_root_in_one_pass_is_the_same(items):
    rising = sorted((time // LEAF_MS, ident, time) for ident, time in items.items())
    root, count = merkle.root_of((time, ident) for _, ident, time in rising)
    assert (root, count) == (plain_root(items), len(items))


@given(sets, sets)
def test_what_is_removed_leaves_no_trace_and_views_stay_as_they_were(kept, gone):
    gone = {ident: created_at for ident, created_at in gone.items() if ident not in kept}
    tree = Tree({**kept, **gone}.items())
    before = tree.view()
    for ident, created_at in gone.items():
        tree.remove(ident, created_at)
        tree.remove(ident, created_at)
    assert tree.view().root == plain_root(kept)
    assert before.root == plain_root({**kept, **gone})


@quick
@given(sets, times, st.sets(idents))
def test_a_view_leaves_out_what_lies_below_its_horizon_and_what_is_excluded(items, time, excluded):
    horizon = merkle.horizon_of(time)
    view = Tree(items.items()).view(
        horizon=horizon, exclude=[(ident, items[ident]) for ident in excluded if ident in items]
    )
    seen = {ident: at for ident, at in items.items() if at >= horizon and ident not in excluded}
    assert (view.root, view.count, view.horizon) == (plain_root(seen), len(seen), horizon)
    assert view.ids(ROOT_LEVEL, 0) == sorted(seen, key=lambda ident: (seen[ident] // 4096, ident))


@quick
@given(sets)
def test_children_and_ids_of_every_node_fit_its_hash(items):
    view = Tree(items.items()).view()

    def walk(level: int, bucket: int) -> tuple[bytes, int]:
        ids = view.ids(level, bucket)
        if level == 0:
            assert ids == sorted(ident for ident, at in items.items() if at // 4096 == bucket)
            return merkle.leaf_hash(ids), len(ids)
        children = view.children(level, bucket)
        assert [child.index for child in children] == sorted({child.index for child in children})
        for child in children:
            assert walk(level - 1, bucket * 16 + child.index) == (child.hash, child.count)
        assert sum(child.count for child in children) == len(ids)
        return merkle.node_hash([(child.index, child.hash) for child in children]), len(ids)

    if items:
        assert walk(ROOT_LEVEL, 0) == (view.root, view.count)
    else:
        assert (view.children(ROOT_LEVEL, 0), view.root) == ([], merkle.EMPTY)


def test_nothing_is_held_outside_of_what_is_held():
    view = Tree([(bytes(32), NOW)]).view()
    for level in range(LEVELS):
        beside = merkle.bucket_of(NOW, level) + 1
        assert view.ids(level, beside) == []
        assert level == 0 or view.children(level, beside) == []


@quick
@given(sets.filter(bool), st.data())
def test_a_proof_holds_for_its_message_and_for_no_other(items, data):
    ident, created_at = data.draw(st.sampled_from(sorted(items.items())))
    view = Tree(items.items()).view()
    steps = merkle.proof(view, ident, created_at)
    merkle.verify_proof(view.root, ident, created_at, steps)
    for wrong in ((os.urandom(32), ident, created_at), (view.root, os.urandom(32), created_at)):
        with pytest.raises(RemoteError):
            merkle.verify_proof(*wrong, steps)
    with pytest.raises(RemoteError):
        merkle.verify_proof(view.root, ident, created_at ^ LEAF_MS, steps)
    changed = data.draw(st.integers(0, LEVELS - 1))
    with pytest.raises(RemoteError):
        merkle.verify_proof(view.root, ident, created_at, [*steps[:changed], {"ids": "A" * 43}, *steps[changed + 1 :]])


def test_no_proof_of_what_is_not_in_the_tree():
    with pytest.raises(ValueError, match="not in the tree"):
        merkle.proof(Tree([(bytes(32), NOW)]).view(), b"x" * 32, NOW)


@quick
@given(hostile)
def test_a_hostile_proof_is_refused(value):
    for steps in (
        value,
        [value] * LEVELS,
        [{"ids": ""}, *[value] * 8],
        [{"ids": ""}, *[{"mask": value, "hashes": ""}] * 8],
    ):
        with pytest.raises(RemoteError):
            merkle.verify_proof(merkle.EMPTY, bytes(32), NOW, steps)


def test_digests_of_topics():
    assert merkle.topics_digest([]) == bytes(16)
    rows = [("feed:" + b64encode(bytes([number] * 32)), bytes([number] * 32), 0) for number in range(3)]
    digests = {merkle.topics_digest(rows[:count]) for count in range(4)}
    assert {len(digest) for digest in digests} == {16}
    assert len(digests) == 4
    assert merkle.digest_bucket("a") == hashlib.sha256(b"a").digest()[0]
