"""What the room of the REST API that is about invites takes and gives."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from invites.branches import MAX_NODES
from invites.models import Invitation
from peers.models import Account
from peers.schema import Key, Time, page_of
from peers.serializers import AllowanceSerializer

STATES: Final = ("active", "waiting", "frozen")
DEFAULT_NODES: Final = 2_000


class ClaimedSerializer(serializers.Serializer[Any]):
    """Who has joined by the invite. `name` is null once the account is gone."""

    key = Key()
    name = serializers.CharField(allow_null=True)


class InviteSerializer(serializers.Serializer[Any]):
    """An invite that I gave. The link's secret is not known to the hub."""

    key = Key(help_text="the temporary account's user key, as the link's secret gives it")
    state = serializers.ChoiceField(choices=Invitation.State.choices)
    invites = serializers.IntegerField(help_text="how many others the new member may invite")
    messages_limit = serializers.IntegerField(allow_null=True, help_text="that the new member may store; null: none")
    bytes_limit = serializers.IntegerField(allow_null=True, help_text="that the new member may store; null: none")
    created_at = Time()
    expires = Time()
    ended_at = Time(allow_null=True, help_text="when it was claimed, expired, was withdrawn or locked")
    claimed_by = ClaimedSerializer(allow_null=True)
    channels = serializers.ListField(child=Key(), help_text="ids of the channels that the newcomer is led to")
    tries = serializers.IntegerField(
        allow_null=True, help_text="how many wrong claim codes until it is locked; null: it needs no code"
    )


InvitePage = page_of(
    InviteSerializer, "InvitePage", left=serializers.IntegerField(help_text="invites that I have not spent")
)


class QuotaSerializer(serializers.Serializer[Account]):
    """What somebody further down may do."""

    key = Key(source="user.key")
    name = serializers.CharField()
    invites = serializers.IntegerField(source="balance.unspent", help_text="that it has not spent")
    allowance = AllowanceSerializer(source="*")


class NodeSerializer(serializers.Serializer[Any]):
    """An account of a branch. What begins with `below` sums up the accounts under it, without it."""

    key = Key()
    name = serializers.CharField()
    parent = Key(  # type: ignore[assignment] # fields are no attributes of a serializer, so nothing is hidden
        allow_null=True, help_text="null for the account at the top of what is shown"
    )
    kind = serializers.ChoiceField(choices=Account.Kind.choices)
    state = serializers.ChoiceField(
        choices=STATES, help_text="waiting: an invite that nobody has claimed; frozen: being removed"
    )
    created_at = Time()
    invites_left = serializers.IntegerField()
    messages = serializers.IntegerField(help_text="that it has brought here")
    messages_limit = serializers.IntegerField(allow_null=True, help_text="null: no limit")
    bytes = serializers.IntegerField(help_text="of what it has brought here")
    bytes_limit = serializers.IntegerField(allow_null=True, help_text="null: no limit")
    children = serializers.IntegerField(help_text="accounts directly under it")
    below = serializers.IntegerField(help_text="accounts under it")
    below_waiting = serializers.IntegerField(help_text="of these: invites that nobody has claimed")
    below_invites = serializers.IntegerField()
    below_messages = serializers.IntegerField()
    below_bytes = serializers.IntegerField()


@extend_schema_serializer(many=False)
class BranchSerializer(serializers.Serializer[Any]):
    """A branch: each account after the one above it. `more`: the lower end is left out."""

    items = NodeSerializer(many=True)
    more = serializers.BooleanField()


class BranchQuery(serializers.Serializer[Any]):
    """How much of a branch."""

    depth = serializers.IntegerField(min_value=0, max_value=MAX_NODES, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_NODES, default=DEFAULT_NODES)
