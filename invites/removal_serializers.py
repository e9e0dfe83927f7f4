"""What the rooms of the REST API that are about removals take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from invites.models import Removal
from peers.schema import Key, Time, page_of


class ModeSerializer(serializers.Serializer[Any]):
    """Whether those below find another parent (`reparent`) or go too (`subtree`)."""

    mode = serializers.ChoiceField(choices=Removal.Mode.choices)


class RehearsalSerializer(serializers.Serializer[Any]):
    """What a removal would touch. Messages and bytes are all that those who go have written and is held here: what they
    signed up to the removal's `at` stays.
    """

    mode = serializers.ChoiceField(choices=Removal.Mode.choices)
    accounts = serializers.IntegerField(help_text="claimed accounts that go")
    waiting_invites = serializers.IntegerField(help_text="invites that go and that nobody has claimed")
    invites = serializers.IntegerField(help_text="slots and invites that come back")
    sessions = serializers.IntegerField(help_text="live connections and logins over HTTP that end")
    devices = serializers.IntegerField(help_text="programs that have acted for them here")
    channels = serializers.IntegerField(help_text="channels that they have written in")
    messages = serializers.IntegerField()
    bytes = serializers.IntegerField()
    keys = serializers.ListField(child=Key(), help_text="of those who go, the first thousand")


class ActorSerializer(serializers.Serializer[Any]):
    """Who has begun it. `name` is null once that account is gone."""

    key = Key()
    name = serializers.CharField(allow_null=True)


class RemovalSerializer(serializers.Serializer[Any]):
    """A removal. While it is `waiting` all who go with it are frozen, and it can be undone until `final_at`."""

    key = Key(help_text="the user key of the account")
    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=Removal.Mode.choices)
    state = serializers.ChoiceField(choices=Removal.State.choices)
    at = Time(help_text="what they have signed later is invalid once it is done")
    started_at = Time()
    final_at = Time()
    ended_at = Time(allow_null=True, help_text="when it was undone or done")
    by = ActorSerializer()
    accounts = serializers.IntegerField(help_text="claimed accounts that go")
    waiting_invites = serializers.IntegerField(help_text="invites that go and that nobody has claimed")
    invites = serializers.IntegerField(help_text="slots and invites that come back")
    can_restore = serializers.BooleanField(help_text="whether the caller may undo it now")


RemovalPage = page_of(RemovalSerializer, "RemovalPage")
