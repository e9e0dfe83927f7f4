"""Certificates taken back by a message: what is refused at the door, which sessions are closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from accord import certs
from accord.certs import Certificate
from accord.encoding import b64encode
from accord.errors import AccordError, CloseCode
from accord.keys import SigningKey
from accord.messages import parse_envelope, verify
from messaging.live import Live
from messaging.services import messages_store
from peers.clock import now_ms
from peers.consumer import admit_certificate
from peers.models import Revocation, User
from peers.selectors import is_revoked, member_of
from peers.services import sessions_hand_over, sessions_revoke
from peers.sessions import Role, Session, sessions
from peers.wire import Wire
from tests.factories import NOW, Hub, admitted, deletion, envelope, ident_of, person, store, take

SERIAL, OTHER_SERIAL = b"s" * 16, b"o" * 16
LAPTOP, PHONE = person("laptop").public, person("phone").public


def revoke(author: SigningKey, *, created_at: int = NOW, **body: bytes) -> dict[str, Any]:
    fields = {name: b64encode(value) for name, value in body.items()}
    return envelope(author, "feed", fields, type="cert.revoke", created_at=created_at)


def certificate(user: SigningKey, *, client: bytes = LAPTOP, serial: bytes | None = None) -> Certificate:
    now = now_ms()
    value = certs.issue(user, client=client, servers=[certs.ANYWHERE], issued_at=now)
    checked = certs.verify_certificate(value, server=bytes(32), now=now)
    if serial is None:
        return checked
    return Certificate(
        user=checked.user,
        client=checked.client,
        issued_at=checked.issued_at,
        expiration=checked.expiration,
        scope=checked.scope,
        servers=checked.servers,
        serial=serial,
    )


# ------------------------------------------------------------------------------------------------------------- the door


def test_a_serial_is_revoked_for_its_user_alone(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    assert take(revoke(ann, serial=SERIAL)) == ["stored"]
    assert is_revoked(ann.public, serial=SERIAL, client=LAPTOP)
    assert is_revoked(ann.public, serial=SERIAL, client=PHONE)
    assert not is_revoked(ann.public, serial=OTHER_SERIAL, client=LAPTOP)
    assert not is_revoked(bob.public, serial=SERIAL, client=LAPTOP)


def test_a_client_is_revoked_with_all_its_certificates(hub: Hub) -> None:
    ann, bob = hub.member("ann"), hub.member("bob")
    assert take(revoke(ann, clientkey=LAPTOP)) == ["stored"]
    for serial in (SERIAL, OTHER_SERIAL):
        assert is_revoked(ann.public, serial=serial, client=LAPTOP)
        assert not is_revoked(ann.public, serial=serial, client=PHONE)
        assert not is_revoked(bob.public, serial=serial, client=LAPTOP)


def test_revoking_again_is_noted_once(hub: Hub) -> None:
    ann = hub.member("ann")
    assert take(*(revoke(ann, serial=SERIAL) for _ in range(2)), *(revoke(ann, clientkey=PHONE) for _ in range(2)))
    assert Revocation.objects.count() == 2


@pytest.mark.parametrize(
    "fields",
    [{}, {"serial": SERIAL, "client": LAPTOP}, {"serial": SERIAL, "twice": True}, {"client": PHONE, "twice": True}],
    ids=str,
)
def test_revocations_that_cannot_be(hub: Hub, fields: dict[str, Any]) -> None:
    user = User.objects.get(key=hub.admin.public)
    if fields.pop("twice", False):
        Revocation.objects.create(user=user, **fields)
    with pytest.raises(DatabaseError), transaction.atomic():
        Revocation.objects.create(user=user, **fields)


def test_a_revoked_certificate_opens_nothing(hub: Hub) -> None:
    ann = hub.member("ann")
    good, bad = certificate(ann), certificate(ann, client=PHONE)
    assert admit_certificate(bad).name == "ann"
    store(revoke(ann, serial=bad.serial))
    with pytest.raises(AccordError) as refusal:
        admit_certificate(bad)
    assert refusal.value.code == "unauthorized"
    assert admit_certificate(good).name == "ann"
    store(revoke(ann, clientkey=LAPTOP))
    with pytest.raises(AccordError, match="unauthorized"):
        admit_certificate(good)


def test_a_certificate_without_an_account_opens_nothing(hub: Hub) -> None:
    with pytest.raises(AccordError) as refusal:
        admit_certificate(certificate(person("stranger")))
    assert refusal.value.code == "denied"


@pytest.mark.parametrize(("left_ms", "there"), [(1, True), (0, False), (-1, False)])
def test_an_account_ends_when_it_expires(hub: Hub, left_ms: int, there: bool) -> None:
    guest = hub.temporary("guest", expires=NOW + 1_000)
    found = member_of(guest.public, now=NOW + 1_000 - left_ms)
    assert (found is not None) == there
    if found:
        assert (found.name, found.kind) == ("guest", "temp")


# --------------------------------------------------------------------------------------------------------- the sessions


@pytest.fixture
async def connected() -> AsyncIterator[dict[str, Session]]:
    """Sessions of ann's laptop, her phone, and of bob's laptop, which happens to have the same serial."""

    async def send(event: dict[str, Any]) -> None:
        pass

    def session(name: str, client: bytes, serial: bytes) -> Session:
        given = certificate(person(name), client=client, serial=serial)
        return Session(send, Wire(), role=Role.MEMBER, client=client, certificate=given)

    found = {
        "laptop": session("ann", LAPTOP, SERIAL),
        "phone": session("ann", PHONE, OTHER_SERIAL),
        "bob": session("bob", LAPTOP, SERIAL),
    }
    for one in found.values():
        sessions.add(one)
    yield found
    for one in found.values():
        sessions.remove(one)
        await one.end()


def closing(connected: dict[str, Session]) -> set[str]:
    return {name for name, session in connected.items() if session.is_closing}


@pytest.mark.parametrize(
    ("body", "closed"),
    [
        ({"serial": SERIAL}, {"laptop"}),
        ({"serial": OTHER_SERIAL}, {"phone"}),
        ({"clientkey": LAPTOP}, {"laptop"}),
        ({"clientkey": PHONE}, {"phone"}),
        ({"serial": bytes(16)}, set()),
    ],
)
async def test_sessions_under_what_was_revoked_are_closed(
    connected: dict[str, Session], body: dict[str, bytes], closed: set[str]
) -> None:
    sessions_revoke(verify(parse_envelope(revoke(person("ann"), **body))))
    assert closing(connected) == closed
    assert all(connected[name]._close_code == CloseCode.REVOKED for name in closed)


async def test_a_claim_closes_the_sessions_of_the_temporary_key(connected: dict[str, Session]) -> None:
    connected["laptop"].role = Role.TEMP
    sessions_hand_over(verify(parse_envelope(envelope(person("ann"), "feed", {}, type="x.left"))))
    assert closing(connected) == {"laptop"}  # a claimed account's own key may have to wait


def in_thread(*items: dict[str, Any]) -> Any:
    """Store at the real time, in a thread that gives its connection back."""
    try:
        now = now_ms()
        return messages_store(items=[admitted(item, now=now) for item in items], now=now)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deleted", [False, True])
async def test_a_revocation_reaches_sessions_however_it_was_stored(
    hub: Hub, connected: dict[str, Session], deleted: bool
) -> None:
    """From another process, and with a deletion of it that was there before."""
    live, now = Live(store_id=bytes(16), cursor=await asyncio.to_thread(add_ann, hub)), now_ms()
    value = revoke(person("ann"), clientkey=LAPTOP, created_at=now)
    removal = deletion(person("ann"), "feed", ident_of(value), created_at=now)
    try:
        _, stored = await asyncio.to_thread(in_thread, *([removal] if deleted else []), value)
        live._dispatch(stored)
        assert await asyncio.to_thread(revoked)
        assert closing(connected) == {"laptop"}
    finally:
        await live.stop()


def add_ann(hub: Hub) -> int:
    try:
        _, stored = store(hub.add_user(hub.admin, person("ann").public, "ann"))
        return stored[0].cursor
    finally:
        connections.close_all()


def revoked() -> bool:
    try:
        return is_revoked(person("ann").public, serial=SERIAL, client=LAPTOP)
    finally:
        connections.close_all()
