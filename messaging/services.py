"""Writes of messages: the store, burning, what a new hub begins with (protocol.md sections 1, 3, 8)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from accord import invites as invite_links
from accord import messages
from accord.encoding import b64encode, canonical
from accord.errors import AccordError
from accord.invites import InviteLink
from accord.messages import Message as SignedMessage
from accord.statements import STORE_ID_BYTES
from accord.topics import NONCE_BYTES, open_channel_id
from accord.topics import Topic as TopicName
from invites.selectors import account_of_user
from invites.services import currency_install
from messaging import trees
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.batch import Batch, Result
from messaging.batch_rows import TableIds
from messaging.locks import store_lock
from messaging.models import Burned, Mention, Message, Reference, Store, Topic
from messaging.rights import hub_admin
from messaging.stored import Stored
from peers import registry
from peers.clock import now_ms
from peers.keyring import keyring
from peers.models import Account
from peers.services import admin_install

BURN_STEP: Final = 500
BURNED_KEPT_MS: Final = 600_000
WRITER_CACHE_KIB: Final = 256 * 1024
LOUNGE: Final = "lounge"
MAX_FOREIGN_CHANNELS: Final = 500  # of one hub

_known = TableIds()


def writer_prepare() -> None:
    """Give the connection of a thread that stores many messages room for the index of their ids."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}")


def messages_store(*, items: Sequence[Admitted], now: int) -> tuple[list[Result], list[Stored]]:
    """Store a group of admitted messages in one transaction; durable when it returns.

    Gives a result for each, in order, and what has been stored, with rising arrival numbers. One refused message leaves
    its neighbours alone.
    """
    with transaction.atomic():
        batch = Batch(now=now, known=_known, cursor=store_lock())
        batch.take(items)
        transaction.on_commit(lambda: _known.add(batch.rows.users, batch.rows.topics))
    return batch.results, batch.stored


def message_publish(*, envelope: dict[str, Any], right: Right, now: int) -> Result:
    """Take one message that the hub's operator has signed; raises the AccordError that refuses it."""
    parsed = messages.parse_envelope(envelope)
    item = admit(parsed, Publisher(right, user=parsed.author), now=now)
    result = messages_store(items=[item], now=now)[0][0]
    if result.error:
        raise result.error
    return result


def messages_burn(*, now: int) -> int:
    """Drop every message whose burn_at has come, in steps; gives their number."""
    burned = 0
    while Message.objects.filter(burn_at__lte=now).exists():  # asked without the write lock, since it is asked often
        with transaction.atomic():
            store_lock()
            rows = list(
                Message.objects.filter(burn_at__lte=now).values_list(
                    "cursor", "topic_id", "ident", "created_at", "burn_at", "header", "sig", "salt", "body"
                )[:BURN_STEP]
            )
            cursors = [row[0] for row in rows]
            Burned.objects.bulk_create(
                Burned(cursor=cursor, topic_id=topic_id, ident=ident, created_at=created_at, burn_at=burn_at or 0)
                for cursor, topic_id, ident, created_at, burn_at, *_ in rows
            )
            for _, topic_id, _, _, _, *blobs in rows:
                size = sum(len(blob) for blob in blobs if blob is not None)
                Topic.objects.filter(pk=topic_id).update(count=F("count") - 1, bytes=F("bytes") - size)
            Mention.objects.filter(message__in=cursors).delete()
            Reference.objects.filter(message__in=cursors).delete()
            Message.objects.filter(cursor__in=cursors).delete()
            wipe_later(len(rows))
        burned += len(rows)
    burned_forget(now=now)
    return burned


registry.burns.append(lambda now: messages_burn(now=now))


def burned_forget(*, now: int) -> None:
    """Forget what burned ten minutes ago, once branches are kept for a moment in which it had gone."""
    trees_at = Store.objects.values_list("tree_at", flat=True).first() or 0
    old = Burned.objects.filter(burn_at__lte=min(now - BURNED_KEPT_MS, trees_at + trees.BURN_MARGIN_MS))
    if old.exists():  # asked without the write lock
        old.delete()


def wipe_later(count: int) -> None:
    """Note, in the transaction that purges them, that so many things may still lie in the write-ahead log."""
    Store.objects.filter(pk=1).update(unwiped=F("unwiped") + count)


