"""Proof that the currency is conserved: balances against each other, against the tree, and against the ledger's books
(protocol.md section 8). Reads only; whoever finds something wrong says it in plain sentences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Sum

from accord.encoding import b64encode
from invites.ledger import MINT, Book, Kind, hold
from invites.models import Balance, Invitation, Movement
from peers.models import Account


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has counted, and a sentence for everything that is wrong. `accounts`: without the admin's, with the
    `temporary` ones, which are the escrow of invites that wait.
    """

    capacity: int
    accounts: int
    temporary: int
    unspent: int
    movements: int
    problems: list[str]


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    name: str
    kind: str
    parent: int | None
    key: bytes
    granted: int
    unspent: int
    spent: int

    @property
    def what(self) -> str:
        return f"{self.name} ({b64encode(self.key)[:8]})"


@transaction.atomic
def check_ledger() -> Report:
    """Check everything, at one moment; nobody moves invites meanwhile."""
    hold()
    columns = ("pk", "name", "kind", "parent_id", "user__key")
    amounts = {pk: rest for pk, *rest in Balance.objects.values_list("pk", "granted", "unspent", "spent")}
    problems: list[str] = []
    rows: dict[int, _Row] = {}
    for pk, name, kind, parent, key in Account.objects.order_by("pk").values_list(*columns):
        if pk not in amounts:
            problems.append(f"{name} has an account, but no balance.")
        rows[pk] = _Row(pk, name, kind, parent, bytes(key), *amounts.get(pk, (0, 0, 0)))
    capacity = next((row.granted for row in rows.values() if row.kind == Account.Kind.ADMIN), 0)
    accounts = sum(row.kind != Account.Kind.ADMIN for row in rows.values())
    unspent = sum(row.unspent for row in rows.values())
    if accounts + unspent != capacity:
        problems.append(f"{accounts:,} accounts and {unspent:,} unspent invites are not the capacity, {capacity:,}.")
    problems += [*_balances_wrong(rows), *_branches_wrong(rows), *_books_wrong(rows, capacity), *_waiting_wrong(rows)]
    return Report(
        capacity=capacity,
        accounts=accounts,
        temporary=sum(row.kind == Account.Kind.TEMP for row in rows.values()),
        unspent=unspent,
        movements=Movement.objects.count(),
        problems=problems,
    )


def _balances_wrong(rows: dict[int, _Row]) -> Iterator[str]:
    """Each balance in itself, and against those of the children that it paid for."""
    paid: defaultdict[int | None, int] = defaultdict(int)
    for row in rows.values():
        paid[row.parent] += 1 + row.granted
    for row in rows.values():
        if min(row.granted, row.unspent, row.spent) < 0:
            yield f"{row.what} has less than nothing: {row.unspent:,} unspent, {row.spent:,} spent."
        if row.granted != row.unspent + row.spent:
            yield f"{row.what} was granted {row.granted:,} invites, but has {row.unspent:,} and spent {row.spent:,}."
        if row.spent != paid[row.pk]:
            yield f"{row.what} has spent {row.spent:,} invites, but those below are worth {paid[row.pk]:,}."


def _branches_wrong(rows: dict[int, _Row]) -> Iterator[str]:
    """Each branch: the accounts below its root and all unspent invites in it are what the root was granted."""
    held = {row.pk: row.unspent for row in rows.values()}
    for row in sorted(rows.values(), key=lambda row: _depth(row, rows), reverse=True):
        if row.parent in held:
            held[row.parent] += 1 + held[row.pk]
        if held[row.pk] != row.granted:
            yield f"The branch of {row.what} holds {held[row.pk]:,} accounts and invites; granted: {row.granted:,}."


def _depth(row: _Row, rows: dict[int, _Row]) -> int:
    depth = 0
    while row.parent is not None and depth <= len(rows):
        row, depth = rows[row.parent], depth + 1
    return depth


def _books_wrong(rows: dict[int, _Row], capacity: int) -> Iterator[str]:
    """What moved against what is held: each book holds what the account says, and no book holds less than nothing."""
    held: defaultdict[Book, int] = defaultdict(int)
    for side, sign in (("to", 1), ("from", -1)):
        sums = Movement.objects.values_list(f"{side}_book", f"{side}_key").annotate(total=Sum("amount")).order_by()
        for kind, key, total in sums:
            held[Book(Kind(kind), bytes(key))] += sign * total
    wanted: dict[Book, int] = {MINT: -capacity}
    names = {row.key: row.what for row in rows.values()}
    for row in rows.values():
        if row.kind == Account.Kind.TEMP:
            wanted[Book(Kind.ESCROW, row.key)] = 1 + row.unspent
        else:
            wanted[Book(Kind.WALLET, row.key)] = row.unspent
            wanted[Book(Kind.SLOT, row.key)] = int(row.kind != Account.Kind.ADMIN)
    for book in sorted({*held, *wanted}):
        have, should = held[book], wanted.get(book, 0)
        what = "the mint" if book == MINT else f"the {book.kind} of {names.get(book.key, b64encode(book.key)[:8])}"
        if have < 0 and book != MINT:
            yield f"By the ledger, {what} holds less than nothing: {have:,}."
        if have != should:
            yield f"By the ledger, {what} holds {have:,}, but it should be {should:,}."


def _waiting_wrong(rows: dict[int, _Row]) -> Iterator[str]:
    """Each invite that waits has its temporary account, and each temporary account its invite."""
    invites = {
        bytes(key): granted
        for key, granted in Invitation.objects.filter(state=Invitation.State.WAITING).values_list("key", "granted")
    }
    for row in rows.values():
        if row.kind == Account.Kind.TEMP and invites.pop(row.key, None) != row.granted:
            yield f"{row.what} is a temporary account, but no invite with {row.granted:,} invites waits behind it."
    for key in invites:
        yield f"An invite waits, but there is no account behind it: {b64encode(key)[:8]}."
