"""The room of the REST API about the vault: open it by name and password, keep it, forget it (section 9)."""

from __future__ import annotations

from typing import Any, Final

import orjson
from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.response import Response

from accord import vault as form
from accord.encoding import b64encode
from accord.errors import AccordError
from peers.clock import now_ms
from peers.keyring import keyring
from peers.rest import caller_of
from peers.schema import NOW, SERIAL, operation, query
from peers.throttles import AddressThrottle
from peers.viewsets import HubViewSet, read
from vault import selectors
from vault.serializers import (
    EnclaveSerializer,
    HeldSerializer,
    NameQuery,
    OpenSerializer,
    ParamsSerializer,
    PutSerializer,
)
from vault.services import vault_delete, vault_open, vault_put

_PARAMS: Final = {"kdf": form.KDF, "salt": SERIAL, "iterations": form.DEFAULT_ITERATIONS}
_ENCLAVE: Final = {
    "v": 1,
    "type": "vault",
    "name": "ann",
    "version": 7,
    "kdf": _PARAMS,
    "slots": [{"kind": "password", "wrapped_key": b64encode(bytes([1]) * 60)}],
    "body": b64encode(bytes([2]) * 90),
    "signature": b64encode(bytes([3]) * 64),
}
_AUTH: Final = b64encode(bytes([4]) * 32)
_HELD: Final = {"name": "ann", "version": 7, "size": 612, "updated_at": NOW}


class OpenVaultViewSet(HubViewSet):
    """What anybody may ask, by name."""

    authentication_classes = []
    permission_classes = [permissions.AllowAny]
    etags = False

    @operation(
        "How a password becomes a key",
        "Salt and iterations for a name. It depends on the name alone, whether or not anybody has it.",
        answer=ParamsSerializer,
        example=_PARAMS,
        parameters=[query("name", "The name, as typed.", required=True)],
        refuses=["bad_request"],
        public=True,
    )
    def params(self, request: Request) -> Response:
        """The same for everybody who asks."""
        name = form.canonical_name(read(NameQuery, request.query_params)["name"])
        return Response(form.hub_params(keyring().secret, name).wire())

    @operation(
        "Open a vault",
        "For whoever has what the password, or the recovery code, becomes. A name that nobody has and another `auth` "
        "are refused alike. 10 an hour for a name, 30 for an address; after the third wrong one each next one is heard "
        "later than the one before.",
        body=OpenSerializer,
        body_example={"name": "ann", "auth": _AUTH},
        answer=EnclaveSerializer,
        example={"enclave": _ENCLAVE},
        public=True,
    )
    def open(self, request: Request) -> Response:
        """Count the attempt, then compare."""
        given = read(OpenSerializer, request.data)
        enclave = vault_open(
            name=form.canonical_name(given["name"]),
            auth=given["auth"],
            address=AddressThrottle().address(request),
            now=now_ms(),
        )
        return Response({"enclave": orjson.Fragment(enclave)})


class VaultViewSet(HubViewSet):
    """My own."""

    http_method_names = [*HubViewSet.http_method_names, "put"]

    @operation(
        "Show my vault",
        "The user enclave that is held of me, sealed.",
        answer=EnclaveSerializer,
        example={"enclave": _ENCLAVE},
        refuses=["not_found"],
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The enclave."""
        account_id = caller_of(request).account_id
        assert account_id is not None  # noqa: S101 - a member has one
        enclave = selectors.enclave_of_account(account_id)
        if enclave is None:
            raise AccordError("not_found", "there is no vault of yours here")
        return Response({"enclave": orjson.Fragment(enclave)})

    @operation(
        "Keep my vault",
        "Takes an enclave that my user key has signed, under the name of my account. `conflict` where a version is "
        "held that is as late or later: read it, merge, put again.",
        body=PutSerializer,
        body_example={"name": "ann", "auth": _AUTH, "enclave": _ENCLAVE},
        answer=HeldSerializer,
        example=_HELD,
        refuses=["bad_sig", "conflict"],
    )
    def update(self, request: Request) -> Response:
        """Keep it."""
        caller = caller_of(request)
        assert caller.account_id is not None  # noqa: S101 - a member has one
        given: dict[str, Any] = read(PutSerializer, request.data)
        row = vault_put(
            account_id=caller.account_id,
            user=caller.key,
            name=form.canonical_name(given["name"]),
            auth=given.get("auth"),
            recovery=given.get("recovery"),
            enclave=given["enclave"],
            now=now_ms(),
        )
        return Response(HeldSerializer(row).data)

    @operation(
        "Forget my vault",
        "Nobody logs in by that name and password any more; what devices hold stays.",
        answer=None,
        status=204,
        refuses=["not_found"],
    )
    def destroy(self, request: Request) -> Response:
        """Delete it."""
        account_id = caller_of(request).account_id
        assert account_id is not None  # noqa: S101 - a member has one
        vault_delete(account_id=account_id)
        return Response(status=204)
