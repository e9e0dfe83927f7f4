"""The books of the currency: the only place that changes a Balance, and writes what moved (protocol.md section 8).

Every function runs in the transaction of the message that causes it, and every movement goes from one book to another,
so nothing is made or lost but by the mint. A Balance says the same in another form: what an account was granted is its
unspent invites and, for each child, 1 + what that child was granted.

Whoever moves invites is the only one who does, until the transaction ends (`hold`). A service that locks other rows or
reads the tree calls it first, so that locks are taken in one order: the ledger, then accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from django.db.models import F, QuerySet

from accord.errors import AccordError
from invites.models import Balance, Movement
from peers.models import Account

Kind = Movement.Book
Reason = Movement.Reason


class Book(NamedTuple):
    """Where invites are: the kind of book and the user key that it belongs to."""

    kind: Kind
    key: bytes


MINT = Book(Kind.MINT, b"")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why invites move: the reason, the id of the signed message if it was one, the time in ms."""

    reason: Reason
    message_id: bytes | None
    now: int


def hold() -> None:
    """Be the only one who moves invites, until the transaction ends: the admin's balance is locked."""
    if connection.features.has_select_for_update:  # SQLite has locked at the start
        list(_balances().select_for_update(of=("self",)).filter(account__kind=Account.Kind.ADMIN).values_list("pk"))


def _balances() -> QuerySet[Balance]:
    return Balance.objects.order_by("pk")


def _write(cause: Cause, moves: Iterable[tuple[Book, Book, int]]) -> None:
    Movement.objects.bulk_create(
        Movement(
            at=cause.now,
            message=cause.message_id,
            reason=cause.reason,
            from_book=source.kind,
            from_key=source.key,
            to_book=target.kind,
            to_key=target.key,
            amount=amount,
        )
        for source, target, amount in moves
        if amount
    )


def _key(account_id: int) -> bytes:
    return bytes(Account.objects.values_list("user__key", flat=True).get(pk=account_id))


def _wallet(account: Account) -> Book:
    """Where an account's unspent invites are: an invite that waits has them in its escrow."""
    kind = Kind.ESCROW if account.kind == Account.Kind.TEMP else Kind.WALLET
    return Book(kind, bytes(account.user.key))


def path(lower: int, upper: int) -> list[int]:
    """The accounts strictly between one and another above it, from below; AccordError("denied") if it is not above."""
    between: list[int] = []
    above = Account.objects.values_list("parent_id", flat=True).get(pk=lower)
    while above is not None:
        if above == upper:
            return between
        between.append(above)
        above = Account.objects.values_list("parent_id", flat=True).get(pk=above)
    raise AccordError("denied", "only who stands above an account in the invite tree decides about it")


def _pass_through(accounts: Sequence[int], amount: int) -> None:
    """What is below these accounts is worth more by that amount: they were granted it, and have spent it."""
    if accounts and amount:
        Balance.objects.filter(pk__in=accounts).update(granted=F("granted") + amount, spent=F("spent") + amount)


def _pay(account_id: int, amount: int) -> None:
    """Unspent invites of an account become spent, or come back to it where the amount is negative; AccordError("quota")
    if it has not so many. One statement, so no two spend the same invite.
    """
    paid = Balance.objects.filter(pk=account_id, unspent__gte=amount).update(
        unspent=F("unspent") - amount, spent=F("spent") + amount
    )
    if not paid:
        raise AccordError("quota", "not enough invites left")


def install(admin: Account, *, capacity: int, now: int) -> Balance:
    """Mint the hub's whole capacity for the admin, once; gives the admin's balance."""
    balance, is_new = Balance.objects.get_or_create(account=admin, defaults={"granted": capacity, "unspent": capacity})
    if is_new:
        _write(Cause(Reason.INSTALL, None, now), [(MINT, _wallet(admin), capacity)])
    return balance


def capacity_change(capacity: int, *, now: int) -> int:
    """Mint or take back what the admin has unspent, so that the capacity is this; gives what it was.

    AccordError("quota") below what is accounts, or in the hands of members, already.
    """
    hold()
    balance = Balance.objects.select_related("account__user").get(account__kind=Account.Kind.ADMIN)
    if capacity < balance.spent:
        raise AccordError("quota", f"{balance.spent:,} are accounts or invites in the hands of members already")
    more, wallet = capacity - balance.granted, _wallet(balance.account)
    Balance.objects.filter(pk=balance.pk).update(granted=capacity, unspent=F("unspent") + more)
    _write(Cause(Reason.CAPACITY, None, now), [(MINT, wallet, more) if more > 0 else (wallet, MINT, -more)])
    return balance.granted


