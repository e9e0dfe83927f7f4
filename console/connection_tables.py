"""Programs as the operator sees them: devices, certificates, tokens, what users revoked and what is refused here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import display
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from console import roles
from console.models import Block
from console.shown import key_html, moment, text_of, whole_key_html
from console.tables import Button, StateFilter, Table
from peers.clock import now_ms
from peers.models import Account, Certificate, Peer, Revocation, Token
from peers.sessions import sessions


class RefusedFilter(StateFilter):
    """Whether the operator refuses the device."""

    title = "refused here"
    parameter_name = "refused"
    conditions = {
        "yes": ("yes", lambda: Exists(Block.objects.filter(client=OuterRef("key")))),
        "no": ("no", lambda: ~Exists(Block.objects.filter(client=OuterRef("key")))),
    }


def _owner(account: Account | None) -> str:
    return account.name if account else ""


class PeerTable(Table):
    """Devices: programs that a user has blessed and that have logged in here."""

    needs = roles.SEE_PEOPLE
    singular = "device"
    plural = "devices"
    explains = "Programs that have logged in here under a certificate of their user: browsers, terminals, bots."
    list_display = ("owner", "shown_key", "name", "first", "last", "number_of_certificates", "refused", "live_now")
    list_filter = (RefusedFilter,)
    search_fields = ("name", "user__account__name")
    search_help_text = "Owner, or the device's name"
    ordering = ("-last_seen",)
    list_select_related = ("user__account",)
    detail = (
        "owner",
        "name",
        "whole_key",
        "user_key",
        "first",
        "last",
        "number_of_certificates",
        "refused",
        "live_now",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                certificate_count=Count("certificates"),
                is_refused=Exists(Block.objects.filter(client=OuterRef("key"))),
            )
        )

    @display(description="owner", ordering="user__account__name")
    def owner(self, peer: Peer) -> str:
        """Whose it is."""
        return _owner(getattr(peer.user, "account", None))

    @display(description="device key")
    def shown_key(self, peer: Peer) -> str:
        """Shortened."""
        return key_html(peer.key)

    @display(description="device key")
    def whole_key(self, peer: Peer) -> str:
        """To be compared."""
        return whole_key_html(peer.key)

    @display(description="user key")
    def user_key(self, peer: Peer) -> str:
        """Of its owner."""
        return whole_key_html(peer.user.key)

    @display(description="first seen (UTC)", ordering="first_seen")
    def first(self, peer: Peer) -> str:
        """When it first logged in."""
        return moment(peer.first_seen)

    @display(description="last seen (UTC)", ordering="last_seen")
    def last(self, peer: Peer) -> str:
        """To the hour."""
        return moment(peer.last_seen)

    @display(description="certificates", ordering="certificate_count")
    def number_of_certificates(self, peer: Any) -> int:
        """That it has shown here."""
        return int(peer.certificate_count)

    @display(description="refused here", ordering="is_refused")
    def refused(self, peer: Any) -> str:
        """By the operator."""
        return "refused" if peer.is_refused else ""

    @display(description="live")
    def live_now(self, peer: Peer) -> int:
        """Sessions of this process."""
        key = bytes(peer.key)
        return sum(session.client == key for session in sessions.of_user(bytes(peer.user.key)))

    def buttons(self, obj: Any) -> Iterable[Button]:
        block = Block.objects.filter(client=obj.key).first()
        if block:
            yield Button("Refuse it no longer", "lift", block.pk, is_danger=False)
        else:
            yield Button("Refuse this device", "refuse-device", obj.pk)


_REVOKED = Revocation.objects.filter(user=OuterRef("peer__user")).filter(
    Q(serial=OuterRef("serial")) | Q(client=OuterRef("peer__key"))
)
_REFUSED = Block.objects.filter(Q(serial=OuterRef("serial")) | Q(client=OuterRef("peer__key")))


class CertificateState(StateFilter):
    """Whether a certificate still opens anything."""

    title = "state"
    parameter_name = "state"
    conditions = {
        "good": ("good", lambda: Q(expiration__gt=now_ms(), is_revoked=False, is_refused=False)),
        "expired": ("expired", lambda: Q(expiration__lte=now_ms())),
        "revoked": ("revoked by its user", Q(is_revoked=True)),
        "refused": ("refused here", Q(is_refused=True)),
    }


class CertificateTable(Table):
    """Certificates that devices have logged in with."""

    needs = roles.SEE_PEOPLE
    singular = "certificate"
    plural = "certificates"
    explains = (
        "How users let their devices act for them. Only the user can revoke one; the operator can refuse it here."
    )
    list_display = ("owner", "device_key", "shown_serial", "issued", "ends", "scope", "state")
    list_filter = (CertificateState, "scope")
    search_fields = ("peer__user__account__name", "peer__name")
    search_help_text = "Owner, or the device's name"
    ordering = ("-expiration",)
    list_select_related = ("peer__user__account",)
    detail = ("owner", "whole_device_key", "shown_serial", "issued", "ends", "scope", "state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(is_revoked=Exists(_REVOKED), is_refused=Exists(_REFUSED))

    @display(description="owner", ordering="peer__user__account__name")
    def owner(self, certificate: Certificate) -> str:
        """Who signed it."""
        return _owner(getattr(certificate.peer.user, "account", None))

    @display(description="device key")
    def device_key(self, certificate: Certificate) -> str:
        """Shortened."""
        return key_html(certificate.peer.key)

    @display(description="device key")
    def whole_device_key(self, certificate: Certificate) -> str:
        """To be compared."""
        return whole_key_html(certificate.peer.key)

    @display(description="serial")
    def shown_serial(self, certificate: Certificate) -> str:
        """As the protocol writes it."""
        return text_of(certificate.serial)

    @display(description="issued (UTC)", ordering="issued_at")
    def issued(self, certificate: Certificate) -> str:
        """By the user's clock."""
        return moment(certificate.issued_at)

    @display(description="ends (UTC)", ordering="expiration")
    def ends(self, certificate: Certificate) -> str:
        """When it opens nothing more."""
        return moment(certificate.expiration)

    @display(description="state")
    def state(self, certificate: Any) -> str:
        """In a word."""
        if certificate.is_refused:
            return "refused here"
        if certificate.is_revoked:
            return "revoked by its user"
        return "good" if certificate.expiration > now_ms() else "expired"

    def buttons(self, obj: Any) -> Iterable[Button]:
        block = Block.objects.filter(serial=obj.serial).first()
        if block:
            yield Button("Refuse it no longer", "lift", block.pk, is_danger=False)
        else:
            yield Button("Refuse this certificate", "refuse-certificate", obj.pk)
        yield Button("Refuse the whole device", "refuse-device", obj.peer_id)


