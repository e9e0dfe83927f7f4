"""Makers of what the tests of the hub's apps act on: a fresh hub in the test database, people, members, messages.

Everything is made the way the hub makes it: members join by signed messages, messages are verified and stored by the
services. `NOW` is the time of all of it unless a test says otherwise; only `hub_install` reads the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Barrier
from typing import Any, Final, TypeVar

import orjson
from django.conf import settings
from django.db import connection
from django.db import connections as databases

from accord import bodies, connections, messages, pow
from accord.encoding import b64encode, canonical
from accord.epochs import DAY_MS, window_at
from accord.invites import make_proof
from accord.keys import SigningKey
from accord.topics import Topic, parse_topic
from invites.models import Balance, Invitation, Movement, Removal, Strike
from messaging import services
from messaging.admission import Admitted, Publisher, Right, admit
from messaging.batch import Result
from messaging.models import Mention, Message, Reference, Store
from messaging.models import Topic as TopicRow
from messaging.stored import Stored
from peers import audit
from peers.keyring import keyring
from peers.models import Account, Tombstone, User

NOW: Final = 1_790_000_000_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

T = TypeVar("T")


@lru_cache
def person(name: str) -> SigningKey:
    """A user key, always the same for a name; it has no account until somebody adds it."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


# ---------------------------------------------------------------------------------------------------------- messages


def envelope(
    author: SigningKey,
    to: Topic | str,
    body: dict[str, Any] | bytes | str = "hello",
    *,
    type: str = "chat.text",
    created_at: int = NOW,
    mentions: Iterable[bytes] = (),
    answers: Iterable[bytes] = (),
    refs: Iterable[tuple[str, bytes]] = (),
    **fields: Any,
) -> dict[str, Any]:
    """A signed envelope as it goes into JSON; a body that is text becomes `{"text": ...}`."""
    if isinstance(body, str):
        body = {"text": body}
    if mentions:
        fields["attention_keys"] = [b64encode(key) for key in sorted(set(mentions))]
    if answers:
        fields["attention_messages"] = [b64encode(ident) for ident in answers]
    if refs:
        fields["refs"] = [{"rel": relation, "id": b64encode(ident)} for relation, ident in refs]
    return messages.create(
        author,
        type=type,
        to=to.name if isinstance(to, Topic) else to,
        body=orjson.dumps(body, option=orjson.OPT_SORT_KEYS) if isinstance(body, dict) else body,
        created_at=created_at,
        **fields,
    )


def sealed(
    author: SigningKey,
    to: Topic | str,
    body: dict[str, Any] | str = "hello",
    *,
    window_key: bytes = bytes(32),
    type: str = "chat.text",
    created_at: int = NOW,
    **fields: Any,
) -> dict[str, Any]:
    """A message that only who has the key of its window reads; windows are a day."""
    return bodies.create_encrypted(
        author,
        type=type,
        to=to.name if isinstance(to, Topic) else to,
        body=canonical({"text": body} if isinstance(body, str) else body),
        created_at=created_at,
        epoch=1,
        win=window_at(created_at, DAY_MS),
        window_key=window_key,
        **fields,
    )


def connected(one: SigningKey, other: SigningKey) -> Topic:
    """Let two members connect; gives their private channel. Its key is nobody's here: `sealed` takes one of its own."""
    body = connections.request_body(one.public, bytes(connections.CONN_ID_BYTES))
    request = envelope(one, inbox(other), body, type="connection.request")
    accept = envelope(other, inbox(one), body, type="connection.accept")
    assert take(request, accept) == ["stored", "stored"]
    return parse_topic(connections.connection_topic(ident_of(request), ident_of(accept)))


def key_of(value: dict[str, Any], window_key: bytes = bytes(32)) -> bytes:
    """The key of one sealed message, as its readers work it out."""
    message = messages.parse_envelope(value)
    assert message.salt is not None
    return bodies.message_key(window_key, message.salt, message.author)


def deletion(author: SigningKey, to: Topic | str, *targets: bytes, **fields: Any) -> dict[str, Any]:
    """A `chat.delete` of these ids."""
    return envelope(author, to, {}, type="chat.delete", refs=[("delete", target) for target in targets], **fields)


def ident_of(value: dict[str, Any]) -> bytes:
    """The id of an envelope."""
    return messages.parse_envelope(value).id


def without_body(value: dict[str, Any]) -> dict[str, Any]:
    """The envelope as it is passed on once the body is gone."""
    return {"header": value["header"], "sig": value["sig"]}


def bad_signature(value: dict[str, Any]) -> dict[str, Any]:
    """The same envelope under a well-formed signature that is not its author's."""
    return {**value, "sig": b64encode(person("forger").sign("event", canonical(value["header"])))}


def admitted(
    value: dict[str, Any], right: Right = Right.OWN, *, now: int = NOW, account_id: int | None = None
) -> Admitted:
    """The envelope as admission hands it on, brought by its author; a stranger has done some work for it."""
    parsed = messages.parse_envelope(value)
    if right is not Right.STRANGER:
        return admit(parsed, Publisher(right, user=parsed.author, account_id=account_id), now=now)
    ring = keyring()
    given = {"server": ring.hub.public, "key": parsed.author, "purpose": "mail", "difficulty": 1, "now": now}
    challenge = pow.make_challenge(ring.secret, **given)
    proof = {"challenge": challenge, "counter": pow.solve(challenge, parsed.id)}
    return admit(parsed, Publisher(right), now=now, proof=proof)


def store(*items: dict[str, Any] | Admitted, now: int = NOW) -> tuple[list[Result], list[Stored]]:
    """Store envelopes of their own authors, or what is admitted already, in one batch."""
    ready = [item if isinstance(item, Admitted) else admitted(item, now=now) for item in items]
    return services.messages_store(items=ready, now=now)


