"""The hub as the operator sees it: its topics, what it has signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from django.contrib.admin import display
from django.db.models import OuterRef, Q, QuerySet
from django.http import HttpRequest

from accord.encoding import b64decode
from accord.merkle import ROOT_LEVEL
from console import roles
from console.shown import key_html, moment, size, text_of, whole_key_html
from console.tables import StateFilter, Table
from messaging.models import Branch, Message, Topic
from messaging.trees.nodes import root_of
from peers.models import Account, Statement


class TopicKind(StateFilter):
    """What the topic is: open channels, unless something else is asked for."""

    title = "kind"
    parameter_name = "kind"
    conditions = {
        "chan": ("open channels", Q(kind="chan", is_private=False)),
        "private": ("spaces and private channels", Q(is_private=True)),
        "user": ("inboxes", Q(kind="user")),
        "feed": ("feeds", Q(kind="feed")),
        "hub": ("the hub's own", Q(kind="hub")),
        "all": ("all topics", Q()),
    }

    def value(self) -> str:
        """The choice."""
        return super().value() or "chan"

    def choices(self, changelist: Any) -> Iterator[Any]:
        """No first choice that means none."""
        yield from list(super().choices(changelist))[1:]


class TopicTable(Table):
    """Channels, and all other topics."""

    needs = roles.SEE_PEOPLE
    singular = "channel"
    plural = "channels"
    explains = (
        "Where messages are addressed. Open channels can be read by the hub and by every member; of private ones the "
        "hub sees who writes, not what."
    )
    list_display = ("shown_name", "shown_kind", "shown_about", "messages", "takes", "newest", "held_from", "root")
    list_filter = (TopicKind,)
    search_fields = ("name", "about")
    search_help_text = "Name, or what it is for"
    ordering = ("-cursor",)
    list_buttons = (("Open a channel", "open-channel"), ("Put a notice to all", "notice"))
    detail = (
        "shown_name",
        "shown_kind",
        "about",
        "messages",
        "takes",
        "newest",
        "held_from",
        "whole_root",
        "under_root",
        "address",
    )

    @display(description="name", ordering="name")
    def shown_name(self, topic: Any) -> str:
        """Of a channel; other topics are called after their owner, or by a key."""
        return topic.name or topic.owner_name or f"{text_of(topic.ident)[:12]}…"

    @display(description="kind", ordering="kind")
    def shown_kind(self, topic: Topic) -> str:
        """In words."""
        words = {"chan": "open channel", "user": "inbox", "feed": "feed", "hub": "the hub's own", "space": "space"}
        return "private channel" if topic.kind == "chan" and topic.is_private else words.get(topic.kind, topic.kind)

    @display(description="what it is for")
    def shown_about(self, topic: Topic) -> str:
        """Its beginning."""
        return topic.about if len(topic.about) <= 60 else f"{topic.about[:60]}…"

    @display(description="messages", ordering="count")
    def messages(self, topic: Topic) -> int:
        """Held now."""
        return topic.count

    @display(description="room", ordering="bytes")
    def takes(self, topic: Topic) -> str:
        """Bytes of them."""
        return size(topic.bytes)

    @display(description="newest (UTC)", ordering="cursor")
    def newest(self, topic: Any) -> str:
        """When its newest message was written."""
        return moment(topic.newest_at)

    @display(description="held from (UTC)", ordering="horizon")
    def held_from(self, topic: Topic) -> str:
        """The horizon: what is older has been pruned."""
        return moment(topic.horizon) if topic.horizon else "the beginning"

    @display(description="root of its tree")
    def root(self, topic: Any) -> str:
        """Its beginning, for comparing at a glance; two hubs with the same root hold the same messages."""
        return f"{self.whole_root(topic)[:12]}…" if topic.branches else ""

    @display(description="root of its tree, some seconds ago")
    def whole_root(self, topic: Any) -> str:
        """Of what was last hashed."""
        return text_of(root_of(topic.branches or b"")[0])

    @display(description="messages under it")
    def under_root(self, topic: Any) -> int:
        """Those that burn within minutes, and what is kept from before, are not."""
        return root_of(topic.branches or b"")[1]

    @display(description="address")
    def address(self, topic: Topic) -> str:
        """As the protocol writes it."""
        return f"{topic.kind}:{text_of(topic.ident)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        newest = Message.objects.filter(cursor=OuterRef("cursor")).values("created_at")
        owner = Account.objects.filter(user__key=OuterRef("ident")).values("name")
        top = Branch.objects.filter(topic=OuterRef("pk"), level=ROOT_LEVEL, bucket=0).values("children")
        rows = super().get_queryset(request)
        return rows.annotate(newest_at=newest[:1], owner_name=owner[:1], branches=top[:1])


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
