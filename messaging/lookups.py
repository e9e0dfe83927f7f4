"""What a commit asks of what is held, message by message: is it there, what does it refer to, who may be written to.

Not here: what readers get (selectors.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Max

from accord.topics import Topic as TopicName
from messaging.models import Message, Reference
from peers.models import Account, Blessing, KeyChange, User
from peers.selectors import member_of

MAX_IDS_A_QUERY: Final = 500
_HELD: Final = f"SELECT ident, cursor, body IS NOT NULL FROM {Message._meta.db_table} WHERE ident IN ({{}})"  # noqa: S608
_DELETED: Final = f"SELECT target FROM {Reference._meta.db_table} WHERE relation = 'delete' AND target IN ({{}})"  # noqa: S608

ALLOWANCE: Final = ("messages_limit", "messages_used", "bytes_limit", "bytes_used", "reserve_used")
_ALLOWANCES: Final = (
    f"SELECT u.key, a.id, {', '.join(f'a.{column}' for column in ALLOWANCE)} "  # noqa: S608
    f"FROM {Account._meta.db_table} a JOIN {User._meta.db_table} u ON u.id = a.user_id WHERE u.key IN ({{}})"
)


def chunks(items: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """A list in parts that one query may name."""
    for start in range(0, len(items), MAX_IDS_A_QUERY):
        yield items[start : start + MAX_IDS_A_QUERY]


def _among(query: str, idents: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """Rows of a query over message ids. Not the ORM's: it takes as long over each id as the database does."""
    with connection.cursor() as cursor:
        cursor.execute(query.format(", ".join(["%s"] * len(idents))), idents)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def held(idents: Sequence[bytes]) -> Iterator[tuple[bytes, int, bool]]:
    """Which of these message ids are held: (id, cursor, whether with its body)."""
    for ident, cursor, has_body in _among(_HELD, idents):
        yield bytes(ident), cursor, bool(has_body)


def allowances(keys: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """Of the accounts of these users: (key, account id, *ALLOWANCE)."""
    return _among(_ALLOWANCES, keys)


def deleted(idents: Sequence[bytes]) -> list[bytes]:
    """Which of these message ids some held message deletes, with or without the right to."""
    return [bytes(target) for (target,) in _among(_DELETED, idents)]


@dataclass(frozen=True, slots=True)
class Target:
    """A held message that another one refers to."""

    cursor: int
    type: str
    topic_id: int
    topic: TopicName
    author: bytes
    created_at: int
    burn_at: int | None
    body_bytes: int
    has_body: bool


def target(ident: bytes) -> Target | None:
    """The held message of an id."""
    row = Message.objects.filter(ident=ident).select_related("topic", "author").first()
    if row is None:
        return None
    return Target(
        cursor=row.cursor,
        type=row.type,
        topic_id=row.topic_id,
        topic=TopicName(row.topic.kind, bytes(row.topic.ident)),
        author=bytes(row.author.key),
        created_at=row.created_at,
        burn_at=row.burn_at,
        body_bytes=len(row.salt or b"") + len(row.body or b""),
        has_body=row.body is not None,
    )


def is_known(key: bytes) -> bool:
    """Whether a user key has an account here or has written or been addressed here."""
    return User.objects.filter(key=key).exists()


def is_served(key: bytes, *, now: int) -> bool:
    """Whether messages to a user are for this hub to keep: a member's, or those of somebody who blesses it or a hub
    that it serves them through; or those to a key that a member had before.
    """
    return (
        Account.objects.filter(user__key=key).exclude(kind=Account.Kind.TEMP).exists()
        or Blessing.objects.filter(user__key=key, expiration__gt=now).exists()
        or KeyChange.objects.filter(old__key=key).exists()
    )


def has_written(author: bytes, to: bytes) -> bool:
    """Whether a message by one user into another one's inbox is held."""
    return Message.objects.filter(author__key=author, topic__kind="user", topic__ident=to).exists()


def may_vouch(user: bytes, *, now: int) -> bool:
    """Whether a user is a member here, whose word lets strangers in."""
    member = member_of(user, now=now)
    return member is not None and member.kind != Account.Kind.TEMP


def strangers_waiting(recipient: bytes) -> Counter[bytes]:
    """How many undeleted messages each author without an account has in a member's inbox since the member last wrote to
    that author.
    """
    inbox = Message.objects.filter(
        topic__kind="user", topic__ident=recipient, author__account__isnull=True, body__isnull=False
    )
    arrived = [(bytes(key), cursor) for key, cursor in inbox.values_list("author__key", "cursor")]
    answers = (
        Message.objects.filter(author__key=recipient, topic__kind="user", topic__ident__in={key for key, _ in arrived})
        .values("topic__ident")
        .annotate(last=Max("cursor"))
        .values_list("topic__ident", "last")
    )
    answered = {bytes(ident): last for ident, last in answers}
    return Counter(key for key, cursor in arrived if cursor > answered.get(key, 0))
