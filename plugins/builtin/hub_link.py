"""Sees another hub's invite link in what is written to the admin, and puts it before the operator as a hub to link."""

from __future__ import annotations

import re

from plugins.handlers import Context, Message, handler

LINK = re.compile(r"https?://[^\s<>\"'|]{1,300}/join#[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}")
MAX_LINKS = 3  # of a message


@handler(
    "hub_link",
    types=["chat.text", "mail.text"],
    places=["admin"],
    contains=["/join#"],
    title="Invitations from other hubs",
    explains="An invite link of another hub, written to the admin, is shown in the console as a hub to link.",
)
def hub_link(message: Message, context: Context) -> None:
    """Propose every link once; the operator decides."""
    for link in sorted(set(LINK.findall(message.text)))[:MAX_LINKS]:
        context.propose_link(link)
