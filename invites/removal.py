"""Removing claimed accounts, alone or with their branch, by anybody above (protocol.md section 8).

From its message on a removal is a row that waits: whoever goes with it is frozen, as if there were no account. Within
the undo window `restore_user` brings everything back; after it the removal is finished: slots and invites come back,
children find another parent or go too, keys are buried. Several may wait at once, one inside another or across: an
account is frozen while any of them covers it, and each is undone or finished by itself. What is finished first takes
with it those whose account is then gone.

Not here: messages that are held (messaging/burials.py), sessions (peers/standing.py), other hubs (peers/status.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction

from accord.encoding import b64encode
from accord.errors import AccordError
from accord.messages import Message
from invites import ledger
from invites.ledger import Reason
from invites.models import Invitation, Removal, Strike
from invites.removal_selectors import (
    STRIKE_LIFE_MS,
    branch_ids,
    going,
    going_ids,
    removal_waiting,
    strikes_of,
    waiting_removals,
)
from invites.services import invitation_end, temporary_remove
from peers import audit, options, registry
from peers.clock import now_ms
from peers.keyring import keyring
from peers.models import Account, Blessing, User
from peers.owner import acting_member
from peers.selectors import Member
from peers.services import users_forget
from peers.tombstones import bury_each

STRIKES_ALLOWED: Final = 2  # with one more, what comes back goes past whoever has them

REMOVAL_UNDO_MINUTES: Final = options.number(
    "removal_undo_minutes",
    "Time to undo a removal",
    explains="How long an account that is being removed, and all that goes with it, is only frozen: nobody of them can "
    "log in or write, and whoever removes them can take it back. After that it is for good. 0: at once.",
    affects="Counts for removals begun from now on.",
    default=10,
    least=0,
    most=1440,
    unit="minutes",
)


def _decider(message: Message, now: int) -> Member:
    """Who decides about others' accounts: a member; AccordError("denied")."""
    member = acting_member(message.author, now=now)
    if member is None or member.kind == Account.Kind.TEMP:
        raise AccordError("denied", "only members remove accounts")
    return member


def above_of(account: Account) -> list[int]:
    """The accounts above one, its parent first."""
    found: list[int] = []
    above = account.parent_id
    while above is not None:
        found.append(above)
        above = Account.objects.values_list("parent_id", flat=True).get(pk=above)
    return found


