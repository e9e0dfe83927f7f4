"""Receipts of a hub that has pruned a topic: reading them, and holding them to a copy (protocol.md sections 3 and 5).

A receipt says that what was older than `to` left the topic's tree: `count` messages, of which the hub had the roots
before and after. Receipts of a topic join each other without gap, from 0 to its horizon: a hub cannot remove messages
without saying so and still agree with its own statements. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from accord import fields
from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.keys import SigningKey
from accord.merkle import HORIZON_MS, bucket_of, root_of
from accord.statements import make_statement, verify_statement
from accord.topics import parse_topic

AS_OF_MS: Final = 60_000
BURNING_MS: Final = 300_000  # what burns within this time of `as_of` is in no tree
COUNT_LIMIT: Final = 2**53 - 1

_count = fields.integer(0, COUNT_LIMIT)
_FIELDS: Final = {
    "v": fields.exactly(1),
    "type": fields.exactly("pruned"),
    "hub": fields.key,
    "at": fields.time_ms,
    "sig": fields.octets(64),
    "topic": fields.text(80),
    "from": fields.time_ms,
    "to": fields.time_ms,
    "count": _count,
    "root_before": fields.octets(32),
    "root_after": fields.octets(32),
    "as_of": fields.time_ms,
    "cursor": _count,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a hub says that it removed of a topic: times in ms, `cursor` the last arrival that is in the roots."""

    topic: str
    at: int
    start: int  # `from`
    horizon: int  # `to`
    count: int
    root_before: bytes
    root_after: bytes
    as_of: int
    cursor: int


class Held(NamedTuple):
    """What is asked of a message in a copy."""

    id: bytes
    cursor: int
    created_at: int
    burn_at: int | None


def make_receipt(hub: SigningKey, receipt: Receipt) -> dict[str, Any]:
    """The signed statement."""
    said = {
        "topic": receipt.topic,
        "from": receipt.start,
        "to": receipt.horizon,
        "count": receipt.count,
        "root_before": b64encode(receipt.root_before),
        "root_after": b64encode(receipt.root_after),
        "as_of": receipt.as_of,
        "cursor": receipt.cursor,
    }
    return make_statement(hub, type="pruned", at=receipt.at, **said)


def read_receipt(value: object, *, hub: bytes) -> Receipt:
    """A receipt that the hub has signed; RemoteError."""
    read = fields.read(verify_statement(value, hub=hub, type="pruned"), _FIELDS, "receipt")
    parse_topic(read["topic"])
    if read["from"] % HORIZON_MS or read["to"] % HORIZON_MS or read["from"] >= read["to"]:
        raise RemoteError("bad_request", "receipt: from and to are whole buckets, from before to")
    if read["as_of"] % AS_OF_MS or read["to"] > read["at"]:
        raise RemoteError("bad_request", "receipt: as_of is a whole minute, and nothing to come is pruned")
    return Receipt(
        read["topic"],
        read["at"],
        read["from"],
        read["to"],
        read["count"],
        read["root_before"],
        read["root_after"],
        read["as_of"],
        read["cursor"],
    )


def check_receipts(values: Sequence[object], *, hub: bytes, topic: str, horizon: int) -> list[Receipt]:
    """All receipts of a topic, the oldest first: signed by the hub, without gap from 0 to the topic's horizon (ms).
    RemoteError.
    """
    receipts = [read_receipt(value, hub=hub) for value in values]
    reached = 0
    for receipt in receipts:
        if receipt.topic != topic:
            raise RemoteError("bad_request", "receipt of another topic")
        if receipt.start != reached:
            raise RemoteError("bad_request", "there is a gap between the receipts")
        reached = receipt.horizon
    if reached != horizon:
        raise RemoteError("bad_request", "the receipts do not lead to the topic's horizon")
    return receipts


def check_copy(receipt: Receipt, messages: Iterable[Held]) -> None:
    """Hold a receipt to a copy of the topic, made before it was pruned: the roots and the number must be those of the
    copy. RemoteError. A copy that has lost messages, or has more than the hub had, cannot agree either.
    """
    held = [
        (message.created_at, message.id)
        for message in messages
        if message.cursor <= receipt.cursor
        and message.created_at >= receipt.start
        and (message.burn_at is None or message.burn_at > receipt.as_of + BURNING_MS)
    ]
    held.sort(key=lambda item: (bucket_of(item[0], 0), item[1]))
    before, count = root_of(held)
    after, left = root_of([item for item in held if item[0] >= receipt.horizon])
    if (before, after, count - left) != (receipt.root_before, receipt.root_after, receipt.count):
        raise RemoteError("bad_request", "the copy and the receipt do not agree")
