"""Inviting from the console: a link under the admin's account, as `manage.py invite` makes them.

Not here: claim codes and channels, for which there are the command and the web client; what becomes of an invite
(people_tables.py).
"""

from __future__ import annotations

from typing import Final

from django.urls import reverse

from accord.errors import AccordError
from accord.invites import MAX_CIRCLE_PEOPLE
from accord.message_types import TEMPORARY_LIFE_MS
from accord.names import normalize_name
from console import roles
from console.deeds import MAX_DIGITS, Deed, Field, named, whole_number
from invites import selectors
from messaging.room import MIB
from messaging.services import invite_create
from peers.selectors import admin_account_id

HOUR_MS: Final = 3_600_000
MAX_HOURS: Final = TEMPORARY_LIFE_MS // HOUR_MS
MAX_NAME_CHARS: Final = 32


def _within(values: dict[str, str], name: str, label: str, least: int, most: int) -> int:
    number = whole_number(values, name, label)
    if number is None or not least <= number <= most:
        raise AccordError("bad_request", f"{label}: {least} to {most:,}")
    return number


@named("invite", needs=roles.MODERATE)
def invite(target: str) -> Deed:
    """Make an invite link."""
    left = selectors.unspent(admin_account_id())

    def run(values: dict[str, str]) -> str:
        people = _within(values, "people", "People", 1, MAX_CIRCLE_PEOPLE)
        if values["name"] and people > 1:
            raise AccordError("bad_request", "Name: it is for one person alone")
        mib = whole_number(values, "mib", "Room")
        link = invite_create(
            origin="",
            invites=whole_number(values, "invites", "Invites") or 0,
            messages=whole_number(values, "messages", "Messages"),
            bytes=None if mib is None else mib * MIB,
            name=normalize_name(values["name"]) if values["name"] else None,
            life_ms=_within(values, "hours", "Hours", 1, MAX_HOURS) * HOUR_MS,
            people=people,
        )
        return str(link)

    return Deed(
        "Invite somebody",
        (
            "You get a link to hand over; whoever opens it first has the account. It costs one invite, and those "
            f"that go along: {left:,} are left.",
            "An invite that nobody claims in time comes back by itself; until then it can be withdrawn in the list.",
        ),
        "Make the link",
        run,
        reverse("admin:invites_invitation_changelist"),
        (
            Field("name", "Name", "suggested to the newcomer; may be left out", MAX_NAME_CHARS, is_required=False),
            Field("people", "People", f"1 to {MAX_CIRCLE_PEOPLE} may join by this link", MAX_DIGITS, value="1"),
            Field("hours", "Hours", f"how long the link is good, 1 to {MAX_HOURS}", MAX_DIGITS, value=str(MAX_HOURS)),
            Field("invites", "Invites", "how many others each of them may invite", MAX_DIGITS, value="0"),
            Field("messages", "Messages", "that each may store here; empty: no limit", MAX_DIGITS, is_required=False),
            Field("mib", "Room in MiB", "that each may fill; empty: no limit", MAX_DIGITS, is_required=False),
        ),
        is_secret=True,
    )