@registry.stores("remove_user")
def user_remove(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Remove an account, by one of those above it: withdraw an invite at once, begin the removal of a claimed one.

    AccordError: denied (not above), not_found (no such account, or no longer), conflict (it is being removed already),
    bad_request (`at` lies ahead of the message). What `mode` says of children and `at` of messages is of no account to
    an invite that has neither.
    """
    ledger.hold()
    remover = _decider(message, now)
    account = (
        Account.objects.select_for_update(of=("self",))
        .filter(user__key=body["pubkey"])
        .exclude(expires_at__lte=now)
        .select_related("user", "parent__user")
        .first()
    )
    if account is None:
        raise AccordError("not_found", "there is no such account: the invite is used, withdrawn or has expired")
    above = above_of(account)
    if remover.account_id not in above:
        raise AccordError("denied", "only who stands above an account in the invite tree removes it")
    assert account.parent is not None  # noqa: S101 - a constraint of the table
    parent = bytes(account.parent.user.key)
    if account.kind == Account.Kind.TEMP:
        temporary_remove(account, Invitation.State.WITHDRAWN, message_id=message.id, reason=Reason.WITHDRAW, now=now)
    else:
        removal_begin(message, account, above, mode=body["mode"], at=body["at"], now=now)
    return [body["pubkey"], parent]


def removal_begin(message: Message, account: Account, above: list[int], *, mode: str, at: int, now: int) -> Removal:
    """Freeze who goes with a claimed account, by the message of one `above`; at once for good without undo window."""
    if at > message.created_at:
        raise AccordError("bad_request", "at is not later than the message itself")
    if Removal.objects.filter(account=account, state=Removal.State.WAITING).exists():
        raise AccordError("conflict", "that account is being removed already: restore it first")
    counted = going(account.pk, mode)
    removal = Removal.objects.create(
        account=account,
        user=account.user,
        name=account.name,
        mode=mode,
        at=at,
        by=User.objects.get(key=message.author),
        is_by_parent=bool(account.parent and bytes(account.parent.user.key) == message.author),
        message=message.id,
        started_at=now,
        final_at=now + REMOVAL_UNDO_MINUTES.value * 60_000,
        accounts=counted.accounts,
        waiting_invites=counted.waiting_invites,
        invites=counted.invites,
    )
    removal.above.set(above)
    _refreeze()
    if removal.final_at <= now:
        _finish(removal, now)
    return removal


@registry.stores("restore_user")
def user_restore(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Undo a removal that waits, by whoever began it or anybody above the account; who is covered by no other one has
    the account back as it was.

    AccordError: denied (neither), not_found (nothing waits), gone (its time is over).
    """
    ledger.hold()
    member = _decider(message, now)
    removal = removal_waiting(body["pubkey"])
    if removal is None or removal.account is None:
        raise AccordError("not_found", "no removal of that account waits")
    if bytes(removal.by.key) != message.author and member.account_id not in above_of(removal.account):
        raise AccordError("denied", "only who began a removal, or stands above the account, undoes it")
    if removal.final_at <= now:
        raise AccordError("gone", "the time to undo this removal is over")
    _end(removal, Removal.State.UNDONE, now)
    for key in _refreeze():
        _carry_again(key, now)
    return [body["pubkey"], bytes(removal.by.key)]


def _end(removal: Removal, state: Removal.State, now: int) -> None:
    removal.state, removal.ended_at = state, now
    removal.save(update_fields=["state", "ended_at"])


def _refreeze() -> list[bytes]:
    """Freeze exactly those whom some waiting removal covers, until the first of theirs is final; gives the keys of
    those who are frozen no more.
    """
    covered: dict[int, tuple[int, int]] = {}
    for removal in waiting_removals():
        assert removal.account_id is not None  # noqa: S101 - a removal whose account is gone waits no more
        for pk in going_ids(removal.account_id, removal.mode):
            since, until = covered.get(pk, (removal.started_at, removal.final_at))
            covered[pk] = min(since, removal.started_at), min(until, removal.final_at)
    frozen = Account.objects.filter(frozen_at__isnull=False)
    as_it_is = {pk: (since, until) for pk, since, until in frozen.values_list("pk", "frozen_at", "frozen_until")}
    for pk, times in covered.items():
        if as_it_is.get(pk) != times:
            Account.objects.filter(pk=pk).update(frozen_at=times[0], frozen_until=times[1])
    freed = Account.objects.filter(pk__in=as_it_is.keys() - covered.keys())
    keys = [bytes(key) for key in freed.values_list("user__key", flat=True)]
    freed.update(frozen_at=None, frozen_until=None)
    return keys


def _carry_again(key: bytes, now: int) -> None:
    """Other hubs that carry for a restored user are given what came for them meanwhile."""
    rows = Blessing.objects.filter(user__key=key, expiration__gt=now).exclude(hub=keyring().hub.public)
    for hub in sorted({bytes(hub) for hub in rows.values_list("hub", flat=True)}):
        for hook in registry.blessing_hooks:
            hook(key, hub, now)


# ---------------------------------------------------------------------------------------------------------- for good


def removal_finish(*, now: int) -> int:
    """Finish the removals whose time to undo is over, each in its own transaction; gives their number."""
    finished = 0
    for pk in list(waiting_removals().filter(final_at__lte=now).values_list("pk", flat=True)):
        with transaction.atomic():
            ledger.hold()
            removal = waiting_removals().select_for_update(of=("self",)).filter(pk=pk).first()
            if removal is not None:  # another one may have taken its account with it
                _finish(removal, now)
                finished += 1
    return finished


def _finish(removal: Removal, now: int) -> None:
    root = Account.objects.select_related("parent__user").get(removals=removal)
    assert root.parent is not None  # noqa: S101 - the admin is not removed
    to = _heir(removal, root.parent, now)
    times = _times(removal)
    if removal.mode == Removal.Mode.REPARENT:
        for child in Account.objects.filter(parent=root).exclude(kind=Account.Kind.TEMP):
            ledger.adopt(child, from_=root.pk, to=root.parent.pk)
            child.parent_id = root.parent.pk
            child.save(update_fields=["parent"])
    order = {pk: place for place, pk in enumerate(going_ids(root.pk, removal.mode))}
    accounts = sorted(
        Account.objects.filter(pk__in=order).select_related("user"), key=lambda account: order[account.pk]
    )
    buried: dict[bytes, int] = {}
    for account in accounts:
        key = bytes(account.user.key)
        if account.kind == Account.Kind.TEMP:
            invitation_end(key, Invitation.State.WITHDRAWN, now)
        else:
            buried[key] = times[account.pk]
    bury_each(buried, now=now)
    ledger.give_back_branch(root, accounts, to=to, message_id=bytes(removal.message), reason=Reason.REMOVE, now=now)
    users_forget(users=[account.user_id for account in accounts])
    _end(removal, Removal.State.DONE, now)
    target = f"user {b64encode(bytes(removal.user.key))}"
    audit.note("remove_user_final", target, f"{removal.name}, {removal.mode}: {len(accounts)} accounts and invites")
    for inner in waiting_removals().filter(account__in=accounts):
        _end(inner, Removal.State.DONE, now)
    for account in reversed(accounts):  # from below: nobody goes before those who stand below
        account.delete()
    _refreeze()


def _times(removal: Removal) -> dict[int, int]:
    """By account, the time from which on what it signed is invalid: the earliest of all removals that cover it."""
    found: dict[int, int] = {}
    for each in waiting_removals():
        assert each.account_id is not None  # noqa: S101 - as above
        for pk in going_ids(each.account_id, each.mode):
            found[pk] = min(found.get(pk, each.at), each.at)
    return found


def _heir(removal: Removal, parent: Account, now: int) -> int:
    """To whom slots and invites come back: the parent, or the one above who has too many strikes; with one more for a
    branch that somebody further up had to remove. The parent may be another than when it began.
    """
    if parent.parent_id is None:
        return parent.pk
    Strike.objects.filter(at__lte=now - STRIKE_LIFE_MS).delete()
    is_by_parent = removal.is_by_parent or removal.by_id == parent.user_id
    if removal.mode == Removal.Mode.SUBTREE and not is_by_parent:
        Strike.objects.create(account=parent, removal=removal, at=now)
        audit.note("strike", f"user {b64encode(bytes(parent.user.key))}", f"for {removal.name}")
    count = strikes_of([parent.pk], now=now).get(parent.pk, 0)
    return parent.parent_id if count > STRIKES_ALLOWED else parent.pk


def strikes_shown(accounts: Sequence[int], viewer: int | None) -> dict[int, dict[str, Any]]:
    """The strikes of those of some accounts who stand below the one that looks; a field of a member's row."""
    if viewer is None:
        return {}
    below = set(branch_ids(viewer)[1:]).intersection(accounts)
    counts = strikes_of(below, now=now_ms())
    return {pk: {"strikes": counts.get(pk, 0)} for pk in below}


registry.member_facts.append(strikes_shown)