def outcomes(results: Iterable[Result]) -> list[str]:
    """A word a result: stored, duplicate, or the code of the refusal."""
    return [result.error.code if result.error else result.status for result in results]


def take(*items: dict[str, Any] | Admitted, now: int = NOW) -> list[str]:
    """Store in one batch; gives a word for each."""
    return outcomes(store(*items, now=now)[0])


# --------------------------------------------------------------------------------------------------- a hub, its people


@dataclass(frozen=True)
class Hub:
    """A hub as it is after its installation."""

    key: bytes
    admin: SigningKey
    lounge: Topic

    @property
    def topic(self) -> Topic:
        """Where control messages go."""
        return Topic("hub", self.key)

    def control(
        self, author: SigningKey, type_: str, body: dict[str, Any], *, created_at: int = NOW, **fields: Any
    ) -> dict[str, Any]:
        """A signed control message; bytes in the body become base64url, fields that are None are left out."""
        value = {
            name: b64encode(item) if isinstance(item, bytes) else item
            for name, item in body.items()
            if item is not None
        }
        return envelope(author, self.topic, canonical(value), type=type_, created_at=created_at, **fields)

    def add_user(
        self, author: SigningKey, pubkey: bytes, name: str, *, kind: str = "real", created_at: int = NOW, **body: Any
    ) -> dict[str, Any]:
        """A signed `add_user`."""
        value = {"pubkey": pubkey, "account_name": name, "kind": kind, **body}
        return self.control(author, "add_user", value, created_at=created_at)

    def claim(
        self,
        temporary: SigningKey,
        new: SigningKey,
        name: str | None = None,
        *,
        proof: bytes | None = None,
        code: str | None = None,
        created_at: int = NOW,
    ) -> dict[str, Any]:
        """A signed `replace_account`."""
        if proof is None:
            proof = make_proof(new, hub=self.key, temp=temporary.public)
        body = {"new_pubkey": new.public, "account_name": name, "proof": proof, "code": code}
        return self.control(temporary, "replace_account", body, created_at=created_at)

    def remove(
        self, author: SigningKey, pubkey: bytes, *, mode: str = "subtree", at: int | None = None, created_at: int = NOW
    ) -> dict[str, Any]:
        """A signed `remove_user`."""
        body = {"pubkey": pubkey, "mode": mode, "at": created_at if at is None else at}
        return self.control(author, "remove_user", body, created_at=created_at)

    def restore(self, author: SigningKey, pubkey: bytes, *, created_at: int = NOW) -> dict[str, Any]:
        """A signed `restore_user`."""
        return self.control(author, "restore_user", {"pubkey": pubkey}, created_at=created_at)

    def member(self, name: str, *, by: SigningKey | None = None, **body: Any) -> SigningKey:
        """A new real account of that name; gives its user key."""
        key = person(name)
        assert take(self.add_user(by or self.admin, key.public, name, **body)) == ["stored"]
        return key

    def temporary(self, name: str, *, by: SigningKey | None = None, **body: Any) -> SigningKey:
        """A new temporary account; gives the key that an invite link would hold."""
        return self.member(name, by=by, kind="temp", **body)


def install() -> Hub:
    """Make the hub in the database of this test."""
    services._known.users.clear()  # row ids of the test before
    services._known.topics.clear()
    (settings.ACCORD_HOME / audit.HEAD_FILE).unlink(missing_ok=True)  # of that hub's audit log
    services.hub_install()
    row = TopicRow.objects.get(kind="chan")
    return Hub(keyring().hub.public, keyring().admin, Topic("chan", bytes(row.ident)))


def account_of(key: SigningKey) -> Account:
    """The account of a user key, as the table has it now."""
    return Account.objects.get(user__key=key.public)


def inbox(key: SigningKey) -> Topic:
    """The topic `user:K`."""
    return Topic("user", key.public)


def feed(key: SigningKey) -> Topic:
    """The topic `feed:K`."""
    return Topic("feed", key.public)


# ---------------------------------------------------------------------------------------------------------- the table


def row_of(ident: bytes) -> Message:
    """A stored message."""
    return Message.objects.get(ident=ident)


def cursors() -> list[int]:
    """All arrival numbers, rising."""
    return list(Message.objects.order_by("cursor").values_list("cursor", flat=True))


def _select(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def check_totals() -> None:
    """What topics say of themselves is what the table holds."""
    wrong = _select("""
        SELECT * FROM (
            SELECT t.kind, t.count, count(m.cursor) AS held, t.bytes, t.cursor, max(m.cursor) AS newest, coalesce(sum(
                length(header) + length(sig) + coalesce(length(salt), 0) + coalesce(length(body), 0)
            ), 0) AS size
            FROM messaging_topic t LEFT JOIN messaging_message m ON m.topic_id = t.id GROUP BY t.id
        ) AS topics WHERE count <> held OR bytes <> size OR cursor < coalesce(newest, 0)
    """)
    assert wrong == []


def snapshot() -> list[Any]:
    """All that a message may touch."""
    tables = [
        model._meta.db_table
        for model in (
            Account,
            Balance,
            Invitation,
            Movement,
            Removal,
            Strike,
            Tombstone,
            User,
            TopicRow,
            Message,
            Mention,
            Reference,
            Store,
        )
    ]
    return [_select(f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # noqa: S608


def in_threads(jobs: list[Callable[[], T]]) -> list[T]:
    """Run all jobs at the same moment, each in a thread with a database connection of its own."""
    barrier = Barrier(len(jobs), timeout=60)

    def run(job: Callable[[], T]) -> T:
        try:
            barrier.wait()
            return job()
        finally:
            databases.close_all()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return [future.result(60) for future in [threads.submit(run, job) for job in jobs]]
