"""Tables of messages: the store, topics, what messages address and refer to (protocol.md sections 1 and 4)."""

from __future__ import annotations

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from peers.models import Account, User


class ArrivalNumber(models.BigIntegerField):
    """A 64-bit number that in SQLite is the row's own: there `bigint` would be a column beside it, with an index."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """The column's type in SQL."""
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)


class Store(models.Model):
    """The one row that says which run of arrival numbers this is, and how far it has come.

    Whoever stores messages locks it: arrival numbers rise in the order of commits, so a cursor is never shown before a
    smaller one is decided.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    store = models.BinaryField(max_length=16, help_text="random; new whenever arrival numbers may go back")
    cursor = models.BigIntegerField(default=0)
    unwiped = models.BigIntegerField(default=0, help_text="purges whose traces may still lie in the database's log")
    tree_cursor = models.BigIntegerField(default=0, help_text="arrival number up to which the branches are true")
    tree_at = models.BigIntegerField(default=0, help_text="ms since 1970 UTC: as of when they are (section 5)")
    tree_turn = models.BigIntegerField(default=0, help_text="grows whenever branches change or are marked")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_store")]


class Topic(models.Model):
    """Where messages are addressed, with running totals."""

    kind = models.CharField(max_length=8)
    ident = models.BinaryField(max_length=32)
    name = models.CharField(max_length=80, blank=True)
    about = models.TextField(blank=True)
    count = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    cursor = models.BigIntegerField(default=0, help_text="arrival number of its newest message")
    horizon = models.BigIntegerField(default=0, help_text="ms since 1970 UTC; what is older is not held (section 5)")
    hub = models.BinaryField(max_length=32, null=True, help_text="key of the hub that a foreign channel belongs to")
    is_private = models.BooleanField(default=False, help_text="whoever has a seat reads it, and nobody else")
    used_at = models.BigIntegerField(
        default=0, help_text="ms since 1970 UTC, to the hour: when a person here last wrote, fetched or subscribed"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "ident"], name="topic_once")]
        indexes = [models.Index(fields=["id"], condition=Q(is_private=True), name="topic_private")]

    def __str__(self) -> str:
        return f"{self.kind}:{bytes(self.ident).hex()[:16]}"


class Message(models.Model):
    """A verified message. `header` holds the canonical bytes that were signed; the other columns are an index derived
    from them.
    """

    cursor = ArrivalNumber(primary_key=True)
    ident = models.BinaryField(max_length=32, unique=True)
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, db_index=False)
    author = models.ForeignKey(User, on_delete=models.PROTECT, db_index=False)
    type = models.CharField(max_length=64)
    created_at = models.BigIntegerField()
    burn_at = models.BigIntegerField(null=True)
    header = models.BinaryField()
    sig = models.BinaryField(max_length=64)
    salt = models.BinaryField(max_length=16, null=True)
    body = models.BinaryField(null=True, help_text="empty once deleted")

    class Meta:
        indexes = [
            models.Index(fields=["topic", "created_at"], name="message_by_time"),
            models.Index(fields=["burn_at"], condition=Q(burn_at__isnull=False), name="message_by_burn"),
            models.Index(fields=["cursor"], condition=Q(type="identity.note"), name="message_notes"),
        ]


class Mention(models.Model):
    """A user whom a message addresses; for control messages also whom they concern."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False)

    class Meta:
        indexes = [models.Index(fields=["user", "message"], name="mention_by_user")]


class Reference(models.Model):
    """A message that another one answers (`answer`) or refers to (`edit`, `delete`, `react`, `pin`); the target may not
    be held.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE)
    relation = models.CharField(max_length=8)
    target = models.BinaryField(max_length=32)

    class Meta:
        indexes = [
            models.Index(fields=["target", "relation"], name="reference_by_target"),
            models.Index(fields=["relation"], condition=Q(relation="pin"), name="reference_pins"),
        ]


class Room(models.Model):
    """What is known of a private topic: a space, a channel of one, or the channel of a connection (section 7)."""

    topic = models.OneToOneField(Topic, on_delete=models.CASCADE, primary_key=True, related_name="room")
    space = models.ForeignKey(
        Topic, on_delete=models.CASCADE, null=True, related_name="rooms", help_text="of a channel"
    )
    voice = models.BooleanField(default=False)
    burn_ms = models.BigIntegerField(null=True, help_text="how long its messages live at most")
    admins_only = models.BooleanField(default=False)
    closed = models.BooleanField(default=False)
    turn = models.BigIntegerField(default=0, help_text="another one whenever its seats change")


class Seat(models.Model):
    """That a user is a member of a private topic now. Follows from control messages, and is written with them."""

    class Role(models.TextChoices):
        """Of the two in a connection neither is admin."""

        ADMIN = "admin"
        MEMBER = "member"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="seats")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="seats")
    role = models.CharField(max_length=6, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="seat_once")]


class EpochPart(models.Model):
    """A `space.epoch` that is held, or one part of it: when a channel's keys changed (section 7). No keys."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="epochs")
    ident = models.BinaryField(max_length=32, unique=True, help_text="id of the message")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    epoch = models.BigIntegerField()
    kid = models.BinaryField(max_length=32)
    prev = models.BinaryField(max_length=32, null=True, help_text="id of the epoch before")
    part = models.PositiveSmallIntegerField(default=1)
    parts = models.PositiveSmallIntegerField(default=1)
    window_ms = models.BigIntegerField()
    created_at = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["room", "epoch"], name="epoch_by_number")]


