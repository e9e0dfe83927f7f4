"""What storing a message costs the account that pays for it, counted in the transaction of the group commit
(protocol.md sections 4 and 8, "Reserve").

Not here: what the limits are and when counting begins anew (peers/allowances.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connection

from accord.errors import AccordError
from accord.messages import Message
from messaging import lookups
from messaging.admission import Admitted, Right
from peers.models import RESERVE_MESSAGES, Account

MAX_RESERVE_BYTES: Final = 8 * 1024  # of one message: no message of these types needs more
RESERVE_TYPES: Final = frozenset(
    {
        "cancel_replace",
        "cert.revoke",
        "contact.mark",
        "device.keys",
        "remove_user",
        "replace_account",
        "report",
        "restore_user",
        "set_recovery",
        "vouch_replace",
    }
)

_ADD: Final = (
    f"UPDATE {Account._meta.db_table} SET messages_used = messages_used + %s, bytes_used = bytes_used + %s, "  # noqa: S608
    "reserve_used = reserve_used + %s WHERE id = %s"
)


@dataclass(slots=True)
class _Allowance:
    """What an account may store and has stored; `messages`, `bytes` and `reserve` are the batch's own part."""

    messages_limit: int | None
    messages_used: int
    bytes_limit: int | None
    bytes_used: int
    reserve_used: int
    messages: int = 0
    bytes: int = 0
    reserve: int = 0

    def take(self, size: int) -> None:
        if self.messages_limit is not None and self.messages_used + self.messages >= self.messages_limit:
            raise AccordError("quota", "the account's messages are used up")
        if self.bytes_limit is not None and self.bytes_used + self.bytes + size > self.bytes_limit:
            raise AccordError("quota", "the account's bytes are used up")
        self.messages += 1
        self.bytes += size

    def take_of_reserve(self) -> bool:
        if self.reserve_used + self.reserve >= RESERVE_MESSAGES:
            return False
        self.reserve += 1
        return True


class Charges:
    """The accounts that pay for the messages of one commit."""

    def __init__(self) -> None:
        self._accounts: dict[bytes, int] = {}
        self._allowances: dict[int, _Allowance] = {}

    def load(self, authors: Iterable[bytes]) -> None:
        """Look up what these have, all at once."""
        for chunk in lookups.chunks(list(authors)):
            for key, account_id, *allowance in lookups.allowances(chunk):
                self._accounts[bytes(key)] = account_id
                self._allowances[account_id] = _Allowance(*allowance)

    def charge(self, item: Admitted) -> None:
        """Count the message once: to its author's account here, else to the account that brought it.

        AccordError("quota") where it has no room left; what protects its author then comes out of the reserve.
        """
        message = item.message
        own = self._accounts.get(message.author)
        account_id = own or item.publisher.account_id
        if account_id is None or item.publisher.right is Right.CLAIM:  # a claim is the invite's, not the account's
            return
        allowance = self._of(account_id)
        try:
            allowance.take(message.size)
        except AccordError:
            if own is None or not _may_use_reserve(message) or not allowance.take_of_reserve():
                raise

    def _of(self, account_id: int) -> _Allowance:
        found = self._allowances.get(account_id)
        if found is None:
            row = Account.objects.values_list(*lookups.ALLOWANCE).get(pk=account_id)
            found = self._allowances[account_id] = _Allowance(*row)
        return found

    def write(self) -> None:
        """Add what the commit stores to the accounts."""
        with connection.cursor() as cursor:
            for account_id, used in self._allowances.items():
                if used.messages or used.reserve:
                    cursor.execute(_ADD, (used.messages, used.bytes, used.reserve, account_id))


def _may_use_reserve(message: Message) -> bool:
    return message.type in RESERVE_TYPES and message.size <= MAX_RESERVE_BYTES
