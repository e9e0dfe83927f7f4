"""What the rooms of the REST API that are about people and their programs take and give."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accord.login import MAX_LOGIN_BYTES
from peers.allowances import next_reset
from peers.clock import now_ms
from peers.models import Account
from peers.schema import ENVELOPE, Key, Serial, Text, Time, page_of
from peers.sessions import Role

MAX_DEVICE_NAME_CHARS = 64

_ROLES = [role.value for role in Role]


@extend_schema_field({"type": "object", "additionalProperties": True, "examples": [ENVELOPE]})
class SignedEnvelope(serializers.Field[Any, Any, Any, Any]):
    """A signed message, `{header, sig, salt, body}`, as section 1 of the protocol has it; judged as on the socket."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As it came."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("an envelope expected")
        return data


class SignedSerializer(serializers.Serializer[Any]):
    """A message that the caller's user key has signed: the API signs nothing in anybody's name."""

    message = SignedEnvelope()


class StatusQuery(serializers.Serializer[Any]):
    """Which page of the status."""

    page = serializers.IntegerField(min_value=0, default=0)


class StatusSerializer(serializers.Serializer[Any]):
    """A page of the hub's status."""

    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    statement = serializers.DictField(help_text="the signed statement, as section 3 of the protocol has it")


class LoginRequestSerializer(serializers.Serializer[Any]):
    """login_request of the protocol; checked by the handshake itself."""

    v = serializers.IntegerField()
    type = serializers.CharField()
    suite = serializers.IntegerField()
    frames = serializers.CharField(help_text="`clear`")
    onetimekey = serializers.CharField(help_text="X25519, 32 bytes")
    serverkey = serializers.CharField(required=False, help_text="the hub key that is expected, 32 bytes")


class ChallengeSerializer(serializers.Serializer[Any]):
    """login_challenge of the protocol, and what to give back with the response."""

    challenge = serializers.DictField()
    handle = serializers.CharField()


class LoginResponseSerializer(serializers.Serializer[Any]):
    """login_response of the protocol, and the handle that came with the challenge."""

    handle = Text(max_length=MAX_LOGIN_BYTES)
    response = serializers.DictField()


class LoginResultSerializer(serializers.Serializer[Any]):
    """login_result of the protocol, with a bearer token. A guest's has neither `user` nor `scope`."""

    v = serializers.IntegerField()
    type = serializers.CharField()
    ok = serializers.BooleanField()
    session = serializers.CharField()
    user = Key(required=False)
    scope = serializers.ListField(child=serializers.CharField(), required=False)
    limits = serializers.DictField(child=serializers.IntegerField())
    store = Serial()
    token = Key()
    expires = Time()


class AllowanceSerializer(serializers.Serializer[Account]):
    """What an account may store and has stored; null is no limit."""

    messages_limit = serializers.IntegerField(allow_null=True)
    messages_used = serializers.IntegerField()
    bytes_limit = serializers.IntegerField(allow_null=True)
    bytes_used = serializers.IntegerField()
    resets_at = serializers.SerializerMethodField(help_text="when what was used counts no longer; null for never")

    @extend_schema_field(Time(allow_null=True))
    def get_resets_at(self, account: Account) -> int | None:
        """As the operator has it."""
        return next_reset(now=now_ms())


class OwnSessionSerializer(serializers.Serializer[Any]):
    """The session behind the token."""

    handle = serializers.CharField()
    kind = serializers.ChoiceField(choices=["socket", "http"])
    client = Key()
    expires = Time(help_text="the token's end")


class MeSerializer(serializers.Serializer[Any]):
    """Whose token it is; a guest has no account, so the fields about one are null."""

    key = Key(allow_null=True)
    name = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(choices=_ROLES)
    since = Time(allow_null=True)
    expires = Time(allow_null=True, help_text="when a temporary account ends")
    allowance = AllowanceSerializer(allow_null=True)
    session = OwnSessionSerializer()


class NamedSerializer(serializers.Serializer[Account]):
    """A member, in short."""

    key = Key(source="user.key")
    name = serializers.CharField()


class FormerKeySerializer(serializers.Serializer[Any]):
    """A key that an account had before; `signed` are the ids of what was signed for the change."""

    key = Key()
    at = Time()
    way = serializers.ChoiceField(choices=["key", "recovery", "chain", "hub"])
    signed = serializers.ListField(child=Key())


class UserSerializer(serializers.Serializer[Any]):
    """A member. Who has invited whom is told to the two of them and to the admin; `strikes`, how often of late a branch
    below the member had to be removed by others, to those above.
    """

    key = Key(source="user.key")
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=["member", "admin"])
    since = Time(source="created_at")
    inviter = NamedSerializer(allow_null=True)
    former = FormerKeySerializer(many=True, help_text="keys that the account had before, the newest first")
    strikes = serializers.IntegerField(allow_null=True)


class CertificateSerializer(serializers.Serializer[Any]):
    """A certificate that the device has logged in with."""

    serial = Serial()
    issued_at = Time()
    expires = Time()
    scope = serializers.ListField(child=serializers.CharField())
    is_revoked = serializers.BooleanField()


class DeviceSerializer(serializers.Serializer[Any]):
    """A program that has acted for me here: browser, command line, bot."""

    key = Key()
    name = serializers.CharField(allow_blank=True)
    is_this = serializers.BooleanField()
    first_seen = Time()
    last_seen = Time()
    expires = Time(allow_null=True, help_text="the end of the last certificate that is good; null where there is none")
    is_revoked = serializers.BooleanField()
    is_connected = serializers.BooleanField()
    certificates = CertificateSerializer(many=True)


class DeviceNameSerializer(serializers.Serializer[Any]):
    """What I call a device."""

    name = Text(max_length=MAX_DEVICE_NAME_CHARS, allow_blank=True)


class SessionSerializer(serializers.Serializer[Any]):
    """A live session of mine at this hub: a socket, or a login over HTTP."""

    handle = serializers.CharField()
    kind = serializers.ChoiceField(choices=["socket", "http"])
    role = serializers.ChoiceField(choices=_ROLES)
    client = Key(help_text="the device")
    since = Time()
    expires = Time(allow_null=True, help_text="null: as long as the socket and its certificate last")
    is_this = serializers.BooleanField()


UserPage = page_of(UserSerializer, "UserPage")
DevicePage = page_of(DeviceSerializer, "DevicePage")
SessionPage = page_of(SessionSerializer, "SessionPage")
