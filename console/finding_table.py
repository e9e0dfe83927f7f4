"""Found hubs as the operator sees them: where, how and when they were found, and whether they proved their key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import display
from django.db.models import Q
from django.utils.html import format_html

from console.shown import key_html, moment, whole_key_html
from console.tables import Button, StateFilter, Table
from discovery.models import Sighting


class ProvedFilter(StateFilter):
    """Whether a hub has proved its key there."""

    title = "proved"
    parameter_name = "proved"
    conditions = {
        "yes": ("yes", Q(proved_at__isnull=False)),
        "no": ("no: only said to be there", Q(proved_at__isnull=True)),
    }


class SightingTable(Table):
    """Hubs that were found, and what is only said."""

    singular = "found hub"
    plural = "found hubs"
    explains = (
        "Other hubs that this one has come across. Only a proved key counts: whatever is not proved, anybody may have "
        "said. Where hubs are looked for is decided under Settings."
    )
    list_display = ("shown_name", "shown_key", "address", "how", "shown_first", "shown_last", "shown_proved")
    list_filter = (ProvedFilter, "how")
    search_fields = ("name", "address")
    search_help_text = "Name or address"
    ordering = ("-last_seen",)
    list_buttons = (("Look now", "look-now"), ("Look at an address", "look-at"))
    detail = (
        "shown_name",
        "whole_key",
        "whole_claimed",
        "address",
        "known_as",
        "how",
        "shown_first",
        "shown_last",
        "shown_proved",
        "shown_next",
        "problem",
        "how_to_link",
    )

    @display(description="name", ordering="name")
    def shown_name(self, sighting: Sighting) -> str:
        """What it calls itself, once it has proved who it is."""
        return sighting.name or "not known"

    @display(description="proved key")
    def shown_key(self, sighting: Sighting) -> str:
        """Shortened."""
        return key_html(sighting.key) if sighting.key else ""

    @display(description="proved key")
    def whole_key(self, sighting: Sighting) -> str:
        """To be compared."""
        return whole_key_html(sighting.key) if sighting.key else ""

    @display(description="key that it is said to have")
    def whole_claimed(self, sighting: Sighting) -> str:
        """To be compared."""
        return whole_key_html(sighting.claimed) if sighting.claimed else ""

    @display(description="first found (UTC)", ordering="first_seen")
    def shown_first(self, sighting: Sighting) -> str:
        """When."""
        return moment(sighting.first_seen)

    @display(description="last found (UTC)", ordering="last_seen")
    def shown_last(self, sighting: Sighting) -> str:
        """When."""
        return moment(sighting.last_seen)

    @display(description="proved (UTC)", ordering="proved_at")
    def shown_proved(self, sighting: Sighting) -> str:
        """When it last did."""
        return moment(sighting.proved_at) if sighting.proved_at is not None else "no"

    @display(description="asked again (UTC)")
    def shown_next(self, sighting: Sighting) -> str:
        """When."""
        return moment(sighting.next_try)

    @display(description="how to link")
    def how_to_link(self, sighting: Sighting) -> str:
        """What the two operators do."""
        if sighting.key is None:
            return "Not before it has proved its key."
        return format_html(
            "Ask its operator for an invite, compare the key above with him, then on this machine: <code>{}</code>",
            "manage.py link 'INVITE_LINK'",
        )

    def buttons(self, obj: Any) -> Iterable[Button]:
        yield Button("Forget it", "forget-hub", obj.pk)
