"""Reports: whom members hold to account, before whom (protocol.md section 8).

A report goes to the account above the reported one, and on to the next one up while nobody closes it, at last to the
admin, who also gets those about people without an account. Not here: what removal means (invites), strikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from accord.errors import AccordError
from accord.messages import Message as SignedMessage
from invites.branches import path_to
from messaging import listing, opened
from messaging.models import Mention, Message, Report
from messaging.selectors import Reader
from messaging.topic_rows import account_names
from peers import options, registry
from peers.models import Account, User
from peers.owner import acting_member

MAX_OPEN_REPORTS: Final = 20  # of one reporter
MOVED_AT_ONCE: Final = 500
HOUR_MS: Final = 3600 * 1000
IDENT_BYTES: Final = 32

REPORT_HOURS: Final = options.number(
    "report_hours",
    "Time to answer a report",
    explains="How long whoever invited the reported person has to look at a report before it goes on to the next one "
    "up the tree, and at last to the admin.",
    affects="Reports that are open follow the new time from their last step on.",
    default=24,
    least=1,
    most=240,
    unit="hours",
)


def chain_of(reported: bytes, reporter: bytes) -> list[int]:
    """The accounts before which a report about `reported` comes, in turn: those above, but not the reporter's own,
    nor one that is frozen; the admin's is always the last.
    """
    path = path_to(reported)
    above = path[1:] if path else []
    admin = Account.objects.values_list("pk", flat=True).get(kind=Account.Kind.ADMIN)
    rows = Account.objects.filter(pk__in=above, frozen_at__isnull=True).exclude(user__key=reporter)
    live = set(rows.values_list("pk", flat=True))
    return [pk for pk in above if pk in live and pk != admin] + [admin]


@registry.stores("report")
def report_take(message: SignedMessage, body: dict[str, Any], now: int) -> list[bytes]:
    """Bring it before the first whose turn it is; the reported does not hear of it."""
    reported: bytes = body["pubkey"]
    if reported == message.author:
        raise AccordError("bad_request", "nobody reports themselves")
    if Account.objects.filter(user__key=reported, kind=Account.Kind.ADMIN).exists():
        raise AccordError("denied", "nobody stands above the admin of a hub")
    if Report.objects.filter(reporter__key=message.author, state=Report.State.OPEN).count() >= MAX_OPEN_REPORTS:
        raise AccordError("quota", f"at most {MAX_OPEN_REPORTS} reports of yours are open at once")
    turn = Account.objects.select_related("user").get(pk=chain_of(reported, message.author)[0])
    Report.objects.create(
        ident=message.id,
        reporter=User.objects.get_or_create(key=message.author)[0],
        reported=User.objects.get_or_create(key=reported)[0],
        reason=body["reason"],
        text=body.get("text", ""),
        messages=b"".join(body.get("messages", [])),
        opened=opened.keys_kept(
            body.get("opened", []), reported=reported, reader=Reader(message.author, is_admin=False, now=now)
        ),
        at=message.created_at,
        turn=turn,
        turn_since=now,
    )
    return [bytes(turn.user.key)]


@registry.stores("report.close")
def report_close(message: SignedMessage, body: dict[str, Any], now: int) -> list[bytes]:
    """Close it, by whose turn it is or whoever stands above; the reporter hears of it, and who is warned."""
    row = Report.objects.select_related("reporter", "reported").filter(ident=body["report"]).first()
    member = acting_member(message.author, now=now)
    if row is None or member is None or member.account_id not in _judges(row):
        raise AccordError("not_found", "there is no such report for you to close")
    if row.state != Report.State.OPEN:
        raise AccordError("conflict", "that report has been closed")
    row.state, row.answer = body["verdict"], body.get("text", "")
    row.closed_by, row.closed_at = User.objects.get_or_create(key=message.author)[0], now
    row.save()
    heard = [bytes(row.reporter.key)]
    return [*heard, bytes(row.reported.key)] if row.state == Report.State.WARNED else heard


def _judges(row: Report) -> list[int]:
    """The accounts that may close a report: whose turn it is, and those that come after."""
    chain = chain_of(bytes(row.reported.key), bytes(row.reporter.key))
    return chain[chain.index(row.turn_id) :] if row.turn_id in chain else chain


@transaction.atomic
def reports_move(*, now: int) -> int:
    """Hand open reports whose time is over, or whose judge is gone, to the next one; gives their number."""
    is_over = Q(turn_since__lte=now - REPORT_HOURS.value * HOUR_MS) & ~Q(turn__kind=Account.Kind.ADMIN)
    is_lost = Q(turn__isnull=True) | Q(turn__frozen_at__isnull=False)
    rows = Report.objects.filter(is_over | is_lost, state=Report.State.OPEN)
    moved = 0
    for row in rows.select_related("reporter", "reported", "turn").order_by("pk")[:MOVED_AT_ONCE]:
        chain = chain_of(bytes(row.reported.key), bytes(row.reporter.key))
        after = chain.index(row.turn_id) + 1 if row.turn_id in chain else 0
        if after == len(chain):
            continue  # with the admin it stays
        turn = Account.objects.select_related("user").get(pk=chain[after])
        row.turn, row.turn_since = turn, now
        row.save(update_fields=["turn", "turn_since"])
        _show_to(row, turn.user)
        moved += 1
    return moved


def _show_to(row: Report, user: User) -> None:
    """From now on the message of the report concerns this user too, whose clients find it in `hub:`."""
    cursor = Message.objects.filter(ident=row.ident).values_list("cursor", flat=True).first()
    if cursor is not None and not Mention.objects.filter(message=cursor, user=user).exists():
        Mention.objects.create(message_id=cursor, user=user)


# Reads


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by key, with the account name here, if there is one."""

    key: bytes
    name: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A report as somebody may see it; `moves_at` (ms) is when it goes on to the next, None for the last and for those
    that are closed; `messages` are the items that the reader may read of what was reported, and those that the
    report opens; `opened` are the keys of these, by message id.
    """

    pk: int
    id: bytes
    reporter: Person | None
    reported: Person
    reason: str
    text: str
    at: int
    state: str
    answer: str
    closed_at: int | None
    moves_at: int | None
    quoted: int
    messages: list[bytes]
    opened: list[dict[str, bytes]]


def _idents(row: Report) -> list[bytes]:
    joined = bytes(row.messages)
    return [joined[start : start + IDENT_BYTES] for start in range(0, len(joined), IDENT_BYTES)]


def _shown(rows: Sequence[Report], reader: Reader, *, with_reporter: bool, with_messages: bool) -> list[Shown]:
    keys = [bytes(user.key) for row in rows for user in (row.reporter, row.reported)]
    names = account_names(keys)
    admin = Account.objects.values_list("pk", flat=True).get(kind=Account.Kind.ADMIN)

    def person(user: User) -> Person:
        return Person(bytes(user.key), names.get(bytes(user.key)))

    found = []
    for row in rows:
        idents = _idents(row)
        given = opened.keys_of(bytes(row.opened)) if with_messages else {}
        items = [listing.message_item(ident, reader, is_shown=ident in given) for ident in idents if with_messages]
        is_last = row.state != Report.State.OPEN or row.turn_id == admin
        found.append(
            Shown(
                pk=row.pk,
                id=bytes(row.ident),
                reporter=person(row.reporter) if with_reporter else None,
                reported=person(row.reported),
                reason=row.reason,
                text=row.text if with_reporter else "",
                at=row.at,
                state=row.state,
                answer=row.answer,
                closed_at=row.closed_at,
                moves_at=None if is_last else row.turn_since + REPORT_HOURS.value * HOUR_MS,
                quoted=len(idents),
                messages=[item for item in items if item is not None],
                opened=[{"id": ident, "key": key} for ident, key in given.items()],
            )
        )
    return found


def _rows(account_id: int, reader: Reader, of: str) -> QuerySet[Report]:
    rows = Report.objects.select_related("reporter", "reported")
    match of:
        case "mine":
            return rows.filter(reporter__key=reader.user)
        case "warnings":
            return rows.filter(reported__key=reader.user, state=Report.State.WARNED)
        case _:
            return rows.filter(turn=account_id, state=Report.State.OPEN)


def reports_for(
    account_id: int, reader: Reader, *, of: str, limit: int, before: int | None = None, ident: bytes | None = None
) -> list[Shown]:
    """Reports, the newest first: `turn`, those that wait for this account; `mine`, those that its user has made;
    `warnings`, what its user was told, without who reported it. Or the one of an id.
    """
    rows = _rows(account_id, reader, of)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    if ident is not None:
        rows = rows.filter(ident=ident)
    return _shown(
        list(rows.order_by("-pk")[:limit]), reader, with_reporter=of != "warnings", with_messages=of != "warnings"
    )


def report_seen(ident: bytes, reader: Reader) -> Shown | None:
    """A report by id, for whoever has just made or closed it."""
    rows = Report.objects.filter(ident=ident).select_related("reporter", "reported")
    found = _shown(list(rows), reader, with_reporter=True, with_messages=True)
    return found[0] if found else None
