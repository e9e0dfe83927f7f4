"""The rooms of the REST API about the stores: enclaves and shards (protocol.md section 9)."""

from __future__ import annotations

from typing import Any, Final

import orjson
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.stores import shard_id
from peers.callers import Caller
from peers.clock import now_ms
from peers.rest import caller_of
from peers.schema import ANN, CHANNEL, DEVICE, KEY_PATTERN, KEY_REGEX, NOW, PAGED, operation, path_key, query
from peers.viewsets import HubViewSet, page, read, read_page
from vault import selectors
from vault.serializers import (
    DocumentAnswer,
    DocumentSerializer,
    HeadPage,
    HeadSerializer,
    KeptSerializer,
    ShardInput,
    ShardPage,
    ShardQuery,
    ShardSerializer,
    StoreUseSerializer,
)
from vault.services import DAY_MS, enclave_put, shard_put

_DOCUMENT: Final = {
    "v": 1,
    "type": 1,
    "id": CHANNEL,
    "version": 2,
    "body": b64encode(b"ciphertext"),
    "sigblock": {"key": ANN, "prev": DEVICE, "sig": b64encode(bytes([7]) * 64)},
}
_HEAD: Final = {
    "id": CHANNEL,
    "type": 1,
    "version": 2,
    "key": ANN,
    "hash": DEVICE,
    "size": 10,
    "updated_at": NOW,
}
_USE: Final = {"enclaves": 1, "enclave_bytes": 10, "day": NOW // DAY_MS, "day_bytes": 0}
_BODY: Final = b"ciphertext"
_SHARD: Final = {
    "id": b64encode(shard_id(_BODY)),
    "id_attach": CHANNEL,
    "body": b64encode(_BODY),
    "burn_at": NOW + 60_000,
}
_DAY: Final = query("day", "When they came: days since 1970 UTC.", schema={"type": "integer", "minimum": 0})
_ATTACH: Final = query("attach", "The pseudonym they hang on.", schema={"type": "string", "pattern": KEY_PATTERN})


def _account(request: Request) -> int:
    account_id = caller_of(request).account_id
    assert account_id is not None  # noqa: S101 - a member has one
    return account_id


class EnclaveViewSet(HubViewSet):
    """Durable documents, each version signed by the key that the version before it named."""

    lookup_field = "ident"
    lookup_value_regex = KEY_REGEX
    http_method_names = [*HubViewSet.http_method_names, "put"]

    @operation(
        "List my enclaves",
        "By id, without what is in them; and how much of the stores I take.",
        answer=HeadPage,
        example={"items": [_HEAD], "next": None, "use": _USE},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """Mine."""
        limit, cursor = read_page(request)
        account_id = _account(request)
        rows = selectors.enclaves(account_id, limit=limit + 1, after=cursor or b"")
        shown = page(rows, limit, lambda row: HeadSerializer(row).data, lambda row: bytes(row.ident))
        return Response({**shown, "use": StoreUseSerializer(selectors.use_of(account_id)).data})

    @operation(
        "Show an enclave",
        "The newest version: of mine, or of anybody's of type 2.",
        answer=DocumentAnswer,
        example={"enclave": _DOCUMENT},
        parameters=[path_key("ident", "The enclave's id.")],
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request, ident: str) -> Response:
        """One."""
        found = selectors.document(b64decode(ident, 32), account_id=_account(request))
        if found is None:
            raise AccordError("not_found", "there is no such enclave, or it is not for you")
        return Response({"enclave": orjson.Fragment(found)})

    @operation(
        "Keep a version of an enclave",
        "The first version, or the one after the version that is held, signed by the key that was named for it. "
        "`conflict` for any other version: nothing is rolled back. An empty body frees the room.",
        body=DocumentSerializer,
        body_example={"enclave": _DOCUMENT},
        answer=HeadSerializer,
        example=_HEAD,
        parameters=[path_key("ident", "The enclave's id.")],
        refuses=["bad_sig", "conflict", "not_found", "quota"],
    )
    def update(self, request: Request, ident: str) -> Response:
        """Keep it."""
        value = read(DocumentSerializer, request.data)["enclave"]
        row, _ = enclave_put(account_id=_account(request), ident=b64decode(ident, 32), value=value, now=now_ms())
        return Response(HeadSerializer(row).data)


class KnowsWhich(permissions.BasePermission):
    """Members see all of a day; whoever knows an id or a pseudonym of 32 random bytes sees what hangs on it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.user
        if isinstance(caller, Caller) and caller.is_member:
            return True
        return request.method in ("GET", "HEAD") and ("ident" in view.kwargs or "attach" in request.query_params)


class ShardViewSet(HubViewSet):
    """Pieces of ciphertext that burn. The hub does not note who brought one."""

    lookup_field = "ident"
    lookup_value_regex = KEY_REGEX
    permission_classes = [KnowsWhich]

    @operation(
        "List shards",
        "By id, those that have not burned: of a day (members only), on a pseudonym (whoever knows it), or both.",
        answer=ShardPage,
        example={"items": [_SHARD], "next": None},
        parameters=[_DAY, _ATTACH, *PAGED],
        refuses=["bad_request", "unauthorized"],
        public=True,
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """Of a day, or on a pseudonym."""
        limit, cursor = read_page(request)
        which = read(ShardQuery, request.query_params)
        if not which:
            raise RemoteError("bad_request", "say of which day, or on which pseudonym")
        rows = selectors.shards(
            day=which.get("day"),
            attach=which.get("attach"),
            now=now_ms(),
            limit=limit + 1,
            after=cursor or b"",
        )
        return Response(page(rows, limit, lambda row: ShardSerializer(row).data, lambda row: bytes(row.ident)))

    @operation(
        "Show a shard",
        "By its id, for whoever knows it.",
        answer=ShardSerializer,
        example=_SHARD,
        parameters=[path_key("ident", "The shard's id.")],
        refuses=["not_found", "unauthorized"],
        public=True,
        etag=True,
    )
    def retrieve(self, request: Request, ident: str) -> Response:
        """One."""
        row = selectors.shard(b64decode(ident, 32), now=now_ms())
        if row is None:
            raise AccordError("not_found", "there is no such shard, or it has burned")
        return Response(ShardSerializer(row).data)

    @operation(
        "Bring a shard",
        "It is kept until `burn_at`, at most a year. The same one again is no error.",
        body=ShardInput,
        body_example=_SHARD,
        answer=KeptSerializer,
        example={"status": "stored"},
        refuses=["burned", "quota"],
    )
    def create(self, request: Request) -> Response:
        """Keep it."""
        read(ShardInput, request.data)
        is_new = shard_put(account_id=_account(request), value=request.data, now=now_ms())
        return Response({"status": "stored" if is_new else "duplicate"})
