"""Tables of peers: user keys, accounts, revocations, running processes, the hub's own statements."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import F, Q

from accord.former import MAX_SIGNED

RESERVE_MESSAGES: Final = 100  # of an account, until what it has stored is counted anew


class User(models.Model):
    """A user key that this hub has met: a member's, or the author of something stored here."""

    key = models.BinaryField(max_length=32, unique=True)

    def __str__(self) -> str:
        return bytes(self.key).hex()[:16]


class Account(models.Model):
    """A user's standing on this hub: name, place in the invite tree, allowances (protocol.md section 8)."""

    class Kind(models.TextChoices):
        """The admin has no parent; a temporary account waits behind an invite link."""

        ADMIN = "admin"
        REAL = "real"
        TEMP = "temp"

    user = models.OneToOneField(User, on_delete=models.PROTECT)
    name = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    expires_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC; temporary accounts only")
    messages_limit = models.BigIntegerField(null=True, help_text="messages it may store here; empty: no limit")
    bytes_limit = models.BigIntegerField(null=True, help_text="bytes it may store here; empty: no limit")
    messages_used = models.BigIntegerField(default=0)
    bytes_used = models.BigIntegerField(default=0)
    reserve_used = models.SmallIntegerField(
        default=0, help_text="messages stored beyond its allowance, of the types that are taken then too"
    )
    carried = models.BooleanField(default=True, help_text="whether its user wants to be reached from linked hubs")
    frozen_at = models.BigIntegerField(
        null=True, help_text="ms since 1970 UTC: since when it is being removed and counts as gone; empty: it is not"
    )
    frozen_until = models.BigIntegerField(null=True, help_text="ms since 1970 UTC: until when that can be undone")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(kind="admin"), name="one_admin"),
            models.CheckConstraint(condition=Q(kind="admin") ^ Q(parent__isnull=False), name="parent_unless_admin"),
            models.CheckConstraint(condition=Q(kind="temp") ^ Q(expires_at__isnull=True), name="temp_expires"),
            models.CheckConstraint(condition=Q(messages_used__gte=0, bytes_used__gte=0), name="used_not_negative"),
            models.CheckConstraint(
                condition=Q(messages_limit__isnull=True) | Q(messages_used__lte=F("messages_limit")),
                name="messages_within_limit",
            ),
            models.CheckConstraint(
                condition=Q(bytes_limit__isnull=True) | Q(bytes_used__lte=F("bytes_limit")), name="bytes_within_limit"
            ),
            models.CheckConstraint(
                condition=Q(reserve_used__gte=0, reserve_used__lte=RESERVE_MESSAGES), name="reserve_within_limit"
            ),
            models.CheckConstraint(
                condition=~(Q(frozen_at__isnull=True) ^ Q(frozen_until__isnull=True)), name="frozen_for_a_time"
            ),
            models.CheckConstraint(condition=Q(frozen_at__isnull=True) | ~Q(kind="admin"), name="admin_not_frozen"),
        ]

    def __str__(self) -> str:
        return self.name


class Tombstone(models.Model):
    """A user key that a hub hears no more: what the key signed with created_at > `at` is invalid (section 8).

    Of this hub's own ones that holds in every topic, and no account comes to the key again. Those that another hub has
    told of in its `status` hold in the topics that belong to that hub.
    """

    class Reason(models.TextChoices):
        """Why."""

        REMOVED = "removed"
        REPLACED = "replaced"

    hub = models.BinaryField(max_length=32, help_text="the peer key of the hub that says so")
    key = models.BinaryField(max_length=32, help_text="the user key")
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    reason = models.CharField(max_length=8, choices=Reason.choices, default=Reason.REMOVED)
    buried_at = models.BigIntegerField(help_text="ms since 1970 UTC: when this hub learned it")
    seq = models.BigIntegerField(default=0, help_text="of another hub's: number of the newest `status` that has it")
    is_swept = models.BooleanField(default=False, help_text="whether what was held of it is gone")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "hub"], name="tombstone_once")]
        indexes = [
            models.Index(fields=["hub", "id"], name="tombstone_by_hub"),
            models.Index(fields=["is_swept"], condition=Q(is_swept=False), name="tombstone_unswept"),
        ]

    def __str__(self) -> str:
        return bytes(self.key).hex()[:16]


class AllowancePeriod(models.Model):
    """Since when what accounts store is counted: the one row of a hub (allowances.py)."""

    policy = models.CharField(max_length=5, help_text="never, day, week or month")
    started_at = models.BigIntegerField(help_text="ms since 1970 UTC")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_allowance_period")]


class KeyChange(models.Model):
    """An account has gone from one user key to another (section 8). Never changed: it outlives the account."""

    class Way(models.TextChoices):
        """Who has signed for it."""

        KEY = "key"
        RECOVERY = "recovery"
        CHAIN = "chain"
        HUB = "hub"  # of the admin's account: an owner's link, and the hub's statement

    old = models.OneToOneField(User, on_delete=models.PROTECT, related_name="left", help_text="it never serves again")
    new = models.OneToOneField(User, on_delete=models.PROTECT, related_name="taken", help_text="takes one account only")
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    way = models.CharField(max_length=8, choices=Way.choices)
    signed = models.BinaryField(max_length=32 * MAX_SIGNED, help_text="ids of what was signed for it, joined")

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"

    def signed_ids(self) -> list[bytes]:
        """The ids of what was signed for it, in the order in which a row of `topics` has it."""
        joined = bytes(self.signed)
        return [joined[start : start + 32] for start in range(0, len(joined), 32)]


