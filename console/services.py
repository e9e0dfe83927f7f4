"""Writes of the console: its entry, what the operator sets, refuses and says, counts over time.

Not here: second factors (factors.py), what is done to live sessions (live.py).
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final

import orjson
from django.contrib.sessions.models import Session as BrowserSession
from django.db import transaction
from django.db.models import F

from accord import messages
from accord.encoding import b64encode
from accord.errors import AccordError
from accord.topics import Topic as TopicName
from console import roles
from console.models import AuditCheck, Block, Counted, DayCount, EntryLink, Factor, Sample, Setting
from console.selectors import days_between
from console.shown import moment
from invites import ledger
from messaging import lookups
from messaging import selectors as stored_messages
from messaging.admission import Right
from messaging.backup import places
from messaging.models import Message
from messaging.services import message_publish
from peers import audit, options
from peers.clock import now_ms
from peers.counters import Counters
from peers.keyring import keyring
from peers.models import Account, AuditEntry, Token

LINK_LIFE_MS: Final = 15 * 60 * 1000
SECRET_BYTES: Final = 32
COUNT_STEP: Final = 50_000  # arrival numbers a transaction
SAMPLES_KEPT_MINUTES: Final = 2 * 24 * 60
DAY_MS: Final = 24 * 3600 * 1000
MINUTE_MS: Final = 60 * 1000
METRICS_TOKEN: Final = "metrics_token_digest"  # noqa: S105 - the name of a row


def digest_of(secret: str) -> bytes:
    """What is kept of a link's or a token's secret, which has 256 random bits: a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


# The entry


def entry_link_create(*, now: int, name: str = roles.OPERATOR, role: str = roles.OPERATOR) -> str:
    """A new secret that opens the console once, for LINK_LIFE_MS, to that user in that role. AccordError."""
    roles.name_of(name)
    roles.group_of(role)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        EntryLink.objects.filter(expires_at__lte=now).delete()
        EntryLink.objects.create(digest=digest_of(secret), expires_at=now + LINK_LIFE_MS, name=name, role=role)
    return secret


def restored_note(*, now: int) -> None:
    """A backup has been put in place: write it into the audit log, and let the operator who did it in again by the
    secret that their browser holds. Nothing where none has been.
    """
    found = places.read_json(places.restored_file())
    if not found:
        return
    facts = found["facts"]
    what = facts.get("name") or "what was in place before"
    with transaction.atomic():
        audit.note("restore", f"{what}, as of {moment(facts.get('made_at'))} UTC", actor=f"console {found['name']}")
        roles.group_of(found["role"])
        EntryLink.objects.create(
            digest=bytes.fromhex(found["digest"]),
            expires_at=now + LINK_LIFE_MS,
            name=roles.name_of(found["name"]),
            role=found["role"],
        )
    places.restored_file().unlink()


def entry_link_take(*, secret: str, now: int) -> tuple[str, str]:
    """Use a link up; gives who enters by it, and the role. AccordError("unauthorized") if there is no such link now.

    It is found by its hash, so that no comparison tells how much of a guess was right, and deleted in one statement, so
    that only one of several who come at once gets in.
    """
    wanted = EntryLink.objects.filter(digest=digest_of(secret), expires_at__gt=now)
    found = wanted.values_list("name", "role").first()  # looked for first: who only guesses takes no write lock
    if found is None or not wanted.delete()[0]:
        raise AccordError("unauthorized", "the link has been used, has expired, or is not whole")
    name, role = found
    audit.note("entry", name, f"By a link, as {role}.", actor=f"console {name}")
    return name, role


@transaction.atomic
def console_reset() -> int:
    """Forget all second factors, and end every session and link of the console; gives the number of factors."""
    removed, _ = Factor.objects.all().delete()
    EntryLink.objects.all().delete()
    BrowserSession.objects.all().delete()
    audit.note("factor", detail="All second factors were removed from the terminal, and all sessions ended.")
    return removed


# Settings


@transaction.atomic
def option_set(*, name: str, text: str, now: int) -> None:
    """Set a setting; AccordError("bad_request") with a sentence for what may not be."""
    option = options.OPTIONS.get(name)
    if option is None:
        raise AccordError("not_found", "there is no such setting")
    try:
        value = option.read(text)
    except ValueError as error:
        raise AccordError("bad_request", f"{option.title}: {error}") from error
    before = option.value
    Setting.objects.update_or_create(name=name, defaults={"value": str(value), "changed_at": now})
    audit.note("setting", option.title, f"{before} -> {value}")
    transaction.on_commit(options_refresh)


@transaction.atomic
def option_reset(*, name: str) -> None:
    """Give a setting its default again."""
    option = options.OPTIONS.get(name)
    if option is None:
        raise AccordError("not_found", "there is no such setting")
    if Setting.objects.filter(name=name).delete()[0]:
        audit.note("setting", option.title, f"{option.value} -> {option.default()} (the default)")
    transaction.on_commit(options_refresh)


def options_refresh() -> None:
    """Obey what is set, in this process."""
    options.load(dict(Setting.objects.exclude(name=METRICS_TOKEN).values_list("name", "value")))


@transaction.atomic
def metrics_token_create(*, now: int) -> str:
    """A new token for /metrics, in place of the one before; only its hash is kept."""
    token = secrets.token_urlsafe(SECRET_BYTES)
    Setting.objects.update_or_create(name=METRICS_TOKEN, defaults={"value": digest_of(token).hex(), "changed_at": now})
    audit.note("metrics_token", detail="A new token for /metrics; the one before is good no longer.")
    return token


