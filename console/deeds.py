"""What the operator does: each deed first says what it touches, is confirmed by a second press, and is written down.

A deed is prepared from the name of its target (or from a form), which may find that there is nothing to do. Not here:
the doing itself (services.py, live.py, factors.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages as page_messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accord.errors import HTTP_STATUS, AccordError
from accord.message_types import MAX_ABOUT_CHARS, MAX_CHANNEL_NAME_CHARS
from accord.topics import Topic as TopicName
from console import audit, factors, live, services
from console.models import Block, Factor
from console.selectors import open_channels
from console.shown import count, short_key, text_of
from messaging.models import Message, Topic
from messaging.services import channel_create, invite_withdraw
from peers.clock import now_ms
from peers.keyring import keyring
from peers.models import Account, Certificate, Peer, Token

MAX_NOTICE_CHARS: Final = 4_000
MAX_REASON_CHARS: Final = 200
MAX_CAPACITY: Final = 1_000_000
MAX_ID_DIGITS: Final = 18

SiteContext = Callable[[HttpRequest], dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """Something that the operator writes before a deed can be confirmed."""

    name: str
    label: str
    hint: str = ""
    most: int = 200
    is_long: bool = False
    is_required: bool = True
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""


@dataclass(frozen=True)
class Deed:
    """A deed that is ready: `says` is what it touches, `run` does it and tells what happened."""

    title: str
    says: tuple[str, ...]
    button: str
    run: Callable[[dict[str, str]], str]
    back: str
    fields: tuple[Field, ...] = ()
    is_danger: bool = False
    is_secret: bool = False  # what `run` tells is shown on the page itself, this once, and kept nowhere
    preview: str = ""  # the name of a field that is shown as members will see it


Prepare = Callable[[str], Deed]
_deeds: dict[str, Prepare] = {}


def _named(name: str) -> Callable[[Prepare], Prepare]:
    def register(prepare: Prepare) -> Prepare:
        _deeds[name] = prepare
        return prepare

    return register


def _number(target: str) -> int:
    if not (target.isascii() and target.isdecimal() and len(target) <= MAX_ID_DIGITS):
        raise AccordError("not_found", "there is no such thing")
    return int(target)


def _nothing(what: str) -> AccordError:
    return AccordError("not_found", f"{what} is not there any more: nothing has been changed")


_REASON: Final = Field(
    "reason", "Why", "For you, in the list of what was done. Nobody else reads it.", MAX_REASON_CHARS, is_required=False
)


# Sessions and devices


@_named("end-session")
def end_session(target: str) -> Deed:
    """End one live session."""
    found = next((session for session in live.snapshot() or () if session.sid == target), None)
    if found is None:
        raise _nothing("that session")

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


@_named("end-token")
def end_token(target: str) -> Deed:
    """End one bearer token of the REST API."""
    token = Token.objects.filter(pk=_number(target)).first()
    if token is None:
        raise _nothing("that token")
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


@_named("refuse-device")
def refuse_device(target: str) -> Deed:
    """Let a device in no more."""
    peer = Peer.objects.filter(pk=_number(target)).first()
    if peer is None:
        raise _nothing("that device")
    key = bytes(peer.key)
    return _refusal(
        "device", f"the device {short_key(key)}", reverse("admin:peers_peer_change", args=[peer.pk]), client=key
    )


@_named("refuse-session")
def refuse_session(target: str) -> Deed:
    """Let the device behind a live session in no more."""
    found = next((session for session in live.snapshot() or () if session.sid == target), None)
    if found is None:
        raise _nothing("that session")
    return _refusal("device", f"the device {short_key(found.client)}", reverse("admin:sessions"), client=found.client)


@_named("refuse-certificate")
def refuse_certificate(target: str) -> Deed:
    """Let nobody in under a certificate any more."""
    certificate = Certificate.objects.filter(pk=_number(target)).first()
    if certificate is None:
        raise _nothing("that certificate")
    serial = bytes(certificate.serial)
    back = reverse("admin:peers_certificate_change", args=[certificate.pk])
    return _refusal("certificate", f"certificate {text_of(serial)}", back, serial=serial)


@_named("lift")
def lift(target: str) -> Deed:
    """Take a refusal back."""
    block = Block.objects.filter(pk=_number(target)).first()
    if block is None:
        raise _nothing("that refusal")

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


@_named("withdraw-invite")
def withdraw(target: str) -> Deed:
    """Withdraw an invite that nobody has claimed."""
    account = (
        Account.objects.filter(pk=_number(target), kind=Account.Kind.TEMP)
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


@_named("capacity")
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


# Channels and messages


@_named("open-channel")
def open_channel(target: str) -> Deed:
    """Open a channel."""

    def run(values: dict[str, str]) -> str:
        topic = channel_create(name=values["name"], about=values["about"])
        audit.note("open_channel", topic.name, f"name {values['name']}")
        return f"The channel {values['name']} is open."

    return Deed(
        "Open a channel",
        (
            "Every member sees the channel at once and may read and write there. The hub can read it: it is open.",
            "It is made by a message that the admin's key signs. A channel cannot be closed or renamed yet.",
        ),
        "Open the channel",
        run,
        reverse("admin:messaging_topic_changelist"),
        (
            Field("name", "Name", most=MAX_CHANNEL_NAME_CHARS),
            Field("about", "What it is for", "Members read it beside the name.", MAX_ABOUT_CHARS, is_required=False),
        ),
    )


@_named("notice")
def notice(target: str) -> Deed:
    """Say something to all."""
    channels = open_channels()
    if not channels:
        raise AccordError("not_found", "there is no channel to say it in")

    def run(values: dict[str, str]) -> str:
        channel = Topic.objects.filter(pk=_number(values["channel"]), kind="chan").first()
        if channel is None:
            raise _nothing("that channel")
        services.notice_publish(channel=TopicName("chan", bytes(channel.ident)), text=values["text"], now=now_ms())
        return f"Said in {channel.name}."

    lounge = next((row for row in channels if row.name == "lounge"), channels[0])
    return Deed(
        "Put a notice to all",
        (
            "It appears as an ordinary message of “admin” in the channel, for everyone who reads it, now and later.",
            "It mentions nobody: phones and desktops stay quiet unless a member asked to hear of every message.",
            "It is signed with the admin's key. It can be deleted later, as any message.",
        ),
        "Say it",
        run,
        reverse("admin:messaging_topic_changelist"),
        (
            Field(
                "channel", "Channel", choices=tuple((str(row.pk), row.name) for row in channels), value=str(lounge.pk)
            ),
            Field("text", "Text", "Plain text.", MAX_NOTICE_CHARS, is_long=True),
        ),
        preview="text",
    )


def _message(target: str) -> Message:
    message = Message.objects.filter(pk=_number(target), topic__kind="chan").select_related("topic").first()
    if message is None:
        raise AccordError("not_found", "that message is not in an open channel, or is not held any more")
    return message


def _pinning(target: str, *, on: bool) -> Deed:
    message = _message(target)

    def run(values: dict[str, str]) -> str:
        services.message_pin(cursor=message.pk, on=on, now=now_ms())
        return "Pinned." if on else "No longer pinned."

    says = f"Everyone who reads {message.topic.name or 'the channel'} sees it among its pinned messages."
    if not on:
        says = f"It leaves the pinned messages of {message.topic.name or 'the channel'}; the message itself stays."
    return Deed(
        "Pin this message" if on else "Unpin this message",
        (says, "The admin's key signs it."),
        "Pin" if on else "Unpin",
        run,
        reverse("admin:messaging_message_change", args=[message.pk]),
    )


@_named("pin")
def pin(target: str) -> Deed:
    """Pin a message."""
    return _pinning(target, on=True)


@_named("unpin")
def unpin(target: str) -> Deed:
    """Unpin a message."""
    return _pinning(target, on=False)


@_named("delete-message")
def delete_message(target: str) -> Deed:
    """Delete a message for everyone."""
    message = _message(target)

    def run(values: dict[str, str]) -> str:
        services.message_delete(cursor=message.pk, now=now_ms())
        return "Deleted for everyone."

    return Deed(
        "Delete this message for everyone",
        (
            "Its text is erased on this hub at once, and by every program that obeys the deletion.",
            "That there was a message, by whom and when, stays. Whoever has read or copied it, has.",
            "It cannot be undone. The admin's key signs the deletion, so members see who deleted it.",
        ),
        "Delete for everyone",
        run,
        reverse("admin:messaging_message_changelist"),
        is_danger=True,
    )


# The console itself


@_named("remove-factor")
def remove_factor(target: str) -> Deed:
    """Ask for a second factor no longer."""
    factor = Factor.objects.filter(pk=_number(target)).first()
    if factor is None:
        raise _nothing("that second factor")

    def run(values: dict[str, str]) -> str:
        factors.factor_remove(factor=factor)
        return "Removed."

    is_last = Factor.objects.filter(is_confirmed=True).count() == 1
    return Deed(
        f"Remove “{factor.name}”",
        (
            "It opens the console no more.",
            "It is the last one: from then on a link from the terminal alone opens the console."
            if is_last
            else "The others are asked for as before.",
        ),
        "Remove it",
        run,
        reverse("admin:factors"),
        is_danger=True,
    )


@_named("metrics-token")
def metrics_token(target: str) -> Deed:
    """Make a token for /metrics."""

    def run(values: dict[str, str]) -> str:
        token = services.metrics_token_create(now=now_ms())
        return token

    return Deed(
        "Make a token for /metrics",
        (
            "Programs that show it as “Authorization: Bearer …” may read /metrics from anywhere.",
            "The token before it, if there is one, is good no longer.",
        ),
        "Make a token",
        run,
        reverse("admin:numbers"),
        is_secret=True,
    )


# The page


def _read(deed: Deed, request: HttpRequest) -> dict[str, str]:
    values: dict[str, str] = {}
    for asked in deed.fields:
        text = request.POST.get(asked.name, "").replace("\r\n", "\n").replace("\0", "").strip()
        if asked.is_required and not text:
            raise AccordError("bad_request", f"{asked.label}: something is expected")
        if len(text) > asked.most:
            raise AccordError("bad_request", f"{asked.label}: at most {asked.most:,} characters")
        if asked.choices and text not in dict(asked.choices):
            raise AccordError("bad_request", f"{asked.label}: one of the choices is expected")
        values[asked.name] = text
    return values


@require_http_methods(["GET", "HEAD", "POST"])
def deed(request: HttpRequest, name: str, target: str = "", *, site_context: SiteContext) -> HttpResponse:
    """First what it touches (and what it needs to know), then, confirmed, the deed."""
    status, error = 200, ""
    try:
        prepare = _deeds.get(name)
        if prepare is None:
            raise AccordError("not_found", "there is no such deed")
        ready = prepare(target)
    except AccordError as refusal:
        page_messages.error(request, _sentence(refusal))
        return HttpResponseRedirect(reverse("admin:index"))
    values = {asked.name: asked.value for asked in ready.fields}
    is_written = not ready.fields
    if request.method == "POST":
        values = {asked.name: request.POST.get(asked.name, "") for asked in ready.fields}
        try:
            values = _read(ready, request)
            is_written = True
            if "confirmed" in request.POST:
                told = ready.run(values)
                if ready.is_secret:
                    context = {**site_context(request), "title": ready.title, "deed": ready, "secret": told}
                    return render(request, "console/secret.html", context)
                page_messages.success(request, told)
                return HttpResponseRedirect(ready.back)
        except AccordError as refusal:
            status, error, is_written = HTTP_STATUS[refusal.code], _sentence(refusal), not ready.fields
    context = {
        **site_context(request),
        "title": ready.title,
        "deed": ready,
        "fields": [{"asked": asked, "value": values[asked.name]} for asked in ready.fields],
        "is_written": is_written,
        "preview": values.get(ready.preview, ""),
        "admin_key": short_key(keyring().admin.public),
        "error": error,
    }
    return render(request, "console/deed.html", context, status=status)


def _sentence(refusal: AccordError) -> str:
    text = refusal.detail or refusal.code
    return f"{text[:1].upper()}{text[1:]}."
