"""Whom a member has blocked or muted: `contact.mark`, private to its author (protocol.md section 8).

What a mark does here: a blocked stranger's mail is dropped, and vouchers for them are none. The rest is the clients'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from accord.errors import AccordError
from accord.messages import Message
from messaging.models import ContactMark
from peers import registry
from peers.models import User

MAX_MARKS: Final = 5_000  # of a member


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that counts: whom, how, since when (ms); `pk` orders pages."""

    pk: int
    key: bytes
    state: str
    at: int


@registry.stores("contact.mark")
def contact_mark(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Note it; whom it is about does not hear of it."""
    if body["pubkey"] == message.author:
        raise AccordError("bad_request", "nobody marks themselves")
    owner, _ = User.objects.get_or_create(key=message.author)
    other, _ = User.objects.get_or_create(key=body["pubkey"])
    row = ContactMark.objects.filter(owner=owner, other=other).first()
    if row is None:
        if ContactMark.objects.filter(owner=owner).count() >= MAX_MARKS:
            raise AccordError("quota", f"at most {MAX_MARKS} people are blocked or muted")
        row = ContactMark(owner=owner, other=other)
    elif (row.at, bytes(row.ident)) > (message.created_at, message.id):
        return []
    row.state, row.at, row.ident = body["state"], message.created_at, message.id
    row.save()
    return []


def has_blocked(owner: bytes, other: bytes) -> bool:
    """Whether a member has blocked somebody."""
    return ContactMark.objects.filter(owner__key=owner, other__key=other, state=ContactMark.State.BLOCKED).exists()


def marks_of(owner: bytes, *, limit: int, after: int = 0) -> list[Mark]:
    """Whom a member has blocked or muted now."""
    rows = ContactMark.objects.filter(owner__key=owner, pk__gt=after).exclude(state=ContactMark.State.NONE)
    found = rows.order_by("pk").values_list("pk", "other__key", "state", "at")[:limit]
    return [Mark(pk, bytes(key), state, at) for pk, key, state, at in found]
