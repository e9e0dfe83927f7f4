"""People as the operator sees them: accounts, and the invites by which they came."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from console import roles
from console.deeds import needs_of
from console.person import person_context
from console.shown import key_html, moment, size, whole_key_html
from console.tables import Button, Table
from invites.models import Invitation
from peers.clock import now_ms
from peers.models import Account, Peer
from peers.sessions import sessions


class AccountTable(Table):
    """People: everyone with an account, and the invites that wait."""

    needs = roles.SEE_PEOPLE
    singular = "account"
    plural = "people"
    explains = "Everyone with an account on this hub. A row without a name of its own is an invite that waits."
    list_display = (
        "shown_name",
        "shown_key",
        "shown_kind",
        "inviter",
        "joined",
        "messages",
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
        "messages",
        "stored",
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

    @display(description="messages", ordering="messages_used")
    def messages(self, account: Account) -> str:
        """How many it has brought here, and of how many at most."""
        limit = account.messages_limit
        return f"{account.messages_used:,}" + (f" of {limit:,}" if limit is not None else "")

    @display(description="stored", ordering="bytes_used")
    def stored(self, account: Account) -> str:
        """Bytes of what it has brought here, and of how many at most."""
        limit = account.bytes_limit
        return size(account.bytes_used) + (f" of {size(limit)}" if limit is not None else "")

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
        elif obj.kind == Account.Kind.ADMIN:
            yield Button("Make an owner's link", "owner-link", obj.pk)
        elif obj.kind == Account.Kind.REAL and obj.frozen_at is None:
            yield Button("Change the allowances", "allowances", obj.pk, is_danger=False)
            yield Button("Remove", "remove-account", obj.pk)
            yield Button("Remove the branch", "remove-branch", obj.pk)

    def row_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A person's page; of an invite that waits, what is known."""
        account: Account = self._row(request, object_id)
        if account.kind == Account.Kind.TEMP:
            return super().row_view(request, object_id)
        found = person_context(account, now=now_ms())
        removal = found["removal"]
        may_undo = removal and removal["pk"] and roles.may(request, needs_of("undo-removal"))
        context = {
            **self.admin_site.each_context(request),
            **found,
            "title": account.name,
            "undo_url": reverse("admin:deed", args=["undo-removal", str(removal["pk"])]) if may_undo else "",
            "buttons": [(button.text, button.url, button.is_danger) for button in self.buttons_for(request, account)],
            "back": reverse("admin:peers_account_changelist"),
        }
        return render(request, "console/person.html", context)


class InvitationTable(Table):
    """Invites and what became of them."""

    needs = roles.SEE_PEOPLE
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
    list_buttons = (("Invite somebody", "invite"),)

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
