"""The hub's audit log: who has done what to it, chained and signed as it is written (protocol.md section 8).

`note` adds an entry in the transaction of what it tells of: both are kept, or neither. Control messages to this hub
that change accounts become entries by themselves, whoever brought them. Each entry has a signature of its own: deeds
are rare, and so none waits for a checkpoint that a thief would not let come. How far the log goes is also kept, signed,
in the file `audit.head` of the home, so that a log which was cut off at its end is known for it.

Never give it a message's text or a secret. Not here: checks of a log, its form (accord/audit.py), pages (console).
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import BinaryField
from django.db.models.functions import Cast

from accord import audit
from accord.audit import Entry, Fault, Head, Sealed
from accord.encoding import b64encode
from accord.errors import RemoteError
from accord.messages import Message
from peers import registry
from peers.clock import now_ms
from peers.keyring import keyring, write_private
from peers.models import AuditEntry
from peers.registry import Arrival

logger = logging.getLogger(__name__)

HEAD_FILE: Final = "audit.head"
TRIES: Final = 20
CHUNK_ROWS: Final = 1_000
LEAST_NUMBER: Final = -(2**63)  # of any row: what is put before the first entry is to be seen too
MOST_NUMBER: Final = 2**63 - 1

TERMINAL: Final = "terminal"
HUB: Final = "hub"

# What of a control message is told, beside whom it is about. `code` of a claim is a secret, `text` somebody's words.
_TOLD: Final[dict[str, tuple[str, ...]]] = {
    "add_user": ("account_name", "kind", "invites", "messages", "bytes"),
    "replace_account": ("account_name", "new_pubkey"),
    "remove_user": ("mode", "at"),
    "restore_user": (),
    "set_quota": ("invites", "messages", "bytes"),
    "set_recovery": ("recovery",),
    "vouch_replace": ("new_pubkey",),
    "cancel_replace": (),
    "report": ("reason",),
    "report.close": ("report", "verdict"),
    "chan.open": ("name",),
}

_default_actor = [TERMINAL]
_actor: ContextVar[str] = ContextVar("audit_actor", default="")


def serve_as_hub() -> None:
    """What this process does by itself from now on is the hub's doing; other processes are commands."""
    _default_actor[0] = HUB


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Whose deeds are noted within."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def note(action: str, target: str = "", detail: str = "", *, actor: str = "") -> None:
    """Add an entry; never give it a message's text or a secret."""
    _append([(actor or _actor.get() or _default_actor[0], action, target, detail)], now_ms())
    logger.info("audit: %s", action)


def _plain(text: str, most: int) -> str:
    """What canonical JSON can hold, whatever somebody called himself."""
    return text.replace("\0", "")[:most].encode("utf-8", "replace").decode()


def _append(deeds: Sequence[tuple[str, str, str, str]], now: int) -> None:
    """Chain and sign deeds, as (actor, action, target, detail). Two who do so at once come one after the other."""
    ring = keyring()
    for tries_left in reversed(range(TRIES)):
        last = AuditEntry.objects.order_by("-number").values_list("number", "hash").first()
        number, before = (last[0], bytes(last[1])) if last else (0, ring.hub.public)
        rows = []
        for actor, action, target, detail in deeds:
            number += 1
            entry = Entry(
                number,
                now,
                _plain(actor, audit.MAX_ACTOR_CHARS),
                _plain(action, audit.MAX_ACTION_CHARS),
                _plain(target, audit.MAX_TARGET_CHARS),
                _plain(detail, audit.MAX_DETAIL_CHARS),
            )
            sealed = audit.seal(ring.hub, entry, before)
            before = sealed.hash
            rows.append(row_of(sealed))
        try:
            with transaction.atomic():
                AuditEntry.objects.bulk_create(rows)
        except IntegrityError:  # somebody else's entry has that number now
            if not tries_left:
                raise
        else:
            transaction.on_commit(head_keep, robust=True)
            return


def row_of(sealed: Sealed) -> AuditEntry:
    """The row of an entry."""
    entry = sealed.entry
    return AuditEntry(
        number=entry.number,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        detail=entry.detail,
        hash=sealed.hash,
        sig=sealed.sig,
    )


# Control messages


