"""Links to other hubs as the operator sees them: how each stands, what was exchanged, what waits for whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import display
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from console.shown import key_html, moment, size, whole_key_html
from console.tables import Button, StateFilter, Table
from links.models import Exchange, Link, Parcel
from links.selectors import state_text
from links.states import State
from peers.clock import now_ms
from peers.models import Hub


class ConnectedFilter(StateFilter):
    """Whether the two hubs have a session."""

    title = "connected"
    parameter_name = "connected"
    conditions = {
        "yes": ("yes", Q(state__in=[State.COMPARING, State.EQUAL, State.UNEQUAL])),
        "no": ("no", ~Q(state__in=[State.COMPARING, State.EQUAL, State.UNEQUAL])),
    }


def _names() -> Any:
    return Subquery(Hub.objects.filter(key=OuterRef("key")).values("name")[:1])


class LinkTable(Table):
    """Links to other hubs."""

    singular = "link"
    plural = "links"
    explains = (
        "Hubs that this one becomes and stays equal with: feeds, the channels that people of both use, and messages to "
        "people of the other. A link is made with an invite of the other operator."
    )
    list_display = ("shown_name", "shown_key", "origin_text", "text", "carries", "shown_equal", "waiting")
    list_filter = (ConnectedFilter, "enabled", "everything")
    search_fields = ("name", "origin")
    search_help_text = "Name or address"
    ordering = ("pk",)
    list_buttons = (("Link another hub", "link-hub"),)
    detail = (
        "shown_name",
        "whole_key",
        "origin_text",
        "text",
        "carries",
        "behind",
        "refused",
        "shown_equal",
        "shown_since",
        "shown_next",
        "waiting",
        "shown_made",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waiting = Parcel.objects.filter(hub=OuterRef("key")).values("hub").annotate(number=Count("pk"))
        return (
            super()
            .get_queryset(request)
            .annotate(waiting_count=Coalesce(Subquery(waiting.values("number")), 0), hub_name=_names())
        )

    def buttons(self, obj: Link) -> Iterable[Button]:
        """What can be done about a link."""
        if obj.enabled:
            yield Button("Compare now", "compare-link", obj.pk, is_danger=False)
            yield Button("Switch off", "stop-link", obj.pk)
        else:
            yield Button("Switch on", "start-link", obj.pk, is_danger=False)
        yield Button("Remove", "remove-link", obj.pk)

    @display(description="hub", ordering="name")
    def shown_name(self, link: Any) -> str:
        """What it calls itself."""
        return link.name or link.hub_name or "not known"

    @display(description="hub key")
    def shown_key(self, link: Link) -> str:
        """Shortened."""
        return key_html(link.key)

    @display(description="hub key")
    def whole_key(self, link: Link) -> str:
        """To be compared."""
        return whole_key_html(link.key)

    @display(description="address", ordering="origin")
    def origin_text(self, link: Link) -> str:
        """Where it is dialled."""
        return link.origin or "it dials us"

    @display(description="state", ordering="state")
    def text(self, link: Link) -> str:
        """In plain words."""
        return state_text(link, now_ms())

    @display(description="carries", ordering="everything")
    def carries(self, link: Link) -> str:
        """Which channels."""
        if not link.origin:
            return "what that hub asks for"
        return "all channels" if link.everything else "channels that are used"

    @display(description="last equal (UTC)", ordering="equal_at")
    def shown_equal(self, link: Link) -> str:
        """When."""
        return moment(link.equal_at) if link.equal_at is not None else "never"

    @display(description="in this state since (UTC)", ordering="since")
    def shown_since(self, link: Link) -> str:
        """When it came to be so."""
        return moment(link.since)

    @display(description="next try (UTC)")
    def shown_next(self, link: Link) -> str:
        """To dial, or to compare."""
        return moment(link.next_at)

    @display(description="made (UTC)")
    def shown_made(self, link: Link) -> str:
        """When."""
        return moment(link.created_at)

    @display(description="messages waiting", ordering="waiting_count")
    def waiting(self, link: Any) -> int:
        """For people of that hub."""
        return int(link.waiting_count)


class ExchangeTable(Table):
    """The history of comparisons."""

    singular = "comparison"
    plural = "comparisons"
    explains = "Each time the two hubs of a link have compared what they hold, of the last 30 days."
    list_display = (
        "shown_link",
        "shown_began",
        "took",
        "outcome_text",
        "differing",
        "received",
        "sent",
        "refused",
        "traffic",
    )
    list_filter = ("outcome", "link")
    search_fields = ("link__name",)
    search_help_text = "Name of the hub"
    ordering = ("-pk",)
    list_select_related = ("link",)
    detail = (
        "shown_link",
        "shown_began",
        "took",
        "outcome_text",
        "topics",
        "differing",
        "received",
        "sent",
        "refused",
        "traffic",
        "trips",
    )

    @display(description="hub", ordering="link__name")
    def shown_link(self, exchange: Exchange) -> str:
        """Which link."""
        return str(exchange.link)

    @display(description="began (UTC)", ordering="began_at")
    def shown_began(self, exchange: Exchange) -> str:
        """When."""
        return moment(exchange.began_at)

    @display(description="took")
    def took(self, exchange: Exchange) -> str:
        """How long."""
        return f"{(exchange.ended_at - exchange.began_at) / 1000:,.1f} s"

    @display(description="outcome", ordering="outcome")
    def outcome_text(self, exchange: Exchange) -> str:
        """How it ended, and why if it was cut."""
        return f"{exchange.outcome} ({exchange.code})" if exchange.code else exchange.outcome

    @display(description="bytes in, out")
    def traffic(self, exchange: Exchange) -> str:
        """Frames of the comparison."""
        return f"{size(exchange.bytes_in)}, {size(exchange.bytes_out)}"


class ParcelTable(Table):
    """Messages to people that wait for a hub of theirs."""

    singular = "waiting message"
    plural = "waiting messages"
    explains = (
        "Messages to people who have let another hub carry theirs, kept until that hub has them. Nothing is lost while "
        "a hub is away: each is sent once."
    )
    list_display = ("shown_hub", "shown_key", "cursor", "shown_made", "tries", "shown_next")
    list_filter = ()
    search_fields = ()
    ordering = ("pk",)
    detail = ("shown_hub", "whole_key", "cursor", "shown_made", "tries", "shown_next")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        name = Hub.objects.filter(key=OuterRef("hub")).values("name")[:1]
        return super().get_queryset(request).annotate(hub_name=Subquery(name))

    @display(description="for the hub")
    def shown_hub(self, parcel: Any) -> str:
        """What it calls itself."""
        return parcel.hub_name or "not known"

    @display(description="hub key")
    def shown_key(self, parcel: Parcel) -> str:
        """Shortened."""
        return key_html(parcel.hub)

    @display(description="hub key")
    def whole_key(self, parcel: Parcel) -> str:
        """To be compared."""
        return whole_key_html(parcel.hub)

    @display(description="waits since (UTC)", ordering="created_at")
    def shown_made(self, parcel: Parcel) -> str:
        """When."""
        return moment(parcel.created_at)

    @display(description="next try (UTC)", ordering="next_at")
    def shown_next(self, parcel: Parcel) -> str:
        """Not before."""
        return moment(parcel.next_at) if parcel.next_at else "as soon as it is connected"
