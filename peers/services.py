"""Writes of peers: the admin's account, revocations, running processes."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from accord.certs import Certificate as SignedCertificate
from accord.encoding import b64encode, canonical
from accord.errors import CloseCode
from accord.message_types import read_body
from accord.messages import Message
from accord.statements import make_statement
from peers import registry
from peers.keyring import Keyring
from peers.models import Account, Certificate, Peer, Process, Revocation, Statement, User
from peers.sessions import sessions

SEEN_STEP_MS: Final = 3600 * 1000


@transaction.atomic
def admin_install(*, keyring: Keyring, now: int) -> Account:
    """Make the admin's account and the signed statement that names him, once; gives the account."""
    account = Account.objects.filter(kind=Account.Kind.ADMIN).first()
    if account is None:
        user, _ = User.objects.get_or_create(key=keyring.admin.public)
        account = Account.objects.create(user=user, name="admin", kind=Account.Kind.ADMIN, created_at=now)
        statement = make_statement(keyring.hub, type="set_admin", at=now, user=b64encode(keyring.admin.public))
        Statement.objects.create(type="set_admin", body=canonical(statement))
    return account


def peer_seen(*, certificate: SignedCertificate, now: int) -> None:
    """Note that a peer has logged in; written at most once in SEEN_STEP_MS: a login seldom waits for the disk."""
    known = Certificate.objects.filter(
        peer__user__key=certificate.user, peer__key=certificate.client, serial=certificate.serial
    )
    if known.filter(peer__last_seen__gt=now - SEEN_STEP_MS).exists():
        return
    with transaction.atomic():
        peer, _ = Peer.objects.update_or_create(
            user=User.objects.get(key=certificate.user),
            key=certificate.client,
            defaults={"last_seen": now},
            create_defaults={"first_seen": now, "last_seen": now},
        )
        Certificate.objects.get_or_create(
            peer=peer,
            serial=certificate.serial,
            defaults={
                "issued_at": certificate.issued_at,
                "expiration": certificate.expiration,
                "scope": " ".join(certificate.scope),
            },
        )


@registry.stores("cert.revoke")
def certificate_revoke(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Note that the author takes back a certificate, or all of a client key."""
    user, _ = User.objects.get_or_create(key=message.author)
    Revocation.objects.get_or_create(user=user, serial=body.get("serial"), client=body.get("clientkey"))
    return []


@registry.lives("cert.revoke")
def sessions_revoke(message: Message) -> None:
    """Close the sessions under what was revoked."""
    body = read_body(message)
    for session in sessions.of_user(message.author):
        certificate = session.certificate
        assert certificate is not None  # noqa: S101 - a session of a user has one
        if certificate.serial == body.get("serial") or certificate.client == body.get("clientkey"):
            session.close(CloseCode.REVOKED, "unauthorized")


@registry.lives("replace_account")
def sessions_hand_over(message: Message) -> None:
    """Close the sessions of the key that the account has left."""
    for session in sessions.of_user(message.author):
        session.close(CloseCode.REVOKED, "denied")


def process_report(*, pid: int, sockets: int) -> None:
    """Note how many sockets a server process holds."""
    Process.objects.update_or_create(pid=pid, defaults={"sockets": sockets})


def process_forget(*, pid: int) -> None:
    """A server process has stopped."""
    Process.objects.filter(pid=pid).delete()


def processes_forget() -> None:
    """No server process runs: what killed ones have left is untrue."""
    Process.objects.all().delete()
