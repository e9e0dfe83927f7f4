"""The rooms of the REST API that are about people and their programs: login, me, users, devices, sessions (protocol.md
section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, CloseCode
from accord.login_handle import HANDLE_BYTES
from peers import registry, schema, selectors
from peers.callers import Caller
from peers.clock import now_ms
from peers.http_login import login_begin, login_finish
from peers.loop import loop_bridge
from peers.models import Account, KeyChange
from peers.rest import HasToken, caller_of
from peers.schema import ANN, BOB, DEVICE, NOW, PAGED, SERIAL, operation, path_key
from peers.selectors import Device
from peers.serializers import (
    ChallengeSerializer,
    DeviceNameSerializer,
    DevicePage,
    DeviceSerializer,
    LoginRequestSerializer,
    LoginResponseSerializer,
    LoginResultSerializer,
    MeSerializer,
    SessionPage,
    StatusQuery,
    StatusSerializer,
    UserPage,
    UserSerializer,
)
from peers.services import peer_rename, session_tokens_forget
from peers.sessions import Session, role_of, sessions
from peers.status import status_statements
from peers.viewsets import HubViewSet, page, read, read_page

HANDLE_REGEX: Final = "[A-Za-z0-9_-]{1,32}"
MAX_SESSIONS_SHOWN: Final = 1_000

_REQUEST = {"v": 1, "type": "login_request", "suite": 1, "frames": "clear", "onetimekey": ANN, "serverkey": BOB}
_CHALLENGE = {
    "v": 1,
    "type": "login_challenge",
    "suite": 1,
    "onetimekey": ANN,
    "serverkey": BOB,
    "auth": b64encode(bytes(64)),
    "mac": b64encode(bytes(32)),
}
_HANDLE = b64encode(bytes(HANDLE_BYTES))
_RESULT = {
    "v": 1,
    "type": "login_result",
    "ok": True,
    "session": "Zk3p9JtT0m2v8QwLr5yXaA",
    "user": ANN,
    "scope": ["login"],
    "limits": {"frame_bytes": 1048576, "login_bytes": 8192},
    "store": SERIAL,
    "token": DEVICE,
    "expires": NOW + 900_000,
}
_NAMED = {"key": BOB, "name": "bob"}
_USER = {
    "key": ANN,
    "name": "ann",
    "role": "member",
    "since": NOW,
    "inviter": None,
    "former": [],
    "strikes": None,
}
_SESSION = {"handle": _RESULT["session"], "kind": "http", "client": DEVICE, "expires": NOW + 900_000}
_STATUS = {
    "v": 1,
    "type": "status",
    "hub": BOB,
    "at": NOW,
    "seq": NOW,
    "removed": [{"key": ANN, "at": NOW}],
    "next_update": NOW + 86_400_000,
    "sig": b64encode(bytes(64)),
}
_DEVICE = {
    "key": DEVICE,
    "name": "laptop",
    "is_this": True,
    "first_seen": NOW,
    "last_seen": NOW,
    "expires": NOW + 86_400_000,
    "is_revoked": False,
    "is_connected": True,
    "certificates": [
        {"serial": SERIAL, "issued_at": NOW, "expires": NOW + 86_400_000, "scope": ["login"], "is_revoked": False}
    ],
}


class StatusViewSet(HubViewSet):
    """Whom this hub hears no more."""

    @operation(
        "Show the hub's status",
        "The signed statement `status` of section 3 of the protocol: keys that were removed here or have given way to "
        "others, with the times from which on what they sign is invalid. Long ones have pages.",
        answer=StatusSerializer,
        example={"page": 0, "pages": 1, "statement": _STATUS},
        parameters=[schema.query("page", "Which page.", schema={"type": "integer", "minimum": 0, "default": 0})],
        refuses=["bad_request", "not_found"],
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """A page of it."""
        page_number = read(StatusQuery, request.query_params)["page"]
        pages = status_statements()
        if page_number >= len(pages):
            raise AccordError("not_found", "there is no such page")
        return Response({"page": page_number, "pages": len(pages), "statement": pages[page_number]})


class LoginViewSet(HubViewSet):
    """The handshake of section 3 in two requests."""

    authentication_classes = []
    permission_classes = [permissions.AllowAny]
    etags = False

    @operation(
        "Begin a login",
        "The body is the protocol's login_request, with `frames: clear`. Answer the challenge within ten seconds.",
        body=LoginRequestSerializer,
        body_example=_REQUEST,
        answer=ChallengeSerializer,
        example={"challenge": _CHALLENGE, "handle": _HANDLE},
        refuses=["wrong_server", "unsupported", "busy"],
        public=True,
    )
    def begin(self, request: Request) -> Response:
        """Prove the hub's key."""
        challenge, handle = login_begin(request.data, now=now_ms())
        return Response({"challenge": challenge, "handle": b64encode(handle)})

    @operation(
        "Finish a login",
        "Gives the protocol's login_result with a bearer token. A handle is good once. Without a certificate the "
        "session is a guest's, which may only send mail with proof of work.",
        body=LoginResponseSerializer,
        body_example={"handle": _HANDLE, "response": {"v": 1, "type": "login_response", "box": _HANDLE}},
        answer=LoginResultSerializer,
        example=_RESULT,
        refuses=["unauthorized", "busy"],
        public=True,
    )
    def finish(self, request: Request) -> Response:
        """Check the client's proof and certificate; a bearer token."""
        form = read(LoginResponseSerializer, request.data)
        result = login_finish(b64decode(form["handle"]), form["response"], now=now_ms())
        return Response(orjson.Fragment(result))


