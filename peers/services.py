"""Writes of peers: the admin's account, peers and their certificates, bearer tokens, running processes."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any, Final

from django.db import transaction

from accord.certs import Certificate as SignedCertificate
from accord.encoding import b64encode, canonical
from accord.errors import AccordError, CloseCode
from accord.message_types import read_body
from accord.messages import Message
from accord.primitives import labelled_hash
from accord.statements import make_statement
from peers import registry
from peers.blessings import blessings_revoke
from peers.keyring import Keyring
from peers.models import Account, Blessing, Certificate, Peer, Process, Revocation, Statement, Token, User
from peers.sessions import Role, sessions

SEEN_STEP_MS: Final = 3600 * 1000
TOKEN_BYTES: Final = 32
TOKEN_LIFE_MS: Final = 15 * 60 * 1000
MAX_TOKENS_A_CLIENT: Final = 16
MAX_GUEST_TOKENS: Final = 10_000
RETRY_BUSY_MS: Final = 60_000


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


def peer_rename(*, user: bytes, client: bytes, name: str) -> None:
    """Note what a user calls a peer; AccordError("not_found")."""
    if not Peer.objects.filter(user__key=user, key=client).update(name=name):
        raise AccordError("not_found", "no such device of yours has been here")


def token_hash(token: bytes) -> bytes:
    """What is kept of a token: it is found by its hash, so that no comparison tells how much of a guess was right."""
    return labelled_hash("token", token)


@transaction.atomic
def token_issue(
    *, session: str, is_socket: bool, client: bytes, certificate: SignedCertificate | None, now: int
) -> tuple[bytes, int]:
    """A new bearer token of a session; gives it and the time (ms) at which it ends, not later than its certificate.

    The oldest of too many of one client goes. AccordError("busy") when too many guests have one.
    """
    expires = now + TOKEN_LIFE_MS
    if certificate is not None:
        expires = min(expires, certificate.expiration)
    elif Token.objects.filter(user__isnull=True, expires_at__gt=now).count() >= MAX_GUEST_TOKENS:
        raise AccordError("busy", "too many guests have a token now", retry_ms=RETRY_BUSY_MS)
    token = secrets.token_bytes(TOKEN_BYTES)
    Token.objects.create(
        hash=token_hash(token),
        session=session,
        is_socket=is_socket,
        user=User.objects.get(key=certificate.user) if certificate else None,
        client=client,
        serial=certificate.serial if certificate else None,
        created_at=now,
        expires_at=expires,
    )
    newest = Token.objects.filter(client=client).order_by("-pk").values_list("pk", flat=True)
    Token.objects.filter(pk__in=list(newest[MAX_TOKENS_A_CLIENT:][:MAX_TOKENS_A_CLIENT])).delete()
    return token, expires


def session_tokens_forget(*, session: str) -> int:
    """The tokens of a session are good no longer; gives their number."""
    return Token.objects.filter(session=session).delete()[0]


def tokens_expire(*, now: int) -> int:
    """Drop what has expired; gives its number."""
    return Token.objects.filter(expires_at__lte=now).delete()[0]


@registry.stores("cert.revoke")
def certificate_revoke(message: Message, body: dict[str, Any], now: int) -> list[bytes]:
    """Note that the author takes back a certificate, or all of a client key; it serves no more."""
    user, _ = User.objects.get_or_create(key=message.author)
    Revocation.objects.get_or_create(user=user, serial=body.get("serial"), client=body.get("clientkey"))
    blessings_revoke(user=message.author, serial=body.get("serial"), client=body.get("clientkey"))
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
    """Close the sessions of the temporary key that was claimed, or of the recovery key that was used."""
    for session in sessions.of_user(message.author):
        if session.role is Role.TEMP:
            session.close(CloseCode.REVOKED, "denied")


def users_forget(*, users: Collection[int]) -> None:
    """Users, by row id, have no account any more: their devices, certificates, blessings and tokens go."""
    for model in (Peer, Blessing, Token):
        model._default_manager.filter(user__in=users).delete()


def process_report(*, pid: int, sockets: int) -> None:
    """Note how many sockets a server process holds."""
    Process.objects.update_or_create(pid=pid, defaults={"sockets": sockets})


def process_forget(*, pid: int) -> None:
    """A server process has stopped."""
    Process.objects.filter(pid=pid).delete()


def processes_forget() -> None:
    """No server process runs: what killed ones have left is untrue."""
    Process.objects.all().delete()
