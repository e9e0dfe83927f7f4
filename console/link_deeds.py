"""Deeds about links to other hubs: make, compare, switch off and on, remove."""

from __future__ import annotations

from typing import Final

from django.urls import reverse

from accord.invites import MAX_LINK_CHARS
from console.deeds import Deed, Field, named, nothing, number_of
from console.shown import count, short_key
from links import services
from links.joining import link_claim
from links.models import Link, Parcel
from peers import audit
from peers.blessings import hub_forget
from peers.clock import now_ms

_CARRIES: Final = (("used", "channels that people of either hub use"), ("all", "every channel"))


def _table() -> str:
    return reverse("admin:links_link_changelist")


def _link(target: str) -> Link:
    link = Link.objects.filter(pk=number_of(target)).first()
    if link is None:
        raise nothing("that link")
    return link


@named("link-hub")
def link_hub(target: str) -> Deed:
    """Link another hub."""

    def run(values: dict[str, str]) -> str:
        link = link_claim(values["link"], everything=values["carries"] == "all")
        audit.note("link_hub", str(link), f"{link.origin}, {values['carries']}")
        return f"Linked to {link}. The hub dials it now: how it stands is in the table."

    return Deed(
        "Link another hub",
        (
            "The invite is used up: the admin's user of this hub gets an account on the other one, and lets this hub "
            "read and carry there what that account may.",
            "From then on both hubs exchange feeds and the channels that are carried, and messages to those members "
            "who let their hub carry theirs.",
            "You name the address, so it may be an inner one; only a hub with the key in the link is talked to.",
        ),
        "Link it",
        run,
        _table(),
        (
            Field(
                "link",
                "Invite link",
                "Made by the other operator for this hub; looks like https://hub/join#...",
                MAX_LINK_CHARS,
            ),
            Field("carries", "What it carries", choices=_CARRIES, value="used"),
        ),
    )


@named("compare-link")
def compare_link(target: str) -> Deed:
    """Compare at once."""
    link = _link(target)

    def run(values: dict[str, str]) -> str:
        services.link_ask(key=bytes(link.key), now=now_ms())
        audit.note("compare_link", str(link))
        return "Asked for: the two hubs compare as soon as they are connected."

    return Deed(
        "Compare now",
        (
            f"This hub and {link} compare what they hold. They do so each five minutes anyway, and what is new flows "
            "at once.",
            "A link that waits for its next try is dialled now.",
        ),
        "Compare",
        run,
        _table(),
    )


@named("stop-link")
def stop_link(target: str) -> Deed:
    """Switch a link off."""
    link = _link(target)

    def run(values: dict[str, str]) -> str:
        services.link_switch(key=bytes(link.key), enabled=False, now=now_ms())
        audit.note("stop_link", str(link))
        return f"The link to {link} is off."

    return Deed(
        "Switch this link off",
        (
            f"The connection to {link} ends within a second; neither hub dials, and if that one tries, it is refused.",
            "Messages to people there wait. Nothing is deleted, and the link can be switched on again.",
        ),
        "Switch it off",
        run,
        _table(),
        is_danger=True,
    )


@named("start-link")
def start_link(target: str) -> Deed:
    """Switch a link on."""
    link = _link(target)

    def run(values: dict[str, str]) -> str:
        services.link_switch(key=bytes(link.key), enabled=True, now=now_ms())
        audit.note("start_link", str(link))
        return f"The link to {link} is on."

    return Deed(
        "Switch this link on",
        (f"{link} is dialled at once, or let in when it dials. What was missed meanwhile is exchanged.",),
        "Switch it on",
        run,
        _table(),
    )


@named("remove-link")
def remove_link(target: str) -> Deed:
    """Remove a link."""
    link = _link(target)
    key = bytes(link.key)
    waiting = Parcel.objects.filter(hub=key).count()

    def run(values: dict[str, str]) -> str:
        services.link_remove(key=key)
        hub_forget(key)
        audit.note("remove_link", str(link), f"key {short_key(key)}")
        return f"The link to {link} is gone."

    says = [
        "The connection ends. What was exchanged stays on both hubs: messages, channels, people's feeds.",
        f"{count(waiting, 'message', 'messages')} to people there will not be sent; the history of comparisons goes.",
    ]
    if link.origin:
        says.append(
            "The account that this hub's admin has there stays; to link again, any invite link of that hub will do."
        )
    else:
        says.append(
            "That hub dials this one with an account here: it comes back by itself. To keep it out, switch the link "
            "off instead."
        )
    return Deed("Remove this link", tuple(says), "Remove it", run, _table(), is_danger=True)
