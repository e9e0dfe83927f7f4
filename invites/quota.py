"""What somebody further down the invite tree may do, changed by a signed `set_quota` (protocol.md section 8)."""

from __future__ import annotations

from typing import Any

from accord.errors import AccordError
from accord.messages import Message
from invites import ledger
from invites.models import Balance, Invitation
from peers import registry
from peers.allowances import allowance_given, allowance_set
from peers.models import Account
from peers.owner import acting_member


@registry.stores("set_quota")
def quota_set(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Change what somebody further down may do: unspent invites, which move between the author and the account, and
    what it may store.

    AccordError: denied (no ancestor), not_found (no such account, or no longer), quota (who gives has not so many, or
    may not store so much).
    """
    ledger.hold()
    author = acting_member(message.author, now=now)
    if author is None or author.kind == Account.Kind.TEMP:
        raise AccordError("denied", "only members give invites and allowances")
    account = (
        Account.objects.select_for_update(of=("self",))
        .filter(user__key=body["pubkey"])
        .exclude(expires_at__lte=now)
        .exclude(frozen_at__isnull=False)
        .select_related("user")
        .first()
    )
    if account is None:
        raise AccordError("not_found", "there is no such account, or no longer")
    ledger.path(account.pk, author.account_id)
    if "invites" in body:
        difference = body["invites"] - Balance.objects.get(pk=account.pk).unspent
        ledger.grant(author.account_id, account, difference, message_id=message.id, now=now)
    messages, bytes_ = body.get("messages"), body.get("bytes")
    if messages is not None or bytes_ is not None:
        allowance_given(author.account_id, messages=messages or 0, bytes=bytes_ or 0)
        allowance_set(account_id=account.pk, messages=messages, bytes=bytes_)
    if account.kind == Account.Kind.TEMP:
        _invitation_follow(account)
    return [body["pubkey"]]


def _invitation_follow(account: Account) -> None:
    """What goes with an invite that waits is what its temporary account has."""
    account.refresh_from_db()
    Invitation.objects.filter(key=account.user.key, state=Invitation.State.WAITING).update(
        granted=Balance.objects.get(pk=account.pk).granted,
        messages_limit=account.messages_limit,
        bytes_limit=account.bytes_limit,
    )