class Recovery(models.Model):
    """A key that may replace an account at once (section 8). An account has one that counts, and perhaps one that will
    take its place.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="recoveries")
    user = models.OneToOneField(User, on_delete=models.PROTECT, help_text="the recovery key")
    message = models.BinaryField(
        max_length=32, default=b"", help_text="id of the set_recovery; empty: before version 0.5"
    )
    set_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    counts_from = models.BigIntegerField(help_text="ms since 1970 UTC")
    expires_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC: of an owner's link; empty: never")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.user}"


class Hub(models.Model):
    """Another hub that this one has heard of: what it has signed about its admin, and whether it has proved its key
    here.
    """

    key = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=80, help_text="what it calls itself, or is called by who told of it")
    admin = models.BinaryField(max_length=32, help_text="the user key that `set_admin` names")
    set_admin = models.BinaryField(help_text="the hub's newest `set_admin` statement, as canonical JSON")
    stated_at = models.BigIntegerField(help_text="ms since 1970 UTC: when it signed that")
    first_seen = models.BigIntegerField(help_text="ms since 1970 UTC")
    last_seen = models.BigIntegerField(
        default=0, help_text="ms since 1970 UTC, to the hour: when it last proved its key on a link; 0: only heard of"
    )
    status_seq = models.BigIntegerField(default=0, help_text="number of its newest `status` that was taken whole")
    status_page = models.IntegerField(default=0, help_text="pages that have been taken of the one after it")
    status_taking = models.BigIntegerField(default=0, help_text="number of that one; 0: none")
    told_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, help_text="whose relay told of it first; empty: the operator's link"
    )

    def __str__(self) -> str:
        return self.name


class Blessing(models.Model):
    """A certificate by which a user lets a hub carry what the user may read (section 4, `serve`).

    Of other hubs: they are served what is addressed to the user. Of this hub: it shows them to the hubs they are for.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hub = models.BinaryField(max_length=32, help_text="the peer key that is blessed")
    serial = models.BinaryField(max_length=16)
    expiration = models.BigIntegerField(help_text="ms since 1970 UTC")
    certificate = models.BinaryField(help_text="as canonical JSON")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "hub", "serial"], name="blessing_once")]
        indexes = [
            models.Index(fields=["hub", "expiration"], name="blessing_by_hub"),
            models.Index(fields=["expiration"], name="blessing_by_expiration"),
        ]


class Peer(models.Model):
    """A program that a user has blessed and that has logged in here: a device or a bot (section 2)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="peers")
    key = models.BinaryField(max_length=32)
    name = models.CharField(max_length=64, blank=True, help_text="what its user calls it")
    first_seen = models.BigIntegerField(help_text="ms since 1970 UTC")
    last_seen = models.BigIntegerField(help_text="ms since 1970 UTC; to the hour while it stays connected")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="peer_once")]

    def __str__(self) -> str:
        return self.name or bytes(self.key).hex()[:16]


class Certificate(models.Model):
    """A certificate that a peer has logged in with (section 2)."""

    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="certificates")
    serial = models.BinaryField(max_length=16)
    issued_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    expiration = models.BigIntegerField(help_text="ms since 1970 UTC")
    scope = models.CharField(max_length=32, help_text="login, relay or both")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["peer", "serial"], name="certificate_once")]


class Token(models.Model):
    """A bearer token of the REST API (section 3), of which only the hash is kept. It dies with its session: with the
    socket that asked for it, or, where the login came over HTTP, with this row.
    """

    hash = models.BinaryField(max_length=32, unique=True)
    session = models.CharField(max_length=32, help_text="the session's handle")
    is_socket = models.BooleanField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, help_text="empty: a guest's")
    client = models.BinaryField(max_length=32)
    serial = models.BinaryField(max_length=16, null=True, help_text="of the certificate; empty: a guest's")
    created_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    expires_at = models.BigIntegerField(help_text="ms since 1970 UTC")

    class Meta:
        indexes = [
            models.Index(fields=["client"], name="token_by_client"),
            models.Index(fields=["expires_at"], name="token_by_expiry"),
        ]
        constraints = [
            models.CheckConstraint(condition=~(Q(user__isnull=True) ^ Q(serial__isnull=True)), name="guest_or_user")
        ]


class Revocation(models.Model):
    """A certificate, by serial, or all certificates of a client key, that their user has revoked (section 2)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    serial = models.BinaryField(max_length=16, null=True)
    client = models.BinaryField(max_length=32, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "serial"], condition=Q(serial__isnull=False), name="serial_once"),
            models.UniqueConstraint(fields=["user", "client"], condition=Q(client__isnull=False), name="client_once"),
            models.CheckConstraint(condition=Q(serial__isnull=True) ^ Q(client__isnull=True), name="serial_or_client"),
        ]


class Statement(models.Model):
    """The newest statement of a type that this hub has signed and must keep (section 3), as canonical JSON."""

    type = models.CharField(max_length=32, primary_key=True)
    body = models.BinaryField()


class AuditEntry(models.Model):
    """What somebody has done to this hub, chained to the entry before and signed (section 8, "Audit log").

    Triggers of the database refuse to change and to delete rows. A migration that makes this table anew loses them: it
    has to make them again (0008_audit).
    """

    number = models.BigIntegerField(primary_key=True, help_text="from 1 on, without gap")
    at = models.BigIntegerField(db_index=True, help_text="ms since 1970 UTC")
    actor = models.CharField(max_length=96, help_text="user and key, console and name, terminal, or hub")
    action = models.CharField(max_length=32, db_index=True)
    target = models.CharField(max_length=160, blank=True)
    detail = models.TextField(blank=True)
    hash = models.BinaryField(max_length=32)
    sig = models.BinaryField(max_length=64)

    class Meta:
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.number}: {self.action} {self.target}"


class Process(models.Model):
    """A running server process and how many sockets it holds, for `manage.py status`."""

    pid = models.IntegerField(primary_key=True)
    sockets = models.IntegerField(default=0)