@transaction.atomic
def capacity_set(*, capacity: int) -> None:
    """Let the hub hold so many accounts and unspent invites; AccordError("quota") below what is given out."""
    before = ledger.capacity_change(capacity, now=now_ms())
    audit.note("capacity", detail=f"{before:,} -> {capacity:,}")


# Refusing devices


@transaction.atomic
def block_add(*, client: bytes | None = None, serial: bytes | None = None, reason: str, now: int) -> Block:
    """Refuse a device or one certificate on this hub, and end its tokens; its live sessions are live.py's."""
    block, _ = Block.objects.get_or_create(client=client, serial=serial, defaults={"reason": reason, "created_at": now})
    tokens = Token.objects.filter(client=client) if client else Token.objects.filter(serial=serial)
    tokens.delete()
    what = "device" if client else "certificate"
    audit.note("block", f"{what} {b64encode(client or serial or b'')}", reason)
    return block


@transaction.atomic
def block_lift(*, block: Block) -> None:
    """Refuse it no longer."""
    what = "device" if block.client else "certificate"
    audit.note("unblock", f"{what} {b64encode(bytes(block.client or block.serial or b''))}")
    block.delete()


# Messages of the operator


def _publish_as_admin(to: TopicName, type_: str, body: dict[str, Any], *, now: int, **fields: Any) -> bytes:
    envelope = messages.create(
        keyring().admin,
        type=type_,
        to=to.name,
        body=orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
        created_at=now,
        **fields,
    )
    result = message_publish(envelope=envelope, right=Right.ADMIN, now=now)
    assert result.id is not None  # noqa: S101 - it was stored
    return result.id


def notice_publish(*, channel: TopicName, text: str, now: int) -> bytes:
    """Say something to all who read an open channel; gives the message's id."""
    ident = _publish_as_admin(channel, "chat.text", {"text": text}, now=now)
    audit.note("notice", channel.name, f"message {b64encode(ident)}")
    return ident


def _target(cursor: int) -> tuple[lookups.Target, bytes]:
    ident = Message.objects.filter(pk=cursor).values_list("ident", flat=True).first()
    target = lookups.target(bytes(ident)) if ident is not None else None
    if ident is None or target is None:
        raise AccordError("not_found", "the message is not held any more")
    if target.topic.kind != "chan":
        raise AccordError("denied", "the operator decides about messages of open channels only")
    return target, bytes(ident)


def message_pin(*, cursor: int, on: bool, now: int) -> None:
    """Pin a message of an open channel, or take the pin off, as the admin."""
    target, ident = _target(cursor)
    _publish_as_admin(
        target.topic, "chat.pin", {} if on else {"off": True}, now=now, refs=[{"rel": "pin", "id": b64encode(ident)}]
    )
    audit.note("pin" if on else "unpin", f"message {b64encode(ident)}", f"in {target.topic.name}")


def message_delete(*, cursor: int, now: int) -> None:
    """Delete a message of an open channel for everyone, as the admin."""
    target, ident = _target(cursor)
    _publish_as_admin(
        target.topic,
        "chat.delete",
        {},
        now=max(now, target.created_at),
        refs=[{"rel": "delete", "id": b64encode(ident)}],
    )
    audit.note("delete", f"message {b64encode(ident)}", f"in {target.topic.name}")


# The audit log


def audit_check(*, now: int) -> AuditCheck:
    """Check the whole log, and keep when that was and what was found."""
    first = next(audit.log_check(), None)
    row, _ = AuditCheck.objects.update_or_create(
        pk=1,
        defaults={"at": now, "entries": AuditEntry.objects.count(), "fault": first.says if first else ""},
    )
    return row


# Counts over time


def days_count() -> int:
    """Add what has arrived since the last call to the days whose date it bears; gives how many messages.

    In steps, each one transaction with its progress: a kill in between counts nothing twice.
    """
    total = 0
    while True:
        done, _ = Counted.objects.get_or_create(pk=1)
        newest = stored_messages.store_cursor()
        if done.cursor >= newest:
            return total
        upto = min(newest, done.cursor + COUNT_STEP)
        found = days_between(done.cursor, upto)
        with transaction.atomic():
            for day, count in found:
                row, _ = DayCount.objects.get_or_create(pk=day)
                DayCount.objects.filter(pk=row.pk).update(messages=F("messages") + count)
            Counted.objects.filter(pk=1).update(cursor=upto)
        total += sum(count for _, count in found)


class Sampler:
    """Makes of running totals what each minute brought."""

    def __init__(self) -> None:
        self._before = (0, 0, 0)

    def sample_take(self, counters: Counters, *, now: int) -> None:
        """Write down this minute, and forget what is older than SAMPLES_KEPT_MINUTES."""
        totals = (counters.stored, counters.delivered, counters.refused.total())
        stored, delivered, refused = (new - old for new, old in zip(totals, self._before, strict=True))
        self._before = totals
        figures = stored_messages.figures()
        minute = now // MINUTE_MS
        with transaction.atomic():
            row, created = Sample.objects.get_or_create(
                pk=minute,
                defaults={
                    "people": Account.objects.filter(kind=Account.Kind.REAL).count(),
                    "bytes": figures["bytes"],
                    "sockets": figures["sockets"],
                    "stored": stored,
                    "delivered": delivered,
                    "refused": refused,
                },
            )
            if not created:  # a sweep may run twice
                Sample.objects.filter(pk=row.pk).update(
                    stored=F("stored") + stored, delivered=F("delivered") + delivered, refused=F("refused") + refused
                )
            Sample.objects.filter(minute__lt=minute - SAMPLES_KEPT_MINUTES).delete()
