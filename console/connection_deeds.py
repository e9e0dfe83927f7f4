"""Deeds about who is connected and who is here: sessions, tokens, devices, certificates, invites, the capacity."""

from __future__ import annotations

from typing import Final

from django.urls import reverse

from accord.errors import AccordError
from console import live, roles, services
from console.deeds import Deed, Field, named, nothing, number_of
from console.models import Block
from console.shown import count, short_key, text_of
from messaging.services import invite_withdraw
from peers import audit
from peers.clock import now_ms
from peers.models import Account, Certificate, Peer, Token

MAX_REASON_CHARS: Final = 200
MAX_CAPACITY: Final = 1_000_000

_REASON: Final = Field(
    "reason", "Why", "For you, in the list of what was done. Nobody else reads it.", MAX_REASON_CHARS, is_required=False
)

# Sessions and devices


@named("end-session", needs=roles.MODERATE)
def end_session(target: str) -> Deed:
    """End one live session."""
    found = next((session for session in live.snapshot() or () if session.sid == target), None)
    if found is None:
        raise nothing("that session")

    def run(values: dict[str, str]) -> str:
        ended = live.end_session(target)
        audit.note("end_session", f"session {target}", f"role {found.role}")
        return "The session has been ended." if ended else "The session had ended by itself."

    return Deed(
        "End this session",
        (
            f"The connection of device {short_key(found.client)} is closed within a second.",
            "The program may connect again at once. To keep it out, refuse the device instead.",
            "Nothing that was said or stored is lost.",
        ),
        "End the session",
        run,
        reverse("admin:sessions"),
        is_danger=True,
    )


@named("end-token")
def end_token(target: str) -> Deed:
    """End one bearer token of the REST API."""
    token = Token.objects.filter(pk=number_of(target)).first()
    if token is None:
        raise nothing("that token")
    pk = token.pk

    def run(values: dict[str, str]) -> str:
        Token.objects.filter(pk=pk).delete()
        audit.note("end_token", f"device {text_of(token.client)}")
        return "The token is good no longer."

    return Deed(
        "End this API token",
        ("The next request that shows it is refused.", "The program may log in again and get another."),
        "End the token",
        run,
        reverse("admin:peers_token_changelist"),
        is_danger=True,
    )


def _refusal(what: str, whom: str, back: str, *, client: bytes | None = None, serial: bytes | None = None) -> Deed:
    def run(values: dict[str, str]) -> str:
        services.block_add(client=client, serial=serial, reason=values["reason"], now=now_ms())
        closed = live.refuse(client=client, serial=serial)
        return f"Refused from now on. Live sessions closed: {closed}."

    return Deed(
        f"Refuse this {what}",
        (
            f"This hub lets {whom} in no more; sessions that are open are closed within a second, API tokens end.",
            "Other hubs do not learn of it: only its user can revoke a certificate, by a signed message.",
            "Its user can bless another device, which this does not refuse. Messages stay where they are.",
            "You can take it back under “Refused here”.",
        ),
        f"Refuse the {what}",
        run,
        back,
        (_REASON,),
        is_danger=True,
    )


@named("refuse-device", needs=roles.MODERATE)
def refuse_device(target: str) -> Deed:
    """Let a device in no more."""
    peer = Peer.objects.filter(pk=number_of(target)).first()
    if peer is None:
        raise nothing("that device")
    key = bytes(peer.key)
    return _refusal(
        "device", f"the device {short_key(key)}", reverse("admin:peers_peer_change", args=[peer.pk]), client=key
    )


@named("refuse-session", needs=roles.MODERATE)
def refuse_session(target: str) -> Deed:
    """Let the device behind a live session in no more."""
    found = next((session for session in live.snapshot() or () if session.sid == target), None)
    if found is None:
        raise nothing("that session")
    return _refusal("device", f"the device {short_key(found.client)}", reverse("admin:sessions"), client=found.client)


@named("refuse-certificate", needs=roles.MODERATE)
def refuse_certificate(target: str) -> Deed:
    """Let nobody in under a certificate any more."""
    certificate = Certificate.objects.filter(pk=number_of(target)).first()
    if certificate is None:
        raise nothing("that certificate")
    serial = bytes(certificate.serial)
    back = reverse("admin:peers_certificate_change", args=[certificate.pk])
    return _refusal("certificate", f"certificate {text_of(serial)}", back, serial=serial)


@named("lift", needs=roles.MODERATE)
def lift(target: str) -> Deed:
    """Take a refusal back."""
    block = Block.objects.filter(pk=number_of(target)).first()
    if block is None:
        raise nothing("that refusal")

    def run(values: dict[str, str]) -> str:
        services.block_lift(block=block)
        return "It may connect again."

    return Deed(
        "Refuse it no longer",
        ("It may log in again, as far as its certificate goes.",),
        "Take it back",
        run,
        reverse("admin:console_block_changelist"),
    )


# People


@named("withdraw-invite", needs=roles.MODERATE)
def withdraw(target: str) -> Deed:
    """Withdraw an invite that nobody has claimed."""
    account = (
        Account.objects.filter(pk=number_of(target), kind=Account.Kind.TEMP)
        .select_related("user", "parent", "balance")
        .first()
    )
    if account is None:
        raise AccordError("not_found", "that invite has been claimed, withdrawn, or has expired")
    key = bytes(account.user.key)
    inviter = account.parent.name if account.parent else "the admin"

    def run(values: dict[str, str]) -> str:
        invite_withdraw(key=key)
        audit.note("withdraw_invite", f"invite {text_of(key)}", f"given by {inviter}")
        return "The invite has been withdrawn."

    return Deed(
        "Withdraw this invite",
        (
            "The link opens nothing any more; whoever has it is told that it has been withdrawn.",
            f"Its place and {count(account.balance.granted, 'invite', 'invites')} that go with it return to {inviter}.",
            "It cannot be undone; a new invite can be made.",
        ),
        "Withdraw the invite",
        run,
        reverse("admin:invites_invitation_changelist"),
        is_danger=True,
    )


@named("capacity")
def capacity(target: str) -> Deed:
    """Let the hub hold more or fewer."""

    def run(values: dict[str, str]) -> str:
        text = values["capacity"]
        if not (text.isascii() and text.isdecimal()) or int(text) > MAX_CAPACITY:
            raise AccordError("bad_request", f"a whole number up to {MAX_CAPACITY:,} is expected")
        services.capacity_set(capacity=int(text))
        return f"The hub now holds {int(text):,} accounts and unspent invites."

    return Deed(
        "Change the hub's capacity",
        (
            "Accounts and unspent invites together are never more than the capacity.",
            "What is added, the admin can invite with: manage.py invite. Members lose nothing: it cannot go below what "
            "they hold.",
        ),
        "Change it",
        run,
        reverse("admin:tree"),
        (Field("capacity", "Capacity", "accounts and unspent invites", most=7),),
    )
