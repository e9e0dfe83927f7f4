"""What the rooms of the REST API about blocked people and reports take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accord.message_types import REPORT_REASONS
from messaging.models import ContactMark, Report
from messaging.serializers import MessageSerializer
from peers.schema import Key, MessageKey, Time, page_of


class ContactSerializer(serializers.Serializer[Any]):
    """Somebody whom I have blocked or muted."""

    key = Key()
    state = serializers.ChoiceField(choices=[ContactMark.State.BLOCKED.value, ContactMark.State.MUTED.value])
    at = Time()


ContactPage = page_of(ContactSerializer, "ContactPage")


class PersonSerializer(serializers.Serializer[Any]):
    """Somebody. `name` is null where there is no account here."""

    key = Key()
    name = serializers.CharField(allow_null=True)


class OpenedSerializer(serializers.Serializer[Any]):
    """What opens one sealed message and no other."""

    id = Key(help_text="id of the message")
    key = MessageKey()


class ReportSerializer(serializers.Serializer[Any]):
    """A report. `reporter` is null for whoever was warned."""

    id = Key(help_text="id of the message")
    reporter = PersonSerializer(allow_null=True)
    reported = PersonSerializer()
    reason = serializers.ChoiceField(choices=REPORT_REASONS)
    text = serializers.CharField()
    at = Time()
    state = serializers.ChoiceField(choices=Report.State.choices)
    answer = serializers.CharField(help_text="what was said when it was closed")
    closed_at = Time(allow_null=True)
    moves_at = Time(allow_null=True, help_text="when it goes on to the next one up the tree; null: it stays")
    quoted = serializers.IntegerField(help_text="how many messages were reported")
    messages = MessageSerializer(many=True, help_text="those of them that I may read, and those that are opened")
    opened = OpenedSerializer(many=True, help_text="keys of sealed messages that whoever reports has handed over")


ReportPage = page_of(ReportSerializer, "ReportPage")


class ReportQuery(serializers.Serializer[Any]):
    """Which reports."""

    of = serializers.ChoiceField(choices=["turn", "mine", "warnings"])