def spend(
    parent_id: int, child_key: bytes, *, invites: int, is_escrow: bool, message_id: bytes | None, now: int
) -> None:
    """Pay for a new account with that many invites, from its parent's; AccordError("quota").

    `is_escrow`: for an invite that waits. Once the account is made, `balance_open` gives it its balance.
    """
    hold()
    _pay(parent_id, 1 + invites)
    wallet = Book(Kind.WALLET, _key(parent_id))
    if is_escrow:
        _write(Cause(Reason.INVITE, message_id, now), [(wallet, Book(Kind.ESCROW, child_key), 1 + invites)])
        return
    _write(
        Cause(Reason.ADD, message_id, now),
        [(wallet, Book(Kind.SLOT, child_key), 1), (wallet, Book(Kind.WALLET, child_key), invites)],
    )


def balance_open(account: Account, *, invites: int) -> None:
    """The balance of an account that `spend` has paid for."""
    Balance.objects.create(account=account, granted=invites, unspent=invites)


def claim(account: Account, *, temporary: bytes, new: bytes, message_id: bytes | None, now: int) -> None:
    """What was in the escrow of a temporary key is the slot and the wallet of the key that has claimed the account."""
    hold()
    escrow, unspent = Book(Kind.ESCROW, temporary), Balance.objects.get(pk=account.pk).unspent
    _write(
        Cause(Reason.CLAIM, message_id, now),
        [(escrow, Book(Kind.SLOT, new), 1), (escrow, Book(Kind.WALLET, new), unspent)],
    )


def give_back(account: Account, *, to: int, message_id: bytes | None, reason: Reason, now: int) -> int:
    """Slot and unspent invites of an account that is going, and has no children any more, go to one above it, normally
    its parent; gives their number. The account is left without a balance: the caller deletes it.
    """
    return give_back_branch(account, [account], to=to, message_id=message_id, reason=reason, now=now)


def give_back_branch(
    root: Account, accounts: Sequence[Account], *, to: int, message_id: bytes | None, reason: Reason, now: int
) -> int:
    """The same for a whole branch that is going: `root` and everybody below it, invites that wait among them."""
    hold()
    unspent = dict(Balance.objects.filter(pk__in=[account.pk for account in accounts]).values_list("pk", "unspent"))
    balance = Balance.objects.get(pk=root.pk)
    amount = 1 + balance.granted
    if amount != len(accounts) + sum(unspent.values()):
        raise RuntimeError("a branch is given back whole, or the ledger would not balance")
    wallet = Book(Kind.WALLET, _key(to))
    moves: list[tuple[Book, Book, int]] = []
    for account in accounts:
        book = _wallet(account)
        if book.kind == Kind.ESCROW:
            moves.append((book, wallet, 1 + unspent[account.pk]))
        else:
            moves += [(Book(Kind.SLOT, book.key), wallet, 1), (book, wallet, unspent[account.pk])]
    _pass_through(path(root.pk, to), -amount)
    _pay(to, -amount)
    Balance.objects.filter(pk__in=unspent).delete()
    _write(Cause(reason, message_id, now), moves)
    return amount


def adopt(account: Account, *, from_: int, to: int) -> None:
    """An account, with all below it, changes its parent for one above that parent. No invite moves: those that it is
    worth are counted below its new parent. The caller changes `parent`.
    """
    hold()
    amount = 1 + Balance.objects.get(pk=account.pk).granted
    _pass_through([from_, *path(from_, to)], -amount)


def grant(sender_id: int, account: Account, difference: int, *, message_id: bytes | None, now: int) -> None:
    """Move unspent invites from one above to an account, or back where the difference is negative.

    AccordError: denied (not above), quota (whoever gives has not so many).
    """
    hold()
    between = path(account.pk, sender_id)
    if difference == 0:
        return
    if difference < 0 and Balance.objects.get(pk=account.pk).unspent < -difference:
        raise AccordError("quota", "the account has not so many invites to give back")
    _pay(sender_id, difference)
    _pass_through(between, difference)
    Balance.objects.filter(pk=account.pk).update(granted=F("granted") + difference, unspent=F("unspent") + difference)
    sender, wallet = Book(Kind.WALLET, _key(sender_id)), _wallet(account)
    move = (sender, wallet, difference) if difference > 0 else (wallet, sender, -difference)
    _write(Cause(Reason.GRANT, message_id, now), [move])


def rename(account: Account, *, old: bytes, new: bytes, message_id: bytes | None, now: int) -> None:
    """A claimed account goes on under another key: wallet and slot (the admin has none) go by that key from now on."""
    hold()
    unspent = Balance.objects.get(pk=account.pk).unspent
    _write(
        Cause(Reason.REPLACE, message_id, now),
        [
            (Book(Kind.SLOT, old), Book(Kind.SLOT, new), 0 if account.kind == Account.Kind.ADMIN else 1),
            (Book(Kind.WALLET, old), Book(Kind.WALLET, new), unspent),
        ],
    )
