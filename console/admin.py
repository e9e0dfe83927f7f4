"""The tables of the hub as the operator sees them; messages, too many for Django's list, are in message_table.py.

Not here: what all tables have in common (tables.py), what their buttons do (deeds.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.contrib import admin
from django.contrib.admin import SimpleListFilter, display
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from accord.encoding import b64decode
from console.message_table import MessageTable
from console.models import AuditEntry, Block
from console.shown import key_html, moment, size, text_of, whole_key_html
from console.tables import Button, Table
from invites.models import Invitation
from messaging.models import Message, Topic
from peers.clock import now_ms
from peers.models import Account, Certificate, Peer, Revocation, Statement, Token
from peers.sessions import sessions


class StateFilter(SimpleListFilter):
    """A filter by conditions that no column holds: `conditions` gives each choice its label and its condition."""

    conditions: dict[str, tuple[str, Any]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices."""
        return [(name, label) for name, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the choice."""
        if self.value() not in self.conditions:
            return queryset
        condition = self.conditions[str(self.value())][1]
        return queryset.filter(condition() if callable(condition) else condition)


# People


@admin.register(Account)
class AccountTable(Table):
    """People: everyone with an account, and the invites that wait."""

    singular = "account"
    plural = "people"
    explains = "Everyone with an account on this hub. A row without a name of its own is an invite that waits."
    list_display = (
        "shown_name",
        "shown_key",
        "shown_kind",
        "inviter",
        "joined",
        "messages_used",
        "stored",
        "invites_left",
        "live_now",
    )
    list_filter = ("kind",)
    search_fields = ("name", "parent__name")
    search_help_text = "Name, or who invited"
    ordering = ("name",)
    list_select_related = ("user", "parent", "balance")
    detail = (
        "name",
        "whole_key",
        "shown_kind",
        "inviter",
        "joined",
        "ends",
        "messages_used",
        "messages_limit",
        "stored",
        "bytes_limit",
        "invites_left",
        "invited",
        "devices",
        "live_now",
    )

    @display(description="name", ordering="name")
    def shown_name(self, account: Account) -> str:
        """Its name, or what stands for it."""
        return "an invite" if account.kind == Account.Kind.TEMP else account.name

    @display(description="kind", ordering="kind")
    def shown_kind(self, account: Account) -> str:
        """In a word."""
        return {"admin": "admin", "real": "member", "temp": "invite"}[account.kind]

    @display(description="key")
    def shown_key(self, account: Account) -> str:
        """The user key, shortened."""
        return key_html(account.user.key)

    @display(description="fingerprint")
    def whole_key(self, account: Account) -> str:
        """The user key, to be compared."""
        return whole_key_html(account.user.key)

    @display(description="invited by", ordering="parent__name")
    def inviter(self, account: Account) -> str:
        """Whose branch it is in."""
        return account.parent.name if account.parent else ""

    @display(description="joined (UTC)", ordering="created_at")
    def joined(self, account: Account) -> str:
        """When the account was made or claimed."""
        return moment(account.created_at)

    @display(description="ends (UTC)")
    def ends(self, account: Account) -> str:
        """When an invite that nobody claims is gone."""
        return moment(account.expires_at)

    @display(description="stored", ordering="bytes_used")
    def stored(self, account: Account) -> str:
        """Bytes of its messages."""
        return size(account.bytes_used)

    @display(description="invites left", ordering="balance__unspent")
    def invites_left(self, account: Account) -> int:
        """How many others it may invite."""
        return account.balance.unspent

    @display(description="people invited")
    def invited(self, account: Account) -> int:
        """Directly."""
        return account.children.filter(kind=Account.Kind.REAL).count()

    @display(description="devices")
    def devices(self, account: Account) -> int:
        """That have been here."""
        return Peer.objects.filter(user_id=account.user_id).count()

    @display(description="live")
    def live_now(self, account: Account) -> int:
        """Sessions of this process."""
        return len(sessions.of_user(bytes(account.user.key)))

    def buttons(self, obj: Account) -> Iterable[Button]:
        if obj.kind == Account.Kind.TEMP:
            yield Button("Withdraw the invite", "withdraw-invite", obj.pk)


@admin.register(Invitation)
class InvitationTable(Table):
    """Invites and what became of them."""

    singular = "invite"
    plural = "invites"
    explains = "Every invite link that was made, and what became of it. The link itself is nobody's but its maker's."
    list_display = ("inviter_name", "state", "shown_key", "granted", "made", "ends", "claimed_name")
    list_filter = ("state",)
    search_fields = ("inviter__name", "claimed_by__account__name")
    search_help_text = "Who invited, or who came"
    ordering = ("-pk",)
    list_select_related = ("inviter", "claimed_by__account")
    detail = ("inviter_name", "state", "whole_key", "granted", "made", "ends", "ended", "claimed_name")

    @display(description="invited by", ordering="inviter__name")
    def inviter_name(self, invite: Invitation) -> str:
        """Who answers for it."""
        return invite.inviter.name

    @display(description="key")
    def shown_key(self, invite: Invitation) -> str:
        """The temporary key, shortened."""
        return key_html(invite.key)

    @display(description="temporary key")
    def whole_key(self, invite: Invitation) -> str:
        """The temporary key, to be compared."""
        return whole_key_html(invite.key)

    @display(description="made (UTC)", ordering="created_at")
    def made(self, invite: Invitation) -> str:
        """When."""
        return moment(invite.created_at)

    @display(description="ends (UTC)", ordering="expires_at")
    def ends(self, invite: Invitation) -> str:
        """When it is gone if nobody claims it."""
        return moment(invite.expires_at)

    @display(description="ended (UTC)")
    def ended(self, invite: Invitation) -> str:
        """When it was claimed, expired or was withdrawn."""
        return moment(invite.ended_at)

    @display(description="claimed by", ordering="claimed_by__account__name")
    def claimed_name(self, invite: Invitation) -> str:
        """Who came."""
        account = getattr(invite.claimed_by, "account", None)
        return account.name if account else ""

    def buttons(self, obj: Invitation) -> Iterable[Button]:
        if obj.state == Invitation.State.WAITING:
            account = Account.objects.filter(user__key=obj.key, kind=Account.Kind.TEMP).first()
            if account:
                yield Button("Withdraw the invite", "withdraw-invite", account.pk)


# Connections


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


@admin.register(Peer)
class PeerTable(Table):
    """Devices: programs that a user has blessed and that have logged in here."""

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


@admin.register(Certificate)
class CertificateTable(Table):
    """Certificates that devices have logged in with."""

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


@admin.register(Revocation)
class RevocationTable(Table):
    """What users have revoked, by signed messages."""

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


@admin.register(Token)
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


@admin.register(Block)
class BlockTable(Table):
    """What the operator refuses on this hub."""

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


# Messages

admin.site.register(Message, MessageTable)


class TopicKind(StateFilter):
    """What the topic is."""

    title = "kind"
    parameter_name = "kind"
    conditions = {
        "chan": ("open channels", Q(kind="chan")),
        "user": ("inboxes", Q(kind="user")),
        "feed": ("feeds", Q(kind="feed")),
        "hub": ("the hub's own", Q(kind="hub")),
    }


@admin.register(Topic)
class TopicTable(Table):
    """Channels, and all other topics."""

    singular = "channel"
    plural = "channels"
    explains = "Where messages are addressed. Open channels can be read by the hub and by every member."
    list_display = ("shown_name", "shown_kind", "shown_about", "messages", "room", "newest")
    list_filter = (TopicKind,)
    search_fields = ("name", "about")
    search_help_text = "Name, or what it is for"
    ordering = ("-cursor",)
    list_buttons = (("Open a channel", "open-channel"), ("Put a notice to all", "notice"))
    detail = ("shown_name", "shown_kind", "about", "messages", "room", "newest", "address")

    @display(description="name", ordering="name")
    def shown_name(self, topic: Topic) -> str:
        """Of a channel; other topics are named by a key."""
        return topic.name or f"{topic.kind}:{text_of(topic.ident)[:12]}…"

    @display(description="kind", ordering="kind")
    def shown_kind(self, topic: Topic) -> str:
        """In words."""
        words = {"chan": "open channel", "user": "inbox", "feed": "feed", "hub": "the hub's own"}
        return words.get(topic.kind, topic.kind)

    @display(description="what it is for")
    def shown_about(self, topic: Topic) -> str:
        """Its beginning."""
        return topic.about if len(topic.about) <= 60 else f"{topic.about[:60]}…"

    @display(description="messages", ordering="count")
    def messages(self, topic: Topic) -> str:
        """Held now."""
        return f"{topic.count:,}"

    @display(description="room", ordering="bytes")
    def room(self, topic: Topic) -> str:
        """Bytes of them."""
        return size(topic.bytes)

    @display(description="newest (UTC)", ordering="cursor")
    def newest(self, topic: Any) -> str:
        """When its newest message was written."""
        return moment(topic.newest_at)

    @display(description="address")
    def address(self, topic: Topic) -> str:
        """As the protocol writes it."""
        return f"{topic.kind}:{text_of(topic.ident)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        newest = Message.objects.filter(cursor=OuterRef("cursor")).values("created_at")
        return super().get_queryset(request).annotate(newest_at=newest[:1])


# The hub


@admin.register(Statement)
class StatementTable(Table):
    """What the hub has signed with its own key."""

    singular = "statement"
    plural = "hub key"
    explains = (
        "What this hub says of itself, signed with its key. Members compare the key's fingerprint by other means."
    )
    list_display = ("type", "hub_key")
    list_filter = ("type",)
    search_fields = ("type",)
    ordering = ("type",)
    detail = ("type", "hub_key_whole", "signed_body")

    @display(description="hub key")
    def hub_key(self, statement: Statement) -> str:
        """Shortened."""
        return key_html(_signer(statement))

    @display(description="fingerprint of the hub's key")
    def hub_key_whole(self, statement: Statement) -> str:
        """To be compared."""
        return whole_key_html(_signer(statement))

    @display(description="signed")
    def signed_body(self, statement: Statement) -> str:
        """As it was signed."""
        return bytes(statement.body).decode()


def _signer(statement: Statement) -> bytes:
    return b64decode(orjson.loads(bytes(statement.body))["hub"], 32)


class AuditAction(StateFilter):
    """What was done."""

    title = "what"
    parameter_name = "action"
    conditions = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What has been done so far."""
        found = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
        return [(action, action.replace("_", " ")) for action in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The entries of that."""
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditTable(Table):
    """What was done in the console. Nothing in it can be changed or deleted here."""

    singular = "entry"
    plural = "what was done"
    explains = "What was done in this console, and from the terminal to it. Entries cannot be changed or removed here."
    list_display = ("when", "shown_action", "target", "detail_line")
    list_filter = (AuditAction,)
    search_fields = ("target", "detail", "action")
    search_help_text = "What was done, or to what"
    ordering = ("-pk",)
    detail = ("when", "shown_action", "target", "detail_line")

    @display(description="when (UTC)", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        """When."""
        return moment(entry.at)

    @display(description="what", ordering="action")
    def shown_action(self, entry: AuditEntry) -> str:
        """In words."""
        return entry.action.replace("_", " ")

    @display(description="details")
    def detail_line(self, entry: AuditEntry) -> str:
        """What else is to be known."""
        return entry.detail
