"""Reads of a branch of the invite tree: an account with all that is below it (protocol.md section 8).

One query, however deep; what is counted counts the whole branch, also where only its upper part is asked for. Not here:
who may see a branch beyond being above it (api.py, the console).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from invites.models import Balance
from peers.models import Account, User

MAX_NODES: Final = 5_000

_ACCOUNT: Final = Account._meta.db_table
_BELOW: Final = (
    "WITH RECURSIVE branch (id) AS ("  # noqa: S608 - names of tables
    f"SELECT id FROM {_ACCOUNT} WHERE id = %s UNION ALL "
    f"SELECT a.id FROM {_ACCOUNT} a JOIN branch ON a.parent_id = branch.id) "
    "SELECT a.id, a.parent_id, u.key, a.name, a.kind, a.created_at, coalesce(b.unspent, 0), "
    "a.frozen_at, a.messages_used, a.messages_limit, a.bytes_used, a.bytes_limit "
    f"FROM branch JOIN {_ACCOUNT} a ON a.id = branch.id JOIN {User._meta.db_table} u ON u.id = a.user_id "
    f"LEFT JOIN {Balance._meta.db_table} b ON b.account_id = a.id"
)
_ABOVE: Final = (
    "WITH RECURSIVE above (id, parent_id, steps) AS ("  # noqa: S608 - names of tables
    f"SELECT a.id, a.parent_id, 0 FROM {_ACCOUNT} a JOIN {User._meta.db_table} u ON u.id = a.user_id WHERE u.key = %s "
    f"UNION ALL SELECT a.id, a.parent_id, above.steps + 1 FROM {_ACCOUNT} a JOIN above ON a.id = above.parent_id) "
    "SELECT id FROM above ORDER BY steps"
)


@dataclass(slots=True)
class Node:
    """An account of a branch. `parent` is None for the account at its top.

    `state` is active, waiting (an invite that nobody has claimed), or frozen (being removed, to be undone for a time).
    A limit of None is none. What begins with `below` sums up the accounts under this one, without it; `children` are
    those directly under it.
    """

    pk: int
    key: bytes
    name: str
    parent: bytes | None
    kind: str
    state: str
    created_at: int
    invites_left: int
    messages: int
    messages_limit: int | None
    bytes: int
    bytes_limit: int | None
    children: int = 0
    below: int = 0
    below_waiting: int = 0
    below_invites: int = 0
    below_messages: int = 0
    below_bytes: int = 0


def branch_of(account_id: int, *, depth: int | None = None, limit: int = MAX_NODES) -> list[Node]:
    """The branch of an account, generation after generation, each child after its parent; siblings by name, invites
    that wait last. At most `depth` generations below it and `limit` nodes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, [account_id])
        rows = cursor.fetchall()
    nodes = {row[0]: _node(row) for row in rows}
    under: defaultdict[int, list[Node]] = defaultdict(list)
    for pk, parent, *_ in rows:
        if pk != account_id:
            under[parent].append(nodes[pk])
            nodes[pk].parent = nodes[parent].key
    generations = list(_generations(nodes[account_id], under)) if account_id in nodes else []
    _add_up(generations, under)
    wanted = generations if depth is None else generations[: depth + 1]
    return [node for generation in wanted for node in generation][:limit]


def _node(row: tuple[Any, ...]) -> Node:
    pk, _, key, name, kind, created_at, unspent, frozen_at, *used = row
    state = "frozen" if frozen_at is not None else "waiting" if kind == Account.Kind.TEMP else "active"
    return Node(pk, bytes(key), name, None, kind, state, created_at, unspent, *used)


def _place(node: Node) -> tuple[bool, str, int]:
    return node.kind == Account.Kind.TEMP, node.name.casefold(), node.pk


def _generations(root: Node, under: dict[int, list[Node]]) -> Iterator[list[Node]]:
    """From the top down; without recursion, for a chain of invites may be long."""
    generation = [root]
    while generation:
        yield generation
        generation = [child for node in generation for child in sorted(under.get(node.pk, ()), key=_place)]


def _add_up(generations: list[list[Node]], under: dict[int, list[Node]]) -> None:
    """Sums, from the lowest generation up."""
    for generation in reversed(generations):
        for node in generation:
            for child in under.get(node.pk, ()):
                node.children += 1
                node.below += 1 + child.below
                node.below_waiting += (child.kind == Account.Kind.TEMP) + child.below_waiting
                node.below_invites += child.invites_left + child.below_invites
                node.below_messages += child.messages + child.below_messages
                node.below_bytes += child.bytes + child.below_bytes


def path_to(key: bytes) -> list[int]:
    """The account of a user key, then all above it up to the admin's; empty where the key has none here."""
    with connection.cursor() as cursor:
        cursor.execute(_ABOVE, [key])
        return [int(pk) for (pk,) in cursor.fetchall()]