class Receipt(models.Model):
    """That a topic was pruned: the hub's signed statement (protocol.md section 3), as canonical JSON. Kept for good.

    It is written in the transaction that moves the topic's horizon, before a message goes.
    """

    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, db_index=False)
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    horizon = models.BigIntegerField(help_text="ms since 1970 UTC; what is older went, `to` of the statement")
    count = models.BigIntegerField(help_text="messages")
    statement = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["topic", "horizon"], name="receipt_once")]


class RoomSample(models.Model):
    """How much room the store took at the end of an hour, for forecasts; kept for 30 days."""

    hour = models.IntegerField(primary_key=True, help_text="hours since 1970 UTC")
    used = models.BigIntegerField(help_text="bytes of the database in use")
    freed = models.BigIntegerField(default=0, help_text="bytes that pruning freed in the hour")


class Branch(models.Model):
    """A node of level 2..8 of a topic's tree (section 5): its children that are not empty, packed (trees/nodes.py).

    Nodes of level 1 and leaves are computed from messages. The branches of a topic are true for `Store.tree_cursor` and
    `Store.tree_at`, except where they are marked by Dirty.
    """

    pk = models.CompositePrimaryKey("topic_id", "level", "bucket")
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, db_index=False)
    level = models.PositiveSmallIntegerField()
    bucket = models.BigIntegerField()
    children = models.BinaryField()


class Dirty(models.Model):
    """A bucket of level 1 whose path is to be hashed anew; WHOLE stands for the whole tree of the topic."""

    WHOLE = -1

    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, db_index=False)
    bucket = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["topic", "bucket"], name="dirty_once")]


class Burned(models.Model):
    """What is left of a burned message for ten minutes: trees as of a little earlier still have it."""

    cursor = ArrivalNumber(primary_key=True)
    ident = models.BinaryField(max_length=32)
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, db_index=False)
    created_at = models.BigIntegerField()
    burn_at = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["burn_at"], name="burned_by_time")]


class RootMark(models.Model):
    """The index of roots: one that a topic has had, and the arrival number of the newest message under it."""

    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, db_index=False)
    root = models.BinaryField(max_length=32)
    horizon = models.BigIntegerField()
    as_of = models.BigIntegerField()
    cursor = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["topic", "root", "horizon"], name="root_once")]
        indexes = [models.Index(fields=["topic", "cursor"], name="root_by_arrival")]


class ContactMark(models.Model):
    """That a member has blocked or muted somebody (section 8); the newest `contact.mark` by (created_at, id) counts."""

    class State(models.TextChoices):
        """`none` takes a mark back; the row stays, so that an older message cannot bring it again."""

        BLOCKED = "blocked"
        MUTED = "muted"
        NONE = "none"

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="marks")
    other = models.ForeignKey(User, on_delete=models.CASCADE, related_name="marked_by")
    state = models.CharField(max_length=7, choices=State.choices)
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    ident = models.BinaryField(max_length=32, help_text="id of the message")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "other"], name="mark_once")]


class Report(models.Model):
    """That somebody was reported (`report`, section 8), whose turn it is to look, and what came of it."""

    class State(models.TextChoices):
        """Open, or the verdict with which it was closed."""

        OPEN = "open"
        DISMISSED = "dismissed"
        WARNED = "warned"
        REMOVED = "removed"

    ident = models.BinaryField(max_length=32, unique=True, help_text="id of the message")
    reporter = models.ForeignKey(User, on_delete=models.PROTECT, related_name="reports_made")
    reported = models.ForeignKey(User, on_delete=models.PROTECT, related_name="reports_about")
    reason = models.CharField(max_length=16)
    text = models.TextField(blank=True)
    messages = models.BinaryField(help_text="ids of what was reported, joined")
    opened = models.BinaryField(default=b"", help_text="ids and keys of the sealed messages that it opens, joined")
    at = models.BigIntegerField(help_text="ms since 1970 UTC")
    turn = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, related_name="+", help_text="whose turn it is, or was at last"
    )
    turn_since = models.BigIntegerField(help_text="ms since 1970 UTC")
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC")
    answer = models.TextField(blank=True, help_text="what was said when it was closed")

    class Meta:
        indexes = [
            models.Index(fields=["turn", "state"], name="report_by_turn"),
            models.Index(fields=["turn_since"], condition=Q(state="open"), name="report_open"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}, {bytes(self.ident).hex()[:16]}"


class BackupRun(models.Model):
    """A backup that was made, or a drill in which one was restored into a scratch place; written down at its end."""

    class Kind(models.TextChoices):
        """What was done."""

        BACKUP = "backup", "Backup"
        DRILL = "drill", "Restore drill"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    started_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    ended_at = models.BigIntegerField(help_text="ms since 1970 UTC")
    path = models.TextField(blank=True)
    bytes = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    topics = models.BigIntegerField(default=0)
    error = models.TextField(blank=True, help_text="what went wrong; empty: nothing")

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"