def log_wipe() -> None:
    """Empty SQLite's write-ahead log if what was deleted or burned may lie in it; the main file is overwritten already.

    Another reader can be in the way; then nothing waits for it, and the next call tries again.
    """
    purges = Store.objects.values_list("unwiped", flat=True).first()
    if connection.vendor != "sqlite" or not purges:
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (patience_ms,) = cursor.fetchone()
        cursor.execute("PRAGMA busy_timeout=0")  # the checkpoint keeps every writer out while it waits
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (in_the_way, _, _) = cursor.fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout={int(patience_ms)}")
    if not in_the_way:
        Store.objects.update(unwiped=F("unwiped") - purges)


def _topic_ensure(kind: str, ident: bytes) -> None:
    Topic.objects.get_or_create(kind=kind, ident=ident)


def topics_use(*, topics: Iterable[TopicName], now: int) -> None:
    """Note that a person here uses these topics."""
    for topic in topics:
        Topic.objects.filter(kind=topic.kind, ident=topic.ident, used_at__lt=now).update(used_at=now)


@registry.stores("add_user")
def topics_of_added(message: SignedMessage, body: dict[str, Any], now: int) -> list[bytes]:
    """A claimed account has a feed and an inbox from its first moment."""
    if body["kind"] == Account.Kind.REAL:
        _topics_of_user(body["pubkey"])
    return []


@registry.stores("replace_account")
def topics_of_claimed(message: SignedMessage, body: dict[str, Any], now: int) -> list[bytes]:
    """The same for one that has just been claimed; a replacement may have to wait."""
    if Account.objects.filter(user__key=body["new_pubkey"]).exists():
        _topics_of_user(body["new_pubkey"])
    return []


def _topics_of_user(key: bytes) -> None:
    _topic_ensure("feed", key)
    _topic_ensure("user", key)


def _topics_of_replaced(old: bytes, new: bytes, now: int) -> None:
    _topics_of_user(new)


registry.replaced_hooks.append(_topics_of_replaced)


@registry.stores("chan.open")
def channel_open(message: SignedMessage, body: dict[str, Any], now: int) -> list[bytes]:
    """Make an open channel, of this hub or of the one that the message is addressed to. AccordError: denied (not that
    hub's admin), conflict (the nonce was used), quota (too many of that hub).
    """
    hub = message.topic.ident
    admin = hub_admin(hub)
    if admin is None or not admin.has(message.author, message.created_at):
        raise AccordError("denied", "the hub's admin opens channels")
    is_own = hub == keyring().hub.public
    if not is_own and Topic.objects.filter(kind="chan", hub=hub).count() >= MAX_FOREIGN_CHANNELS:
        raise AccordError("quota", f"this hub knows {MAX_FOREIGN_CHANNELS} channels of another one at most")
    ident = open_channel_id(message.author, body["nonce"], hub)
    defaults = {"name": body["name"], "about": body.get("about", ""), "hub": None if is_own else hub}
    _, created = Topic.objects.get_or_create(kind="chan", ident=ident, defaults=defaults)
    if not created:
        raise AccordError("conflict", "that channel exists")
    return []


def _admin_publish(type_: str, body: dict[str, Any]) -> None:
    ring = keyring()
    now = now_ms()
    envelope = messages.create(
        ring.admin, type=type_, to=TopicName("hub", ring.hub.public).name, body=canonical(body), created_at=now
    )
    message_publish(envelope=envelope, right=Right.ADMIN, now=now)


def channel_create(*, name: str, about: str = "") -> TopicName:
    """Open a channel by a message of the admin; gives its topic."""
    ring = keyring()
    nonce = secrets.token_bytes(NONCE_BYTES)
    body = {"nonce": b64encode(nonce), "name": name}
    _admin_publish("chan.open", {**body, "about": about} if about else body)
    return TopicName("chan", open_channel_id(ring.admin.public, nonce, ring.hub.public))


def hub_install() -> None:
    """Make what a hub begins with, once: the admin's account with the whole capacity, the store, the lounge."""
    ring = keyring()
    with transaction.atomic():
        now = now_ms()
        admin = admin_install(keyring=ring, now=now)
        currency_install(admin=admin, capacity=settings.ACCORD_CAPACITY, now=now)
        Store.objects.get_or_create(pk=1, defaults={"store": secrets.token_bytes(STORE_ID_BYTES)})
        for kind, ident in (("feed", ring.admin.public), ("user", ring.admin.public), ("hub", ring.hub.public)):
            _topic_ensure(kind, ident)
        if not Topic.objects.filter(kind="chan", hub__isnull=True, is_private=False).exists():
            channel_create(name=LOUNGE, about="Everyone meets here. The hub can read this channel.")


