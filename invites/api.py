"""The room of the REST API that is about invites: made and withdrawn by signed messages (protocol.md section 8)."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode
from accord.errors import AccordError
from invites import selectors
from invites.selectors import Invite
from invites.serializers import InvitePage, InviteSerializer
from peers.callers import Caller
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import BOB, ENVELOPE, KEY_REGEX, MAX_ROW, NOW, OF_MESSAGES, PAGED, operation, path_key
from peers.serializers import SignedSerializer
from peers.viewsets import HubViewSet, page, publish_signed, read, read_page

_HUB: Final = f"hub:{BOB}"
_INVITE: Final = {
    "key": BOB,
    "state": "waiting",
    "invites": 3,
    "created_at": NOW,
    "expires": NOW + 259_200_000,
    "ended_at": None,
    "claimed_by": None,
}
_KEY: Final = path_key("key", "The temporary account's user key.")


def _signed(type_: str) -> dict[str, Any]:
    return {"message": {**ENVELOPE, "header": {**ENVELOPE["header"], "type": type_, "to": _HUB}}}


def _show(invite: Invite) -> dict[str, Any]:
    return InviteSerializer(invite).data


def _account(caller: Caller) -> int:
    assert caller.account_id is not None  # noqa: S101 - a member has one
    return caller.account_id


class InviteViewSet(HubViewSet):
    """Invites that I gave."""

    lookup_field = "key"
    lookup_value_regex = KEY_REGEX

    @operation(
        "List my invites",
        "The newest first, with what became of each; `left` is how many I have not spent.",
        answer=InvitePage,
        example={"items": [_INVITE], "next": None, "left": 17},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """The newest first."""
        limit, cursor = read_page(request)
        account_id = _account(caller_of(request))
        before = None if cursor is None else min(int.from_bytes(cursor[:8], "big"), MAX_ROW)
        rows = selectors.invites_of(account_id, now=now_ms(), limit=limit + 1, before=before)
        found = page(rows, limit, _show, lambda row: row.pk.to_bytes(8, "big"))
        return Response({**found, "left": selectors.unspent(account_id)})

    @operation(
        "Show an invite of mine",
        "By its temporary key.",
        answer=InviteSerializer,
        example=_INVITE,
        parameters=[_KEY],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """One."""
        invite = selectors.invite_of(b64decode(key, 32), now=now_ms(), account_id=_account(caller_of(request)))
        if invite is None:
            raise AccordError("not_found", "you gave no such invite")
        return Response(_show(invite))

    @operation(
        "Make an invite",
        "Takes a signed `add_user` of kind `temp`, to the hub. The link is made of the secret from which the client "
        "derived the temporary key.",
        body=SignedSerializer,
        body_example=_signed("add_user"),
        answer=InviteSerializer,
        status=201,
        example=_INVITE,
        refuses=OF_MESSAGES,
    )
    def create(self, request: Request) -> Response:
        """Publish the message that makes it."""
        caller = caller_of(request)
        body = publish_signed(caller, read(SignedSerializer, request.data)["message"], "add_user", kind="temp")
        invite = selectors.invite_of(body["pubkey"], now=now_ms(), account_id=caller.account_id)
        assert invite is not None  # noqa: S101 - that message has made it
        return Response(_show(invite), status=201)

    @operation(
        "Withdraw an invite",
        "Takes a signed `remove_user` of the temporary key, to the hub. Its slot and its invites come back to whoever "
        "gave it. `not_found` once it has been claimed, withdrawn, or has expired.",
        body=SignedSerializer,
        body_example=_signed("remove_user"),
        answer=InviteSerializer,
        example={**_INVITE, "state": "withdrawn", "ended_at": NOW + 60_000},
        parameters=[_KEY],
        refuses=["not_found", *OF_MESSAGES],
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, key: str) -> Response:
        """Publish the message that withdraws it."""
        message = read(SignedSerializer, request.data)["message"]
        body = publish_signed(caller_of(request), message, "remove_user", pubkey=b64decode(key, 32))
        invite = selectors.invite_of(body["pubkey"], now=now_ms())
        assert invite is not None  # noqa: S101 - every temporary account has one
        return Response(_show(invite))