class MeViewSet(HubViewSet):
    """Whose token it is."""

    permission_classes = [HasToken]

    @operation(
        "Who am I?",
        "The account and the session behind the token.",
        answer=MeSerializer,
        example={
            "key": ANN,
            "name": "ann",
            "role": "member",
            "since": NOW,
            "expires": None,
            "allowance": {
                "messages_limit": None,
                "messages_used": 3,
                "bytes_limit": None,
                "bytes_used": 1200,
                "resets_at": None,
            },
            "session": _SESSION,
        },
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The account and the session."""
        caller = caller_of(request)
        bearer = caller.bearer
        account = None if caller.account_id is None else selectors.account_of(caller.account_id)
        value = {
            "key": bearer.user,
            "name": account and account.name,
            "role": caller.role.value,
            "since": account and account.created_at,
            "expires": account and account.expires_at,
            "allowance": account,
            "session": {
                "handle": bearer.session,
                "kind": "socket" if bearer.is_socket else "http",
                "client": bearer.client,
                "expires": bearer.expires,
            },
        }
        return Response(MeSerializer(value).data)


def _facts(accounts: Sequence[Account], caller: Caller) -> dict[int, dict[str, Any]]:
    """What the floors above know of members and the caller may see, by account."""
    found: dict[int, dict[str, Any]] = {account.pk: {"strikes": None} for account in accounts}
    for give in registry.member_facts:
        for pk, facts in give(list(found), caller.account_id).items():
            found[pk].update(facts)
    return found


def _user(
    account: Account, caller: Caller, changes: Sequence[KeyChange], facts: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """A member as the caller may see them."""
    inviter = account.parent
    if inviter is not None and caller.account_id not in (account.pk, inviter.pk) and not caller.is_admin:
        inviter = None
    return UserSerializer(
        {
            "user": account.user,
            "name": account.name,
            "role": "admin" if account.kind == Account.Kind.ADMIN else "member",
            "created_at": account.created_at,
            "inviter": inviter,
            "former": [
                {"key": row.old.key, "at": row.at, "way": row.way, "signed": row.signed_ids()} for row in changes
            ],
            **facts[account.pk],
        }
    ).data


class UserViewSet(HubViewSet):
    """Members of this hub."""

    lookup_field = "key"
    lookup_value_regex = schema.KEY_REGEX

    @operation(
        "List members",
        "By name. `inviter` is null where it is not for the caller to know.",
        answer=UserPage,
        example={"items": [{**_USER, "inviter": _NAMED}], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """By name."""
        limit, cursor = read_page(request)
        after = (cursor or b"").decode("ascii", "replace")
        rows = selectors.members(limit=limit + 1, after=after)
        caller = caller_of(request)
        changes = selectors.key_changes([bytes(row.user.key) for row in rows])
        facts = _facts(rows, caller)
        return Response(
            page(
                rows,
                limit,
                lambda row: _user(row, caller, changes.get(bytes(row.user.key), ()), facts),
                lambda row: row.name.encode(),
            )
        )

    @operation(
        "Show a member",
        "By user key.",
        answer=UserSerializer,
        example=_USER,
        parameters=[path_key("key", "The user key.")],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """One."""
        rows = selectors.members(limit=1, key=b64decode(key, 32))
        if not rows:
            raise AccordError("not_found", "nobody here has that key")
        caller, user = caller_of(request), bytes(rows[0].user.key)
        changes = selectors.key_changes([user]).get(user, ())
        return Response(_user(rows[0], caller, changes, _facts(rows, caller)))


class DeviceViewSet(HubViewSet):
    """My devices: the programs that have acted for me here."""

    lookup_field = "key"
    lookup_value_regex = schema.KEY_REGEX

    def _show(self, device: Device, caller: Caller) -> dict[str, Any]:
        connected = {session.client for session in sessions.of_user(caller.key)}
        certificates = [
            {name: getattr(row, name) for name in ("serial", "issued_at", "expires", "scope", "is_revoked")}
            for row in device.certificates
        ]
        return DeviceSerializer(
            {
                "key": device.key,
                "name": device.name,
                "is_this": device.key == caller.bearer.client,
                "first_seen": device.first_seen,
                "last_seen": device.last_seen,
                "expires": device.expires,
                "is_revoked": device.is_revoked,
                "is_connected": device.key in connected,
                "certificates": certificates,
            }
        ).data

    @operation(
        "List my devices",
        "To revoke one, publish a `cert.revoke {clientkey}` signed by your user key (POST messages).",
        answer=DevicePage,
        example={"items": [_DEVICE], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """In the order in which they came."""
        limit, cursor = read_page(request)
        caller = caller_of(request)
        after = int.from_bytes((cursor or b"")[:8], "big")
        rows = selectors.devices_of(caller.key, now=now_ms(), limit=limit + 1, after=min(after, schema.MAX_ROW))
        return Response(page(rows, limit, lambda row: self._show(row, caller), lambda row: row.pk.to_bytes(8, "big")))

    def _one(self, caller: Caller, key: bytes) -> Response:
        rows = selectors.devices_of(caller.key, now=now_ms(), limit=1, key=key)
        if not rows:
            raise AccordError("not_found", "no such device of yours has been here")
        return Response(self._show(rows[0], caller))

    @operation(
        "Show a device of mine",
        "By its key.",
        answer=DeviceSerializer,
        example=_DEVICE,
        parameters=[path_key("key", "The device's key.")],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """One."""
        return self._one(caller_of(request), b64decode(key, 32))

    @operation(
        "Name a device of mine",
        "What you call it; empty takes the name away.",
        body=DeviceNameSerializer,
        body_example={"name": "laptop"},
        answer=DeviceSerializer,
        example=_DEVICE,
        parameters=[path_key("key", "The device's key.")],
        refuses=["not_found"],
    )
    def partial_update(self, request: Request, key: str) -> Response:
        """Its new name."""
        caller, client = caller_of(request), b64decode(key, 32)
        peer_rename(user=caller.key, client=client, name=read(DeviceNameSerializer, request.data)["name"])
        return self._one(caller, client)


class SessionViewSet(HubViewSet):
    """My live sessions at this hub."""

    permission_classes = [HasToken]
    lookup_field = "handle"
    lookup_value_regex = HANDLE_REGEX

    def _mine(self, caller: Caller) -> list[dict[str, Any]]:
        user = caller.bearer.user
        found = [_socket(session) for session in sessions.of_user(user)] if user else []
        if user is None and caller.bearer.is_socket and (own := sessions.find(caller.bearer.session)):
            found = [_socket(own)]
        found += [
            {
                "handle": row.session,
                "kind": "http",
                "role": role_of(caller.bearer.member).value,
                "client": b64encode(row.client),
                "since": row.created_at,
                "expires": row.expires_at,
            }
            for row in selectors.http_sessions_of(user, client=caller.bearer.client, now=now_ms())
        ]
        found.sort(key=lambda row: (row["since"], row["handle"]))
        return [{**row, "is_this": row["handle"] == caller.bearer.session} for row in found[:MAX_SESSIONS_SHOWN]]

    @operation(
        "List my sessions",
        "Sockets of this hub's process, and logins over HTTP whose token is good; all of them, the oldest first.",
        answer=SessionPage,
        example={"items": [{**_SESSION, "role": "member", "since": NOW, "is_this": True}], "next": None},
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """All of them."""
        return Response({"items": self._mine(caller_of(request)), "next": None})

    @operation(
        "End a session of mine",
        "A socket is closed (4403), tokens of the session are good no longer. Ending the own session logs out. The "
        "device may log in again: to forbid that, revoke its certificate.",
        answer=None,
        status=204,
        parameters=[
            schema.OpenApiParameter(
                "handle",
                {"type": "string", "pattern": f"^{HANDLE_REGEX}$"},
                schema.OpenApiParameter.PATH,
                description="`session` of login_result.",
            )
        ],
        refuses=["not_found", "busy"],
    )
    def destroy(self, request: Request, handle: str) -> Response:
        """Close it."""
        caller = caller_of(request)
        row = next((row for row in self._mine(caller) if row["handle"] == handle), None)
        if row is None:
            raise AccordError("not_found", "no such session of yours is live")
        if row["kind"] == "socket" and (session := sessions.find(handle)):
            loop_bridge.call(session.close, CloseCode.REVOKED, "unauthorized")
        session_tokens_forget(session=handle)
        return Response(status=204)


def _socket(session: Session) -> dict[str, Any]:
    return {
        "handle": session.handle,
        "kind": "socket",
        "role": session.role.value,
        "client": b64encode(session.client),
        "since": session.started_at,
        "expires": None,
    }
