"""What the room of the REST API that is about invites takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from invites.models import Invitation
from peers.schema import Key, Time, page_of


class ClaimedSerializer(serializers.Serializer[Any]):
    """Who has joined by the invite. `name` is null once the account is gone."""

    key = Key()
    name = serializers.CharField(allow_null=True)


class InviteSerializer(serializers.Serializer[Any]):
    """An invite that I gave. The link's secret is not known to the hub."""

    key = Key(help_text="the temporary account's user key, as the link's secret gives it")
    state = serializers.ChoiceField(choices=Invitation.State.choices)
    invites = serializers.IntegerField(help_text="how many others the new member may invite")
    created_at = Time()
    expires = Time()
    ended_at = Time(allow_null=True, help_text="when it was claimed, expired or was withdrawn")
    claimed_by = ClaimedSerializer(allow_null=True)


InvitePage = page_of(
    InviteSerializer, "InvitePage", left=serializers.IntegerField(help_text="invites that I have not spent")
)
