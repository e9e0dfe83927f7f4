"""The currency of the invite tree, and what became of each invite (protocol.md section 8)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from peers.models import Account, User


class Balance(models.Model):
    """An account's invitations: what it was granted is what it has left plus what it has spent.

    Adding a user with n invites costs its parent 1 + n: one for the account, n that the child may spend. So over the
    whole tree accounts (the admin's not counted) + unspent invites = capacity, which is the admin's `granted`.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="balance")
    granted = models.BigIntegerField()
    unspent = models.BigIntegerField()
    spent = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(granted=F("unspent") + F("spent")), name="invites_conserved"),
            models.CheckConstraint(condition=Q(unspent__gte=0, spent__gte=0), name="invites_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.unspent} of {self.granted}"


class Movement(models.Model):
    """Invites that went from one book to another: double entry, never changed, written in the transaction of the signed
    message that caused it (ledger.py).

    A book is named by its kind and a user key, so rows outlive accounts. What came into a book less what went out of it
    is what it holds: a wallet the account's unspent invites, a slot the one that the account itself is worth, an escrow
    slot and invites of an invite that waits. The mint holds less than nothing: the capacity, taken negatively.
    """

    class Book(models.TextChoices):
        """Where invites can be."""

        MINT = "mint"
        WALLET = "wallet"
        SLOT = "slot"
        ESCROW = "escrow"

    class Reason(models.TextChoices):
        """What caused it."""

        INSTALL = "install"
        OPENING = "opening"  # what a hub of a version without this table held
        CAPACITY = "capacity"
        ADD = "add"
        INVITE = "invite"
        CLAIM = "claim"
        WITHDRAW = "withdraw"
        EXPIRE = "expire"
        LOCK = "lock"
        REMOVE = "remove"
        GRANT = "grant"
        REPLACE = "replace"

    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    message = models.BinaryField(max_length=32, null=True, help_text="id of the message that caused it, if one did")
    reason = models.CharField(max_length=8, choices=Reason.choices)
    from_book = models.CharField(max_length=6, choices=Book.choices)
    from_key = models.BinaryField(max_length=32, help_text="user key; empty: the mint")
    to_book = models.CharField(max_length=6, choices=Book.choices)
    to_key = models.BinaryField(max_length=32, help_text="user key; empty: the mint")
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="movement_moves"),
            models.CheckConstraint(
                condition=~(Q(from_book=F("to_book")) & Q(from_key=F("to_key"))), name="movement_between_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} from {self.from_book} to {self.to_book}: {self.reason}"


class Invitation(models.Model):
    """What became of an invite link. The account behind it is gone once it expires or is withdrawn; this row stays."""

    class State(models.TextChoices):
        """All but the first are final."""

        WAITING = "waiting"
        CLAIMED = "claimed"
        EXPIRED = "expired"
        WITHDRAWN = "withdrawn"
        LOCKED = "locked"  # by wrong claim codes

    inviter = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="invitations")
    key = models.BinaryField(max_length=32, help_text="the temporary account's user key")
    granted = models.BigIntegerField(help_text="invites that go with it")
    messages_limit = models.BigIntegerField(null=True, help_text="messages that go with it; empty: no limit")
    bytes_limit = models.BigIntegerField(null=True, help_text="bytes that go with it; empty: no limit")
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    expires_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    ended_at = models.BigIntegerField(
        null=True, help_text="ms since 1970 UTC: when it was claimed, expired, withdrawn, locked"
    )
    claimed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="claimed_invitations")
    code_hash = models.BinaryField(max_length=32, null=True, help_text="of the claim code; empty: there is none")
    wrong_codes = models.SmallIntegerField(default=0, help_text="how many came")
    channels = models.BinaryField(default=b"", help_text="ids of the channels that the newcomer is led to, joined")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(state="waiting"), name="invitation_waits_once"),
            models.CheckConstraint(condition=Q(state="waiting") ^ Q(ended_at__isnull=False), name="invitation_ends"),
            models.CheckConstraint(
                condition=Q(state="claimed") ^ Q(claimed_by__isnull=True), name="invitation_claimed_by"
            ),
        ]
        indexes = [models.Index(fields=["key"], name="invitation_by_key")]

    def __str__(self) -> str:
        return f"{bytes(self.key).hex()[:16]}: {self.state}"