def invite_create(
    *,
    origin: str,
    invites: int,
    messages: int | None = None,
    bytes: int | None = None,
    name: str | None = None,
    life_ms: int | None = None,
    code: str | None = None,
    channels: Sequence[TopicName] = (),
    people: int = 1,
) -> InviteLink:
    """New temporary accounts under the admin's, one or those of a circle, and the link behind which they wait.

    `invites`, `messages` and `bytes` go along with each account; `name` is suggested to the newcomer, `channels` are
    those that they are led to, `code` is a claim code in its normal form. AccordError: quota (invites are out),
    conflict (the name is in use); then nothing is made.
    """
    link = invite_links.new_link(origin, keyring().hub.public, people=people)
    given = {"invites": invites, "messages": messages, "bytes": bytes}
    given["expires"] = None if life_ms is None else now_ms() + life_ms
    common: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if channels:
        common["channels"] = [b64encode(topic.ident) for topic in channels]
    bodies = []
    for place in link.places:
        temporary = invite_links.temporary_key(link.secret, place).public
        body = {"pubkey": b64encode(temporary), "account_name": name or invite_links.placeholder_name(), **common}
        if code is not None:
            body["code_hash"] = b64encode(invite_links.hash_code(code, temporary))
        bodies.append({**body, "kind": "temp"})
    with transaction.atomic():
        for body in bodies:
            _admin_publish("add_user", body)
    return link


def member_add(
    *, key: bytes, name: str, invites: int = 0, messages: int | None = None, bytes: int | None = None
) -> None:
    """A real account for a user key under the admin's, by a message of the admin. AccordError: quota (invites are out),
    conflict (the key or the name has an account), denied.
    """
    given = {"invites": invites, "messages": messages, "bytes": bytes}
    body = {field: value for field, value in given.items() if value is not None}
    _admin_publish("add_user", {"pubkey": b64encode(key), "account_name": name, "kind": "real", **body})


def quota_give(*, key: bytes, more_invites: int = 0, messages: int | None = None, bytes: int | None = None) -> None:
    """So many more invites for somebody (or fewer), from the admin's own; what the account may store, where it is not
    None. AccordError: not_found, denied (the admin's own account), quota (there are not so many).
    """
    with transaction.atomic():
        store_lock()
        left = account_of_user(key).balance.unspent
        if left + more_invites < 0:
            raise AccordError("quota", f"the account has only {left:,} invites left")
        given = {"invites": left + more_invites if more_invites else None, "messages": messages, "bytes": bytes}
        body = {field: value for field, value in given.items() if value is not None}
        _admin_publish("set_quota", {"pubkey": b64encode(key), **body})


def invite_withdraw(*, key: bytes) -> None:
    """Withdraw the invite with a temporary key, by a message of the admin; AccordError("not_found") once used up."""
    _admin_publish("remove_user", {"pubkey": b64encode(key), "mode": "subtree", "at": now_ms()})


def report_decide(*, ident: bytes, verdict: str, text: str = "") -> None:
    """Close a report by a message of the admin. AccordError: not_found, conflict (it has been closed)."""
    body = {"report": b64encode(ident), "verdict": verdict}
    _admin_publish("report.close", {**body, "text": text} if text else body)


def replacement_stop(*, key: bytes) -> None:
    """End what waits to replace the account of a key, by a message of the admin. AccordError: not_found, denied."""
    _admin_publish("cancel_replace", {"pubkey": b64encode(key)})


def member_remove(*, key: bytes, mode: str) -> None:
    """Begin the removal of an account, `reparent` or with its branch (`subtree`), by a message of the admin.
    AccordError: not_found, denied (the admin's own), conflict (it is being removed already).
    """
    _admin_publish("remove_user", {"pubkey": b64encode(key), "mode": mode, "at": now_ms()})


def member_restore(*, key: bytes) -> None:
    """Undo the removal of an account, by a message of the admin. AccordError: not_found (none waits), gone (too
    late).
    """
    _admin_publish("restore_user", {"pubkey": b64encode(key)})
