"""Inviting from the console: a link under the admin's account, as `manage.py invite` makes them.

Not here: what becomes of an invite (people_tables.py).
"""

from __future__ import annotations

from typing import Final

from django.urls import reverse

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord.invites import MAX_CIRCLE_PEOPLE, new_code, show_code
from accord.message_types import TEMPORARY_LIFE_MS
from accord.names import normalize_name
from accord.topics import Topic
from console import roles
from console.deeds import MAX_DIGITS, Deed, Field, named, whole_number
from invites import selectors
from messaging.models import Topic as TopicRow
from messaging.room import MIB
from messaging.services import LOUNGE, invite_create
from peers.selectors import admin_account_id

HOUR_MS: Final = 3_600_000
MAX_HOURS: Final = TEMPORARY_LIFE_MS // HOUR_MS
MAX_NAME_CHARS: Final = 32
CHANNELS_LISTED: Final = 100
WITH_CODE: Final = "code"


def _within(values: dict[str, str], name: str, label: str, least: int, most: int) -> int:
    number = whole_number(values, name, label)
    if number is None or not least <= number <= most:
        raise AccordError("bad_request", f"{label}: {least} to {most:,}")
    return number


def _channels() -> list[tuple[str, str]]:
    """The open channels of this hub but the lounge, as a choice."""
    rows = TopicRow.objects.filter(kind="chan", hub__isnull=True, is_private=False).exclude(name=LOUNGE)
    found = rows.order_by("name").values_list("ident", "name")[:CHANNELS_LISTED]
    return [(b64encode(bytes(ident)), f"#{name}") for ident, name in found]


@named("invite", needs=roles.MODERATE)
def invite(target: str) -> Deed:
    """Make an invite link."""
    left = selectors.unspent(admin_account_id())

    def run(values: dict[str, str]) -> str:
        people = _within(values, "people", "People", 1, MAX_CIRCLE_PEOPLE)
        if values["name"] and people > 1:
            raise AccordError("bad_request", "Name: it is for one person alone")
        mib = whole_number(values, "mib", "Room")
        code = new_code() if values["code"] == WITH_CODE else None
        channel = values["channel"]
        link = invite_create(
            origin="",
            code=code,
            channels=[Topic("chan", b64decode(channel, 32))] if channel else [],
            invites=whole_number(values, "invites", "Invites") or 0,
            messages=whole_number(values, "messages", "Messages"),
            bytes=None if mib is None else mib * MIB,
            name=normalize_name(values["name"]) if values["name"] else None,
            life_ms=_within(values, "hours", "Hours", 1, MAX_HOURS) * HOUR_MS,
            people=people,
        )
        if code is None:
            return str(link)
        return f"{link}\nThe claim code, to be told by other means than the link: {show_code(code)}"

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
            Field(
                "channel",
                "Begins in",
                "the channel to which they are led",
                is_required=False,
                choices=(("", "the lounge"), *_channels()),
            ),
            Field(
                "code",
                "Claim code",
                "five wrong tries, and the invite is locked",
                is_required=False,
                choices=(("", "none: the link is enough"), (WITH_CODE, "asked for; you tell it by other means")),
            ),
            Field("messages", "Messages", "that each may store here; empty: no limit", MAX_DIGITS, is_required=False),
            Field("mib", "Room in MiB", "that each may fill; empty: no limit", MAX_DIGITS, is_required=False),
        ),
        is_secret=True,
    )
