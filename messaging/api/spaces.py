"""The room of the REST API for who has a link into a space and is no member yet (protocol.md section 7)."""

from __future__ import annotations

from typing import Final

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from messaging.serializers import SpaceInviteSerializer
from messaging.spaces.chains import view_of
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import ANN, KEY_REGEX, NOW, Key, operation, query
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


class SpaceViewSet(HubViewSet):
    """Spaces are read as topics; here is what a link shows before one joins."""

    lookup_field = "space"
    lookup_value_regex = KEY_REGEX

    @operation(
        "Show a space to whoever has a link into it",
        "What one joins by an invite: by the public key of the invite, which only the link tells. `heads` go into "
        "`prev` of the `space.join`. An invite that has expired, is used up or was never given is not found.",
        answer=SpaceInviteSerializer,
        example=_INVITE,
        parameters=[query("pubkey", "The invite's public key.", required=True)],
        refuses=["bad_request", "denied", "not_found"],
    )
    @action(detail=True)
    def invite(self, request: Request, space: str) -> Response:
        """For any member of the hub."""
        if not caller_of(request).is_member:
            raise AccordError("denied", "only members may do that")
        pubkey = read(_Query, request.query_params)["pubkey"]
        view = view_of(b64decode(space, 32))
        invite = view.invites.get(pubkey)
        if invite is None or invite.left < 1 or invite.expires < now_ms():
            raise AccordError("not_found", "there is no such invite, or it stands no longer")
        return Response(
            {
                "name": view.name,
                "about": view.about,
                "members": len(view.members),
                "expires": invite.expires,
                "uses_left": invite.left,
                "heads": [b64encode(ident) for ident in view.heads],
            }
        )
