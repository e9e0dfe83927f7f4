"""Deeds about one account: what it may, removing it after a rehearsal, undoing that; the owner's link of the admin's.

All but the last are messages that the admin's key signs, as any ancestor in the tree could. Not here: what a removal
does (invites/removal.py).
"""

from __future__ import annotations

from django.urls import reverse

from accord.errors import AccordError
from accord.message_types import COUNT_LIMIT
from console import roles
from console.deeds import MAX_DIGITS, Deed, Field, named, nothing, number_of, whole_number
from console.shown import count, moment, size
from invites.models import Removal
from invites.owner import OWNER_LINK_MS, owner_link_make
from invites.removal import REMOVAL_UNDO_MINUTES
from invites.removal_selectors import rehearse
from messaging.room import MIB
from messaging.services import member_remove, member_restore, quota_give
from peers import audit
from peers.clock import now_ms
from peers.models import Account


def _account(target: str) -> Account:
    found = (
        Account.objects.filter(pk=number_of(target), kind=Account.Kind.REAL)
        .select_related("user", "parent", "balance")
        .first()
    )
    if found is None:
        raise AccordError("not_found", "there is no such account, or it is an invite, or the admin's own")
    return found


def _page(account: Account) -> str:
    return reverse("admin:peers_account_change", args=[account.pk])


@named("allowances", needs=roles.MODERATE)
def allowances(target: str) -> Deed:
    """Change what somebody may."""
    account = _account(target)
    left = account.balance.unspent
    mib = None if account.bytes_limit is None else account.bytes_limit // MIB

    def run(values: dict[str, str]) -> str:
        invites = whole_number(values, "invites", "Invites left")
        messages, room = whole_number(values, "messages", "Messages"), whole_number(values, "mib", "Room")
        changes: dict[str, int] = {}
        if messages != account.messages_limit:
            changes["messages"] = COUNT_LIMIT if messages is None else messages
        if room != mib:
            changes["bytes"] = COUNT_LIMIT if room is None else room * MIB
        more = 0 if invites is None else invites - left
        if not changes and not more:
            return "Nothing was different: nothing has been changed."
        quota_give(key=bytes(account.user.key), more_invites=more, **changes)
        audit.note("allowances", account.name, ", ".join(f"{name} {value}" for name, value in changes.items()))
        return f"Changed. It holds for {account.name} from now on."

    used = (
        f"{account.name} has stored {count(account.messages_used, 'message', 'messages')}, {size(account.bytes_used)}."
    )
    return Deed(
        f"What {account.name} may",
        (
            used + " What is stored already stays, also if the new limit is below it.",
            "Beyond a limit nothing new of theirs is stored; they are told that their allowance is used up.",
            "Invites come from the admin's own, or go back there.",
        ),
        "Change it",
        run,
        _page(account),
        (
            Field("invites", "Invites left", "how many others it may invite", MAX_DIGITS, value=str(left)),
            Field(
                "messages",
                "Messages",
                "how many it may store here; nothing: no limit",
                MAX_DIGITS,
                is_required=False,
                value="" if account.messages_limit is None else str(account.messages_limit),
            ),
            Field(
                "mib",
                "Room in MiB",
                "how much it may store here; nothing: no limit",
                MAX_DIGITS,
                is_required=False,
                value="" if mib is None else str(mib),
            ),
        ),
    )


def _removing(target: str, mode: str) -> Deed:
    account = _account(target)
    if account.frozen_at is not None:
        raise AccordError("conflict", "it is being removed already")
    found = rehearse(account.pk, mode, now=now_ms())
    key, minutes = bytes(account.user.key), REMOVAL_UNDO_MINUTES.value
    is_branch = mode == Removal.Mode.SUBTREE
    inviter = account.parent.name if account.parent else "the admin"

    def run(values: dict[str, str]) -> str:
        member_remove(key=key, mode=mode)
        audit.note("remove_account", account.name, f"{mode}: {count(found.accounts, 'account', 'accounts')}")
        return f"{account.name} is being removed. It can be undone for {minutes} minutes, on the page of the account."

    going = count(found.accounts, "account goes", "accounts go")
    waiting = count(found.waiting_invites, "invite that waits", "invites that wait")
    undo = (
        f"For {minutes} minutes all of it can be undone: they are frozen, and everything comes back as it was. Then it "
        "is final."
        if minutes
        else "There is no time to undo it: the setting says 0 minutes."
    )
    says = (
        f"{going}, and {waiting}."
        if is_branch
        else f"Only {account.name} goes; whom they invited goes on under {inviter}.",
        f"{count(found.sessions, 'live session ends', 'live sessions end')} within a second; "
        f"{count(found.devices, 'device', 'devices')} can log in no more.",
        f"{count(found.messages, 'message', 'messages')} ({size(found.bytes)}) in "
        f"{count(found.channels, 'channel', 'channels')} stay where they are; nothing new of theirs is taken.",
        f"{count(found.invites, 'place or invite comes', 'places and invites come')} back to {inviter}.",
        undo,
        "A key that was removed for good gets no account here again. Linked hubs are told.",
    )
    title = f"Remove {account.name} and everyone below" if is_branch else f"Remove {account.name} alone"
    return Deed(title, says, "Remove", run, _page(account), is_danger=True)


@named("remove-branch", needs=roles.MODERATE)
def remove_branch(target: str) -> Deed:
    """Remove an account with everyone below it."""
    return _removing(target, Removal.Mode.SUBTREE.value)


@named("remove-account", needs=roles.MODERATE)
def remove_account(target: str) -> Deed:
    """Remove an account; those below go to its inviter."""
    return _removing(target, Removal.Mode.REPARENT.value)


@named("undo-removal", needs=roles.MODERATE)
def undo_removal(target: str) -> Deed:
    """Take a removal back."""
    removal = (
        Removal.objects.filter(pk=number_of(target), state=Removal.State.WAITING)
        .select_related("user", "account")
        .first()
    )
    if removal is None or removal.account is None:
        raise nothing("that removal")
    account = removal.account

    def run(values: dict[str, str]) -> str:
        member_restore(key=bytes(removal.user.key))
        audit.note("undo_removal", removal.name)
        return f"{removal.name} is here again, with everyone who was to go."

    return Deed(
        f"Undo the removal of {removal.name}",
        (
            f"{count(removal.accounts, 'account', 'accounts')} and "
            f"{count(removal.waiting_invites, 'invite', 'invites')} are as they were; their programs may log in again.",
            f"It can be undone until {moment(removal.final_at)} UTC.",
        ),
        "Undo it",
        run,
        _page(account),
    )


@named("owner-link")
def owner_link(target: str) -> Deed:
    """Make a link that brings the admin's account into a browser."""
    account = Account.objects.filter(pk=number_of(target), kind=Account.Kind.ADMIN).first()
    if account is None:
        raise AccordError("not_found", "that is not the admin's account")

    def run(values: dict[str, str]) -> str:
        return owner_link_make(origin="", now=now_ms()).link

    return Deed(
        "Make an owner's link",
        (
            f"Whoever opens it first has the account {account.name} in their browser, under a new key. It works once, "
            f"for {OWNER_LINK_MS // 60_000} minutes, and ends a link that was made before.",
            "An owner's key in another browser is dead from then on; that browser says so.",
            "The console and the hub's commands go on as they are.",
        ),
        "Make the link",
        run,
        _page(account),
        is_danger=True,
        is_secret=True,
    )
