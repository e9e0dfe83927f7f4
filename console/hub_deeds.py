"""Deeds about what is said and about the console itself: channels, notices, messages, second factors, tokens."""

from __future__ import annotations

from typing import Final

from django.urls import reverse

from accord.errors import AccordError
from accord.message_types import MAX_ABOUT_CHARS, MAX_CHANNEL_NAME_CHARS
from accord.topics import Topic as TopicName
from console import factors, roles, services
from console.deeds import Deed, Field, named, nothing, number_of
from console.models import Factor
from console.selectors import open_channels
from messaging.models import Message, Topic
from messaging.services import channel_create
from peers import audit
from peers.clock import now_ms

MAX_NOTICE_CHARS: Final = 4_000

# Channels and messages


@named("open-channel", needs=roles.MODERATE)
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


@named("notice")
def notice(target: str) -> Deed:
    """Say something to all."""
    channels = open_channels()
    if not channels:
        raise AccordError("not_found", "there is no channel to say it in")

    def run(values: dict[str, str]) -> str:
        channel = Topic.objects.filter(pk=number_of(values["channel"]), kind="chan", is_private=False).first()
        if channel is None:
            raise nothing("that channel")
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
    message = (
        Message.objects.filter(pk=number_of(target), topic__kind="chan", topic__is_private=False)
        .select_related("topic")
        .first()
    )
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


@named("pin", needs=roles.MODERATE)
def pin(target: str) -> Deed:
    """Pin a message."""
    return _pinning(target, on=True)


@named("unpin", needs=roles.MODERATE)
def unpin(target: str) -> Deed:
    """Unpin a message."""
    return _pinning(target, on=False)


@named("delete-message", needs=roles.MODERATE)
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


@named("remove-factor")
def remove_factor(target: str) -> Deed:
    """Ask for a second factor no longer."""
    factor = Factor.objects.filter(pk=number_of(target)).first()
    if factor is None:
        raise nothing("that second factor")

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


@named("metrics-token")
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


@named("check-audit")
def check_audit(target: str) -> Deed:
    """Check the audit log now."""

    def run(values: dict[str, str]) -> str:
        audit.note("check_audit")
        check = services.audit_check(now=now_ms())
        if check.fault:
            raise AccordError("conflict", f"the log is not whole: {check.fault}; manage.py verify_audit says more")
        return f"All {check.entries:,} entries are as they were written, and none is missing."

    return Deed(
        "Check the audit log now",
        (
            "Every entry is held to the one before, to its signature, and to how far the hub has signed the log to go.",
            "The hub does this each hour by itself. Nothing is changed, but that it was asked for is written down.",
        ),
        "Check it",
        run,
        reverse("admin:peers_auditentry_changelist"),
    )