def _told_of(message: Message) -> tuple[str, str, str, str] | None:
    told = _TOLD.get(message.type)
    if told is None or message.body is None or message.topic != ("hub", keyring().hub.public):
        return None
    body: dict[str, Any] = orjson.loads(message.body)
    target = str(body.get("pubkey") or b64encode(message.author))
    detail = ", ".join(f"{name} {body[name]}" for name in told if name in body)
    return f"user {b64encode(message.author)}", message.type, target, detail


def arrivals_note(arrivals: Sequence[Arrival], now: int) -> None:
    """Note what control messages change, last in the transaction that stores them."""
    deeds = [deed for arrival in arrivals if (deed := _told_of(arrival.message)) is not None]
    if deeds:
        _append(deeds, now)


registry.stored_hooks.append(arrivals_note)


# The head


def head() -> Head:
    """How far the log goes now."""
    last = AuditEntry.objects.order_by("-number").values_list("number", "hash").first()
    number, digest = (last[0], bytes(last[1])) if last else (0, keyring().hub.public)
    return Head(number, digest, now_ms())


def head_kept() -> Head | None:
    """What the home says of how far the log went; None if nothing. RemoteError if that is not the hub's word."""
    try:
        line = (settings.ACCORD_HOME / HEAD_FILE).read_bytes()
    except FileNotFoundError:
        return None
    return audit.read_head(line, hub=keyring().hub.public)[0]


def head_keep() -> None:
    """Keep in the home how far the log goes, after a commit; what is kept never goes back."""
    lock = os.open(settings.ACCORD_HOME / f"{HEAD_FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = head()
        with suppress(RemoteError):
            kept = head_kept()
            if kept is not None and kept.number >= now.number:
                return
        write_private(settings.ACCORD_HOME / HEAD_FILE, audit.head_line(keyring().hub, now).decode())
    finally:
        os.close(lock)


# Checks and exports

_COLUMNS: Final = ("number", "at", "actor", "action", "target", "detail", "hash", "sig")
_TEXTS: Final = ("actor", "action", "target", "detail")


def _octets(value: object) -> bytes:
    """What a damaged row holds may be of any type."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _rows(after: int, upto: int) -> list[Sealed]:
    """The next entries. SQLite gives no text that is not UTF-8: such rows are read as bytes, so that they are seen."""
    wanted = AuditEntry.objects.filter(number__gt=after, number__lte=upto).order_by("number")
    try:
        rows = list(wanted.values_list(*_COLUMNS)[:CHUNK_ROWS])
    except OperationalError:
        raw = {f"raw_{name}": Cast(name, BinaryField()) for name in _TEXTS}
        names = [f"raw_{name}" if name in _TEXTS else name for name in _COLUMNS]
        found = wanted.annotate(**raw).values_list(*names)[:CHUNK_ROWS]
        rows = [(*row[:2], *(_octets(text).decode("utf-8", "replace") for text in row[2:6]), *row[6:]) for row in found]
    return [Sealed(Entry(*row[:6]), _octets(row[6]), _octets(row[7])) for row in rows]


def log(*, upto: int = MOST_NUMBER) -> Iterator[Sealed]:
    """All entries in order, or those up to a number."""
    last = LEAST_NUMBER
    while chunk := _rows(last, upto):
        yield from chunk
        last = chunk[-1].entry.number


def log_check() -> Iterator[Fault]:
    """Everything that is wrong with this hub's log, up to accord.audit.MAX_FAULTS."""
    try:
        kept = head_kept()
    except RemoteError as error:
        yield Fault(0, f"the home's {HEAD_FILE} is not what the hub has signed: {error.detail}")
        kept = None
    else:
        if kept is None and AuditEntry.objects.exists():
            yield Fault(0, f"the home has no {HEAD_FILE}: whether entries are missing at the end cannot be told")
    seen = [0]

    def counted() -> Iterator[Sealed]:
        for sealed in log():
            seen[0] += 1
            yield sealed

    found = 0
    for fault in audit.check(counted(), hub=keyring().hub.public, head=kept):
        found += 1
        yield fault
    if not found and seen[0] != AuditEntry.objects.count():
        yield Fault(0, "the table holds rows that are no entries")


def export() -> Iterator[bytes]:
    """The log as lines of JSON: first the head, signed now, then every entry up to it."""
    now = head()
    yield audit.head_line(keyring().hub, now)
    for sealed in log(upto=now.number):
        yield audit.line_of(sealed)