class RevokedWhat(StateFilter):
    """What was revoked."""

    title = "what"
    parameter_name = "what"
    conditions = {
        "certificate": ("one certificate", Q(serial__isnull=False)),
        "device": ("a device", Q(client__isnull=False)),
    }


class RevocationTable(Table):
    """What users have revoked, by signed messages."""

    needs = roles.SEE_PEOPLE
    singular = "revocation"
    plural = "revocations"
    explains = "What users have taken back by a signed message. Nobody can undo it."
    list_display = ("owner", "what", "named")
    list_filter = (RevokedWhat,)
    search_fields = ("user__account__name",)
    search_help_text = "Owner"
    ordering = ("-pk",)
    list_select_related = ("user__account",)
    detail = ("owner", "what", "named")

    @display(description="owner", ordering="user__account__name")
    def owner(self, revocation: Revocation) -> str:
        """Who revoked it."""
        return _owner(getattr(revocation.user, "account", None))

    @display(description="what")
    def what(self, revocation: Revocation) -> str:
        """A certificate or a device."""
        return "certificate" if revocation.serial else "device"

    @display(description="serial or device key")
    def named(self, revocation: Revocation) -> str:
        """Which."""
        return text_of(revocation.serial or revocation.client or b"")


class TokenKind(StateFilter):
    """How its session was opened."""

    title = "opened"
    parameter_name = "opened"
    conditions = {"socket": ("by a socket", Q(is_socket=True)), "http": ("over HTTP", Q(is_socket=False))}


class TokenTable(Table):
    """Bearer tokens of the REST API."""

    singular = "API token"
    plural = "API tokens"
    explains = "Tokens for the REST API. Each dies with its session, after 15 minutes at most; only its hash is kept."
    list_display = ("owner", "device_key", "opened", "made", "ends")
    list_filter = (TokenKind,)
    search_fields = ("user__account__name",)
    search_help_text = "Owner"
    ordering = ("-pk",)
    list_select_related = ("user__account",)
    detail = ("owner", "device_key", "opened", "made", "ends")

    @display(description="owner", ordering="user__account__name")
    def owner(self, token: Token) -> str:
        """Whose it is."""
        return _owner(getattr(token.user, "account", None)) or "a guest"

    @display(description="device key")
    def device_key(self, token: Token) -> str:
        """Shortened."""
        return key_html(token.client)

    @display(description="opened")
    def opened(self, token: Token) -> str:
        """How its session was opened."""
        return "by a socket" if token.is_socket else "over HTTP"

    @display(description="made (UTC)", ordering="created_at")
    def made(self, token: Token) -> str:
        """When."""
        return moment(token.created_at)

    @display(description="ends (UTC)", ordering="expires_at")
    def ends(self, token: Token) -> str:
        """When."""
        return moment(token.expires_at)

    def buttons(self, obj: Token) -> Iterable[Button]:
        yield Button("End the token", "end-token", obj.pk)


class BlockedWhat(StateFilter):
    """What is refused."""

    title = "what"
    parameter_name = "what"
    conditions = {
        "certificate": ("one certificate", Q(serial__isnull=False)),
        "device": ("a device", Q(client__isnull=False)),
    }


class BlockTable(Table):
    """What the operator refuses on this hub."""

    needs = roles.SEE_PEOPLE
    singular = "refusal"
    plural = "refused here"
    explains = (
        "Devices and certificates that this hub lets in no more because you said so. Other hubs do not know of it."
    )
    list_display = ("named", "what", "since", "reason")
    list_filter = (BlockedWhat,)
    search_fields = ("reason",)
    search_help_text = "Reason"
    ordering = ("-pk",)
    detail = ("named", "what", "since", "reason")

    @display(description="key or serial")
    def named(self, block: Block) -> str:
        """Which."""
        return text_of(block.client or block.serial or b"")

    @display(description="what")
    def what(self, block: Block) -> str:
        """A certificate or a device."""
        return "device" if block.client else "certificate"

    @display(description="since (UTC)", ordering="created_at")
    def since(self, block: Block) -> str:
        """When it was refused."""
        return moment(block.created_at)

    def buttons(self, obj: Block) -> Iterable[Button]:
        yield Button("Refuse it no longer", "lift", obj.pk, is_danger=False)
