"""Branches of the invite tree, as they are read: who is below whom, in which order, what they have in all."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invites.branches import Node, branch_of, path_to
from peers.models import Account
from tests.factories import Hub, account_of, person, take

pytestmark = pytest.mark.django_db

PEOPLE: Final = 60

Tree = dict[str, list[str]]  # the names of those directly under each


def _shape(seed: int) -> Tree:
    """Of any shape: chains, stars, and what is between."""
    chance = Random(seed)
    under: Tree = {"admin": []}
    for number in range(PEOPLE):
        latest = chance.choice([1, 4, PEOPLE])
        under[chance.choice(list(under)[-latest:])].append(f"p{number:02}")
        under[f"p{number:02}"] = []
    return under


def _below(under: Tree, name: str) -> list[str]:
    """By generation, in each by name under their parents in their order."""
    generation, found = [name], []
    while generation := [child for parent in generation for child in sorted(under[parent])]:
        found += generation
    return found


def _spare(name: str) -> int:
    return len(name) + int(name[1:]) % 3


def _cost(under: Tree, name: str) -> int:
    return sum(1 + _spare(child) for child in _below(under, name))


def _grow(hub: Hub, under: Tree) -> None:
    keys = {name: hub.admin if name == "admin" else person(name) for name in under}
    messages = [
        hub.add_user(keys[parent], keys[name].public, name, invites=_spare(name) + _cost(under, name))
        for parent in ("admin", *_below(under, "admin"))
        for name in under[parent]
    ]
    assert take(*messages) == ["stored"] * PEOPLE
    for number, name in enumerate(under):
        Account.objects.filter(name=name).update(messages_used=number, bytes_used=100 * number)


def _names(nodes: list[Node]) -> list[str]:
    return [node.name for node in nodes]


@pytest.mark.parametrize("seed", range(4))
def test_every_branch_of_any_tree(hub: Hub, seed: int) -> None:
    under = _shape(seed)
    _grow(hub, under)
    accounts = {account.name: account for account in Account.objects.all()}
    for name, account in accounts.items():
        below = _below(under, name)
        nodes = {node.name: node for node in branch_of(account.pk)}
        assert list(nodes) == [name, *below]
        top = nodes[name]
        assert top.parent is None
        assert (top.below, top.children) == (len(below), len(under[name]))
        assert top.below_invites == sum(_spare(child) for child in below)
        assert top.below_messages == sum(accounts[child].messages_used for child in below)
        assert top.below_bytes == sum(accounts[child].bytes_used for child in below)
        for parent, children in under.items():
            for child in children:
                if child in nodes and child != name:
                    assert nodes[child].parent == nodes[parent].key


def test_the_upper_part_counts_the_whole(hub: Hub) -> None:
    under = _shape(7)
    _grow(hub, under)
    admin = account_of(hub.admin).pk
    whole = branch_of(admin)
    for depth in range(5):
        upper = branch_of(admin, depth=depth)
        assert upper == whole[: len(upper)]
        assert not {child for node in upper for child in under[node.name]} <= set(_names(upper)) or upper == whole
    assert branch_of(admin, limit=9) == whole[:9]
    assert _names(branch_of(admin, depth=0)) == ["admin"]


def test_however_deep_it_is_one_query(hub: Hub) -> None:
    parent = hub.admin
    for number in range(40):
        parent = hub.member(f"deep-{number}", by=parent, invites=39 - number)
    with CaptureQueriesContext(connection) as queries:
        nodes = branch_of(account_of(hub.admin).pk)
    assert len(nodes) == 41
    assert sum("branch" in query["sql"] for query in queries.captured_queries) == 1


def test_waiting_invites_stand_last(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    hub.temporary("aaa", by=ann, invites=2)
    hub.member("zoe", by=ann)
    top, *children = branch_of(account_of(ann).pk)
    assert [(node.name, node.state) for node in children] == [("zoe", "active"), ("aaa", "waiting")]
    assert (top.state, top.invites_left) == ("active", 5)
    assert (top.below, top.below_waiting, top.below_invites) == (2, 1, 2)


def test_a_frozen_branch(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    hub.member("bob", by=ann)
    hub.temporary("eve", by=ann)
    Account.objects.filter(name__in=("bob", "eve")).update(frozen_at=1, frozen_until=2)
    nodes = branch_of(account_of(ann).pk)
    assert [(node.name, node.state) for node in nodes] == [("ann", "active"), ("bob", "frozen"), ("eve", "frozen")]
    assert nodes[0].below_waiting == 1


def test_the_way_up(hub: Hub) -> None:
    ann = hub.member("ann", invites=9)
    bob = hub.member("bob", by=ann)
    expected = [account_of(key).pk for key in (bob, ann, hub.admin)]
    assert path_to(bob.public) == expected
    assert path_to(hub.admin.public) == expected[2:]
    assert path_to(person("nobody").public) == []


def test_an_account_that_is_gone(hub: Hub) -> None:
    assert branch_of(account_of(hub.admin).pk + 1_000) == []
