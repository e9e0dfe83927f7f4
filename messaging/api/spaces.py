"""The room of the REST API for who has a link into a space and is no member yet (protocol.md section 7)."""

from __future__ import annotations

from functools import partial
from typing import Final

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.messages import parse_envelope
from messaging.api.shared import EXAMPLE_ID
from messaging.serializers import SpaceInviteSerializer
from messaging.spaces.invites import invite_shown, invite_shown_at, join_brought
from peers.blessings import carries_to
from peers.callers import Caller
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import ANN, BOB, ENVELOPE, KEY_REGEX, NOW, Key, operation, query
from peers.serializers import SignedSerializer
from peers.viewsets import HubViewSet, read

_INVITE: Final = {
    "name": "Garden",
    "about": "What grows where",
    "members": 12,
    "expires": NOW + 86_400_000,
    "uses_left": 3,
    "heads": [ANN],
}


class _Query(serializers.Serializer[object]):
    pubkey = Key()
    hub = Key(required=False)


class _JoinSerializer(SignedSerializer):
    """A signed `space.join`, and the hub that it is for."""

    hub = Key()


class _JoinedSerializer(serializers.Serializer[object]):
    """The id of the join, which the other hub holds now."""

    id = Key()


def _member(request: Request) -> Caller:
    caller = caller_of(request)
    if not caller.is_member:
        raise AccordError("denied", "only members may do that")
    return caller


class SpaceViewSet(HubViewSet):
    """Spaces are read as topics; here is what a link shows before one joins, and joining one of a linked hub."""

    lookup_field = "space"
    lookup_value_regex = KEY_REGEX

    @operation(
        "Show a space to whoever has a link into it",
        "What one joins by an invite: by the public key of the invite, which only the link tells. `heads` go into "
        "`prev` of the `space.join`. An invite that has expired, is used up or was never given is not found. With the "
        "`hub` of the link, a linked hub is asked for what is not known here; the answer has `hub` then, and the join "
        "goes to `join`. `wrong_server`: not linked with that hub; `busy`: it cannot be reached just now.",
        answer=SpaceInviteSerializer,
        example=_INVITE,
        parameters=[
            query("pubkey", "The invite's public key.", required=True),
            query("hub", "The hub's key that the link names."),
        ],
        refuses=["bad_request", "denied", "not_found", "wrong_server", "busy"],
    )
    @action(detail=True)
    def invite(self, request: Request, space: str) -> Response:
        """For any member of the hub."""
        _member(request)
        asked = read(_Query, request.query_params)
        ident, hub = b64decode(space, 32), asked.get("hub")
        shown = invite_shown if hub is None else partial(invite_shown_at, hub)
        return Response(shown(ident, asked["pubkey"]))

    @operation(
        "Join a space of a linked hub",
        "Brings a signed `space.join` to the hub where the space lives. Its chain, channels and messages come here a "
        "little later (`topic_added`), if the invite still stood. `denied`: nothing may be carried to that hub and "
        "back for the member (`serve`).",
        body=_JoinSerializer,
        body_example={"hub": BOB, "message": {**ENVELOPE, "header": {**ENVELOPE["header"], "type": "space.join"}}},
        answer=_JoinedSerializer,
        status=202,
        example={"id": EXAMPLE_ID},
        refuses=["bad_request", "denied", "not_found", "gone", "conflict", "quota", "wrong_server", "busy"],
    )
    @action(detail=True, methods=["post"])
    def join(self, request: Request, space: str) -> Response:
        """For members whose hub may carry for them."""
        caller = _member(request)
        asked = read(_JoinSerializer, request.data)
        envelope = parse_envelope(asked["message"])
        if envelope.type != "space.join" or envelope.topic.name != f"space:{space}" or envelope.author != caller.key:
            raise RemoteError("bad_request", "your space.join into that space expected")
        if not carries_to(caller.key, asked["hub"], now=now_ms()):
            raise AccordError("denied", "this hub may not carry for you to that one")
        join_brought(asked["hub"], asked["message"])
        return Response({"id": b64encode(envelope.id)}, status=202)