class Replacement(models.Model):
    """A new key that waits to take over a claimed account, or what became of it. What a recovery key does at once is
    never here.
    """

    class Way(models.TextChoices):
        """Who asked for it."""

        KEY = "key"
        CHAIN = "chain"

    class State(models.TextChoices):
        """All but the first are final."""

        WAITING = "waiting"
        DONE = "done"
        CANCELLED = "cancelled"
        OVERTAKEN = "overtaken"
        LAPSED = "lapsed"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="replacements")
    new_key = models.BinaryField(max_length=32)
    way = models.CharField(max_length=8, choices=Way.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    message = models.BinaryField(max_length=32, help_text="id of the message that began the wait")
    started_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    due_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    ended_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=Q(state="waiting"), name="replacement_waits_once"),
            models.CheckConstraint(condition=Q(state="waiting") ^ Q(ended_at__isnull=False), name="replacement_ends"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="replacement_due")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.way}, {self.state}"


class Vouch(models.Model):
    """Somebody's word that a new key is the person whose account it is. One word an account and voucher: the last."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="vouches")
    voucher = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="vouched")
    new_key = models.BinaryField(max_length=32)
    message = models.BinaryField(max_length=32, help_text="id of the message")
    at = models.BigIntegerField(help_text="ms since 1970 UTC")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "voucher"], name="vouch_once")]

    def __str__(self) -> str:
        return f"{self.voucher_id} for {self.account_id}"


class Removal(models.Model):
    """The removal of a claimed account, alone or with its branch, from its message on (section 8).

    While it waits the branch is frozen and the removal can be undone. The row is what is to be done: whoever finds a
    waiting one whose time has come finishes it. Rows stay as the history.
    """

    class Mode(models.TextChoices):
        """What becomes of those below."""

        REPARENT = "reparent"
        SUBTREE = "subtree"

    class State(models.TextChoices):
        """All but the first are final."""

        WAITING = "waiting"
        UNDONE = "undone"
        DONE = "done"

    account = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, related_name="removals", help_text="empty once it is gone"
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="removals")
    name = models.CharField(max_length=32)
    mode = models.CharField(max_length=8, choices=Mode.choices)
    at = models.BigIntegerField(help_text="ms since 1970 UTC; what they have signed later is invalid")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="removals_begun")
    is_by_parent = models.BooleanField(help_text="whether whoever answered for the account has begun it")
    above = models.ManyToManyField(Account, related_name="removals_below", help_text="who stood above it")
    message = models.BinaryField(max_length=32, help_text="id of the message that began it")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    started_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    final_at = models.BigIntegerField(help_text="ms since 1970 UTC: until when it can be undone")
    ended_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC: when it was undone or done")
    accounts = models.IntegerField(help_text="claimed accounts that go with it")
    waiting_invites = models.IntegerField(help_text="invites that nobody has claimed and that go with it")
    invites = models.BigIntegerField(help_text="slots and invites that come back")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=Q(state="waiting"), name="removal_waits_once"),
            models.CheckConstraint(condition=Q(state="waiting") ^ Q(ended_at__isnull=False), name="removal_ends"),
        ]
        indexes = [
            models.Index(fields=["final_at"], condition=Q(state="waiting"), name="removal_due"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


class Strike(models.Model):
    """That a branch below an account was removed by somebody further up; it counts for 90 days (section 8)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="strikes")
    removal = models.OneToOneField(Removal, on_delete=models.CASCADE)
    at = models.BigIntegerField(help_text="ms since 1970 UTC")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.at}"
