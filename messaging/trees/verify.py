"""Branches against the definition of trees: is every row what the messages give (protocol.md section 5)?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from messaging.locks import one_moment
from messaging.models import Branch, Dirty, Topic
from messaging.trees import nodes
from messaging.trees.members import Members, burned_rows
from messaging.trees.upkeep import state


def branches_true(topic_id: int, counted: Callable[[int], None]) -> bool | None:
    """Whether all branches of a topic are what its messages give, as the database has both at one moment; None where
    they are marked as untrue. `counted` hears how many messages have been gone through.
    """
    with one_moment():
        found = state()
        if not found.tree_cursor or Dirty.objects.filter(topic=topic_id).exists():
            return None
        horizon = Topic.objects.values_list("horizon", flat=True).get(pk=topic_id)
        burned = burned_rows(found.at, found.tree_cursor).get(topic_id, ())
        members = Members(topic_id, horizon, found.at, found.tree_cursor, burned)
        right = wrong = 0

        def compare(level: int, bucket: int, packed: bytes) -> None:
            nonlocal right, wrong
            if nodes.load(topic_id, level, [bucket]).get(bucket) == packed:
                right += 1
            else:
                wrong += 1

        nodes.grow(_counting(members.all_leaves(), counted), compare)
        return not wrong and Branch.objects.filter(topic=topic_id).count() == right


def _counting(
    leaves: Iterator[tuple[int, list[bytes]]], counted: Callable[[int], None]
) -> Iterator[tuple[int, list[bytes]]]:
    for bucket, ids in leaves:
        counted(len(ids))
        yield bucket, ids
