"""The rooms of the REST API about new keys for accounts: my recovery key, what waits (protocol.md section 8)."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode
from invites.replacing_selectors import Pending, pending_of, pendings_for, recoveries_of
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import ANN, BOB, ENVELOPE, NOW, OF_MESSAGES, Key, Time, operation, path_key
from peers.serializers import SignedSerializer
from peers.viewsets import HubViewSet, publish_signed, read

_PENDING: Final = {
    "key": ANN,
    "name": "ann",
    "new_key": BOB,
    "way": "chain",
    "state": "waiting",
    "started_at": NOW,
    "due_at": NOW + 259_200_000,
    "vouched": 2,
    "needed": 2,
    "may_cancel": True,
    "may_vouch": False,
}
_ASKED: Final = {**_PENDING, "state": "asked", "due_at": None, "vouched": 1, "may_vouch": True}
_RECOVERY: Final = {"set_at": NOW, "counts_from": NOW}
_KEY: Final = path_key("key", "The user key of the account that is being replaced.")


def _signed(type_: str) -> dict[str, Any]:
    return {"message": {**ENVELOPE, "header": {**ENVELOPE["header"], "type": type_, "to": f"hub:{BOB}"}}}


class PendingSerializer(serializers.Serializer[Any]):
    """A new key for an account: `asked` while too few vouch, then `waiting` until `due_at`."""

    key = Key(help_text="the account's key as it is")
    name = serializers.CharField()
    new_key = Key()
    way = serializers.ChoiceField(choices=["key", "chain"])
    state = serializers.ChoiceField(choices=["asked", "waiting"])
    started_at = Time()
    due_at = Time(allow_null=True)
    vouched = serializers.IntegerField(min_value=0)
    needed = serializers.IntegerField(min_value=0, help_text="how many must vouch; 0 where the old key has signed")
    may_cancel = serializers.BooleanField()
    may_vouch = serializers.BooleanField()


class PendingList(serializers.Serializer[Any]):
    """All that concerns me."""

    items = PendingSerializer(many=True)


class RecoverySerializer(serializers.Serializer[Any]):
    """When a recovery key was set, and from when on it counts."""

    set_at = Time()
    counts_from = Time()


class MyKeysSerializer(serializers.Serializer[Any]):
    """The recovery key that counts, the one that will take its place, and the replacement that waits."""

    recovery = RecoverySerializer(allow_null=True)
    coming = RecoverySerializer(allow_null=True)
    replacement = PendingSerializer(allow_null=True)


def _mine(key: bytes, account_id: int) -> dict[str, Any]:
    counts, coming = recoveries_of(account_id, now=now_ms())
    value = {"recovery": counts, "coming": coming, "replacement": pending_of(key, asker=account_id, now=now_ms())}
    return MyKeysSerializer(value).data


class ReplacementViewSet(HubViewSet):
    """New keys for accounts: mine, and those that I may stop or vouch for."""

    @operation(
        "My recovery key and my replacement",
        "Whether I have a recovery key, and whether somebody is replacing the key of my account.",
        answer=MyKeysSerializer,
        example={"recovery": _RECOVERY, "coming": None, "replacement": None},
        etag=True,
    )
    def mine(self, request: Request) -> Response:
        """Both."""
        caller = caller_of(request)
        assert caller.account_id is not None  # noqa: S101 - a member has one
        return Response(_mine(caller.key, caller.account_id))

    @operation(
        "Set my recovery key",
        "Takes a signed `set_recovery`. It counts at once where the account's key is young and has none, else after a "
        "day; until then the one before it does.",
        body=SignedSerializer,
        body_example=_signed("set_recovery"),
        answer=MyKeysSerializer,
        example={"recovery": _RECOVERY, "coming": None, "replacement": None},
        refuses=OF_MESSAGES,
    )
    def recovery(self, request: Request) -> Response:
        """Publish the message that sets it."""
        caller = caller_of(request)
        publish_signed(caller, read(SignedSerializer, request.data)["message"], "set_recovery")
        assert caller.account_id is not None  # noqa: S101 - a member has one
        return Response(_mine(caller.key, caller.account_id))

    @operation(
        "List replacements that concern me",
        "Those of my account, of accounts below me, and of my inviter's: what I may cancel or vouch for. At most 200.",
        answer=PendingList,
        example={"items": [_PENDING]},
        etag=True,
    )
    def concerning(self, request: Request) -> Response:
        """All of them."""
        account_id = caller_of(request).account_id
        assert account_id is not None  # noqa: S101 - a member has one
        return Response(PendingList({"items": pendings_for(account_id, now=now_ms())}).data)

    @operation(
        "Vouch for a new key",
        "Takes a signed `vouch_replace`. With the word of enough people the new key waits three days.",
        body=SignedSerializer,
        body_example=_signed("vouch_replace"),
        answer=PendingList,
        example={"items": [_ASKED]},
        parameters=[_KEY],
        refuses=["not_found", *OF_MESSAGES],
    )
    def vouch(self, request: Request, key: str) -> Response:
        """Publish the message that says so."""
        return self._publish(request, "vouch_replace", key)

    @operation(
        "Cancel a replacement",
        "Takes a signed `cancel_replace` of the account's own key, or of somebody above it. What people have vouched "
        "for it is taken back too.",
        body=SignedSerializer,
        body_example=_signed("cancel_replace"),
        answer=PendingList,
        example={"items": []},
        parameters=[_KEY],
        refuses=["not_found", *OF_MESSAGES],
    )
    def cancel(self, request: Request, key: str) -> Response:
        """Publish the message that ends it."""
        return self._publish(request, "cancel_replace", key)

    def _publish(self, request: Request, type_: str, key: str) -> Response:
        message = read(SignedSerializer, request.data)["message"]
        caller, account = caller_of(request), b64decode(key, 32)
        publish_signed(caller, message, type_, pubkey=account)
        assert caller.account_id is not None  # noqa: S101 - a member has one
        found: Pending | None = pending_of(account, asker=caller.account_id, now=now_ms())
        return Response(PendingList({"items": [found] if found else []}).data)
