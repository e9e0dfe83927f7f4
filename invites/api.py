"""The rooms of the REST API about the invite tree: invites, made and withdrawn by signed messages, and branches
(protocol.md section 8).
"""

from __future__ import annotations

from typing import Any, Final

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode
from accord.errors import AccordError
from invites import selectors
from invites.branches import MAX_NODES, branch_of, path_to
from invites.selectors import Invite
from invites.serializers import (
    DEFAULT_NODES,
    BranchQuery,
    BranchSerializer,
    InvitePage,
    InviteSerializer,
    QuotaSerializer,
)
from peers.callers import Caller
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import (
    ANN,
    BOB,
    ENVELOPE,
    KEY_REGEX,
    MAX_ROW,
    NOW,
    OF_MESSAGES,
    PAGED,
    operation,
    path_key,
    query,
)
from peers.serializers import SignedSerializer
from peers.viewsets import HubViewSet, page, publish_signed, read, read_page

_HUB: Final = f"hub:{BOB}"
_INVITE: Final = {
    "key": BOB,
    "state": "waiting",
    "invites": 3,
    "messages_limit": 1000,
    "bytes_limit": None,
    "created_at": NOW,
    "expires": NOW + 259_200_000,
    "ended_at": None,
    "claimed_by": None,
    "channels": [ANN],
    "tries": 5,
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


class QuotaViewSet(HubViewSet):
    """What somebody below me may do."""

    @operation(
        "Give somebody below me invites or an allowance",
        "Takes a signed `set_quota`, to the hub: the new number of unspent invites, for which I pay or which come back "
        "to me, and what the account may store; 2^53-1 is no limit. `quota` for more than I have myself, or when the "
        "account has spent what I want back. What has been stored over a new limit counts as used up.",
        body=SignedSerializer,
        body_example=_signed("set_quota"),
        answer=QuotaSerializer,
        example={
            "key": BOB,
            "name": "bob",
            "invites": 5,
            "allowance": {
                "messages_limit": 1000,
                "messages_used": 3,
                "bytes_limit": None,
                "bytes_used": 1200,
                "resets_at": None,
            },
        },
        parameters=[path_key("key", "The user key.")],
        refuses=["not_found", *OF_MESSAGES],
    )
    def create(self, request: Request, key: str) -> Response:
        """Publish the message that says it."""
        message = read(SignedSerializer, request.data)["message"]
        body = publish_signed(caller_of(request), message, "set_quota", pubkey=b64decode(key, 32))
        return Response(QuotaSerializer(selectors.account_of_user(body["pubkey"])).data)


_NODE: Final = {
    "key": BOB,
    "name": "bob",
    "parent": ANN,
    "kind": "real",
    "state": "active",
    "created_at": NOW,
    "invites_left": 3,
    "messages": 41,
    "messages_limit": 1000,
    "bytes": 20_480,
    "bytes_limit": None,
    "children": 0,
    "below": 0,
    "below_waiting": 0,
    "below_invites": 0,
    "below_messages": 0,
    "below_bytes": 0,
}
_TOP: Final = {**_NODE, "key": ANN, "name": "ann", "parent": None, "children": 1, "below": 1, "below_invites": 3}
_BRANCH: Final = {"items": [{**_TOP, "below_messages": 41, "below_bytes": 20_480}, _NODE], "more": False}
_PART: Final = [
    query(
        "depth",
        "How many generations below the top; all, without it.",
        schema={"type": "integer", "minimum": 0, "maximum": MAX_NODES},
    ),
    query(
        "limit",
        "How many accounts at most; the upper generations come first.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_NODES, "default": DEFAULT_NODES},
    ),
]


class BranchViewSet(HubViewSet):
    """Who is below whom in the invite tree: seen from above only."""

    lookup_field = "key"
    lookup_value_regex = KEY_REGEX

    @operation(
        "Show my branch",
        "My account and all below it: each account after the one above it, siblings by name.",
        answer=BranchSerializer,
        example=_BRANCH,
        parameters=_PART,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """Mine."""
        return _branch(request, _account(caller_of(request)))

    @operation(
        "Show the branch of somebody below me",
        "As one's own. The admin is above everybody.",
        answer=BranchSerializer,
        example=_BRANCH,
        parameters=[path_key("key", "Whose branch."), *_PART],
        refuses=["bad_request", "not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """Of one's own account, or of one below it."""
        path = path_to(b64decode(key, 32))
        if _account(caller_of(request)) not in path:
            raise AccordError("not_found", "there is no such account below you")
        return _branch(request, path[0])


def _branch(request: Request, account_id: int) -> Response:
    asked = read(BranchQuery, request.query_params)
    nodes = branch_of(account_id, depth=asked.get("depth"), limit=asked["limit"])
    if not nodes:
        raise AccordError("not_found", "that account is gone")
    shown = BranchSerializer({"items": nodes, "more": nodes[0].below >= len(nodes)})
    return Response(shown.data)
