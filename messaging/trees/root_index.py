"""Roots of topics: of many at once, the index of those that were, what the hub signs (protocol.md sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from accord.encoding import b64encode
from accord.merkle import EMPTY, ROOT_LEVEL
from accord.statements import make_statement
from accord.topics import Topic as TopicName
from messaging.locks import one_moment
from messaging.models import Branch, Dirty, RootMark, Topic
from messaging.trees import nodes
from messaging.trees.members import as_of
from messaging.trees.upkeep import burning_between, marks_keep, refresh, state
from messaging.trees.views import TreeView, view
from peers.keyring import keyring

MAX_ROOTS_A_TOPIC: Final = 1_000


class Root(NamedTuple):
    """A topic's root: hash, number of messages, from when on and as of when (ms), up to which arrival number."""

    root: bytes
    count: int  # type: ignore[assignment]  # hides the tuple's method: nobody looks anything up here
    horizon: int
    as_of: int
    cursor: int


def root_of_view(seen: TreeView) -> Root:
    """The root that a view has."""
    return Root(seen.root, seen.count, seen.horizon, seen.at, seen.cut)


def roots(
    asked: Mapping[TopicName, int],
    *,
    now: int,
    at: int | None = None,
    cut: int | None = None,
    exclude: Mapping[TopicName, Collection[bytes]] | None = None,
) -> dict[TopicName, Root]:
    """The roots of many topics, given with the horizon that is asked for at least; the rest is as for `view`.

    Topics that are not known here are left out.
    """
    refresh(now=now)
    at = as_of(now) if at is None else at
    left_out = exclude or {}
    found: dict[TopicName, Root] = {}
    others: list[TopicName] = []
    with one_moment():
        branches = state()
        cut = branches.tree_cursor if cut is None else cut
        untrue = set(Dirty.objects.values_list("topic_id", flat=True))
        untrue |= {topic_id for topic_id, _ in burning_between(branches.at, at, branches.tree_cursor)}
        tops = dict(Branch.objects.filter(level=ROOT_LEVEL, bucket=0).values_list("topic_id", "children"))
        rows = Topic.objects.values_list("pk", "kind", "ident", "horizon", "cursor")
        for topic_id, kind, ident, horizon, newest in rows.iterator():
            topic = TopicName(kind, bytes(ident))
            if topic not in asked:
                continue
            is_true = topic_id not in untrue and newest <= cut <= branches.tree_cursor
            if is_true and horizon >= asked[topic] and not left_out.get(topic):
                found[topic] = Root(*nodes.root_of(tops.get(topic_id, b"")), horizon, at, cut)
            else:
                others.append(topic)
    for topic in others:
        seen = view(topic, now=now, at=at, horizon=asked[topic], cut=cut, exclude=left_out.get(topic, ()))
        found[topic] = root_of_view(seen)
    return found


def root(topic: TopicName, *, now: int, horizon: int = 0) -> Root:
    """The root of one topic now, from the later of `horizon` (ms) and its own on; AccordError("not_found")."""
    return root_of_view(view(topic, now=now, horizon=horizon))


def root_statement(topic: TopicName, *, now: int, horizon: int = 0) -> dict[str, Any]:
    """The same, signed by the hub (section 3)."""
    return statement_of(topic, root(topic, now=now, horizon=horizon), now=now)


def statement_of(topic: TopicName, found: Root, *, now: int) -> dict[str, Any]:
    """A root, signed by the hub."""
    fields = {**found._asdict(), "root": b64encode(found.root)}
    return make_statement(keyring().hub, type="root", at=now, topic=topic.name, **fields)


# The index


def root_note(topic: TopicName, noted: Root) -> None:
    """Enter a root into the index."""
    row = Topic.objects.get(kind=topic.kind, ident=topic.ident)
    marks_keep([RootMark(topic=row, root=noted.root, horizon=noted.horizon, as_of=noted.as_of, cursor=noted.cursor)])


def root_find(topic: TopicName, wanted: bytes, horizon: int) -> int | None:
    """The arrival number of the newest message that a topic had when this was its root; 0 for the empty tree's, None
    where the index does not have it.
    """
    if wanted == EMPTY:
        return 0
    marks = RootMark.objects.filter(topic__kind=topic.kind, topic__ident=topic.ident, root=wanted, horizon=horizon)
    return marks.values_list("cursor", flat=True).first()


def roots_forget(*, keep: int = MAX_ROOTS_A_TOPIC) -> None:
    """Keep only the newest roots of each topic."""
    place = Window(RowNumber(), partition_by=F("topic"), order_by=F("cursor").desc())
    old = RootMark.objects.annotate(place=place).filter(place__gt=keep).values_list("pk", flat=True)
    RootMark.objects.filter(pk__in=list(old)).delete()
