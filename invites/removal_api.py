"""The rooms of the REST API that are about removing accounts: rehearsed first, then asked for and undone by signed
messages (protocol.md section 8).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode
from accord.errors import AccordError
from invites.branches import path_to
from invites.models import Removal
from invites.removal_selectors import newest_removal, rehearse, removals_of
from invites.removal_serializers import ModeSerializer, RehearsalSerializer, RemovalPage, RemovalSerializer
from peers.callers import Caller
from peers.clock import now_ms
from peers.models import Account
from peers.rest import caller_of
from peers.schema import ANN, BOB, ENVELOPE, MAX_ROW, NOW, OF_MESSAGES, PAGED, operation, path_key
from peers.serializers import SignedSerializer
from peers.viewsets import HubViewSet, page, publish_signed, read, read_page

MAX_KEYS_SHOWN: Final = 1_000

_KEY: Final = path_key("key", "The user key of somebody below me; the admin's: of anybody.")
_TOUCHED: Final = {"accounts": 4, "waiting_invites": 1, "invites": 9}
_REHEARSAL: Final = {
    "mode": "subtree",
    **_TOUCHED,
    "sessions": 3,
    "devices": 5,
    "channels": 2,
    "messages": 310,
    "bytes": 120_400,
    "keys": [BOB],
}
_REMOVAL: Final = {
    "key": BOB,
    "name": "bob",
    "mode": "subtree",
    "state": "waiting",
    "at": NOW,
    "started_at": NOW,
    "final_at": NOW + 600_000,
    "ended_at": None,
    "by": {"key": ANN, "name": "ann"},
    **_TOUCHED,
    "can_restore": True,
}


def _signed(type_: str) -> dict[str, Any]:
    return {"message": {**ENVELOPE, "header": {**ENVELOPE["header"], "type": type_, "to": f"hub:{BOB}"}}}


def _show(removal: Removal, caller: Caller, now: int) -> dict[str, Any]:
    by = removal.by
    can_restore = removal.state == Removal.State.WAITING and removal.final_at > now
    if can_restore and bytes(by.key) != caller.key:
        can_restore = caller.account_id in path_to(bytes(removal.user.key))[1:]
    value = {
        "key": removal.user.key,
        "by": {"key": by.key, "name": by.account.name if hasattr(by, "account") else None},
        "can_restore": can_restore,
    }
    plain = ("name", "mode", "state", "at", "started_at", "final_at", "ended_at", *_TOUCHED)
    return RemovalSerializer({**value, **{name: getattr(removal, name) for name in plain}}).data


def _answer(key: bytes, caller: Caller) -> Response:
    removal = newest_removal(key)
    assert removal is not None  # noqa: S101 - the message that was just stored has begun or undone it
    return Response(_show(removal, caller, now_ms()))


class RemovalViewSet(HubViewSet):
    """Removals that concern me."""

    @operation(
        "List removals",
        "Those that I began, and those of accounts that stood below me; the admin's: all. The newest first.",
        answer=RemovalPage,
        example={"items": [_REMOVAL], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """The newest first."""
        limit, cursor = read_page(request)
        caller, now = caller_of(request), now_ms()
        before = None if cursor is None else min(int.from_bytes(cursor[:8], "big"), MAX_ROW)
        rows = removals_of(caller.key, caller.account_id, is_admin=caller.is_admin, limit=limit + 1, before=before)
        return Response(page(rows, limit, lambda row: _show(row, caller, now), lambda row: row.pk.to_bytes(8, "big")))

    @operation(
        "Rehearse a removal",
        "What would be touched if somebody were removed now; changes nothing.",
        body=ModeSerializer,
        body_example={"mode": "subtree"},
        answer=RehearsalSerializer,
        example=_REHEARSAL,
        parameters=[_KEY],
        refuses=["not_found"],
    )
    def rehearse(self, request: Request, key: str) -> Response:
        """Count what goes."""
        mode = read(ModeSerializer, request.data)["mode"]
        path = path_to(b64decode(key, 32))
        if not path or Account.objects.filter(pk=path[0], kind=Account.Kind.TEMP).exists():
            raise AccordError("not_found", "nobody here has that key")
        if caller_of(request).account_id not in path[1:]:
            raise AccordError("denied", "only who stands above an account in the invite tree removes it")
        found = asdict(rehearse(path[0], mode, now=now_ms()))
        return Response(RehearsalSerializer({**found, "keys": found["keys"][:MAX_KEYS_SHOWN]}).data)

    @operation(
        "Remove an account",
        "Takes a signed `remove_user`, to the hub. All who go are frozen at once: their sessions end, nothing is taken "
        "from them. Until `final_at` the removal can be undone. `conflict` while the account is being removed already; "
        "an invite that nobody has claimed is withdrawn with `invites/{key}/withdraw`.",
        body=SignedSerializer,
        body_example=_signed("remove_user"),
        answer=RemovalSerializer,
        example=_REMOVAL,
        parameters=[_KEY],
        refuses=["not_found", *OF_MESSAGES],
    )
    def remove(self, request: Request, key: str) -> Response:
        """Publish the message that begins it."""
        caller, user = caller_of(request), b64decode(key, 32)
        message = read(SignedSerializer, request.data)["message"]
        if Account.objects.filter(user__key=user, kind=Account.Kind.TEMP).exists():
            raise AccordError("not_found", "that is an invite that nobody has claimed")
        publish_signed(caller, message, "remove_user", pubkey=user)
        return _answer(user, caller)

    @operation(
        "Undo a removal",
        "Takes a signed `restore_user`, to the hub, by whoever began the removal or stands above the account. "
        "`not_found` where none waits, `gone` when its time is over.",
        body=SignedSerializer,
        body_example=_signed("restore_user"),
        answer=RemovalSerializer,
        example={**_REMOVAL, "state": "undone", "ended_at": NOW + 60_000, "can_restore": False},
        parameters=[_KEY],
        refuses=["not_found", *OF_MESSAGES],
    )
    def restore(self, request: Request, key: str) -> Response:
        """Publish the message that undoes it."""
        caller, user = caller_of(request), b64decode(key, 32)
        message = read(SignedSerializer, request.data)["message"]
        publish_signed(caller, message, "restore_user", pubkey=user)
        return _answer(user, caller)
