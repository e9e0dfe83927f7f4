"""The base of every room of the REST API: the way to it, ETags, pages of lists, signed messages that ask for something.

Not here: who asks and how errors are told (rest.py), what the operations do (api.py of each app).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework import exceptions, permissions, serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.message_types import read_body
from accord.messages import parse_envelope
from peers import registry
from peers.callers import Caller
from peers.origins import clear_request_allowed
from peers.throttles import RefusedThrottle

DEFAULT_PAGE_ITEMS: Final = 50
MAX_PAGE_ITEMS: Final = 200
MAX_CURSOR_CHARS: Final = 200

T = TypeVar("T")


def read(serializer: type[serializers.Serializer[Any]], value: Any) -> dict[str, Any]:
    """Input, checked; ValidationError says what is wrong."""
    form = serializer(data=value)
    form.is_valid(raise_exception=True)
    return form.validated_data


def publish_signed(caller: Caller, value: dict[str, Any], type_: str, **expected: Any) -> dict[str, Any]:
    """Publish the signed message that asks for what a request is about, as a socket would; gives its checked body, in
    which `expected` fields are as the request has them. AccordError refuses it.
    """
    envelope = parse_envelope(value)
    if envelope.type != type_:
        raise RemoteError("bad_request", f"a message of type {type_} expected")
    body = read_body(envelope)
    if any(body.get(name) != item for name, item in expected.items()):
        raise RemoteError("bad_request", f"that {type_} is about something else")
    for publish in registry.publish:
        publish(caller, value)
    return body


# --------------------------------------------------------------------------------------------------------------- views


class HubViewSet(ViewSet):
    """A room of the API. Answers to GET have an ETag where `etags`; `is_public` needs no private way."""

    etags = True
    is_public = False
    http_method_names = ["get", "head", "post", "patch", "delete"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what could be read on its way, and floods of bad tokens."""
        if not self.is_public and not clear_request_allowed(request._request):
            raise AccordError("denied", "the API is used over TLS, or on this machine")
        try:
            super().initial(request, *args, **kwargs)
        except AccordError as error:
            throttle = RefusedThrottle()
            if error.code == "unauthorized" and not throttle.allow_request(request, self):
                raise exceptions.Throttled(throttle.wait()) from error
            raise

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; 304 where the client has it already."""
        response = super().dispatch(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-cache" if self.etags else "no-store")
        response.headers.setdefault("Vary", "Authorization")
        if self.etags and request.method in ("GET", "HEAD") and response.status_code == status.HTTP_200_OK:
            assert isinstance(response, Response)  # noqa: S101 - what DRF's views give
            response.render()
            etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
            response.headers["ETag"] = etag
            return get_conditional_response(request, etag=etag, response=response) or response
        return response


class Lost(HubViewSet):
    """Whatever else is asked for under the API's path."""

    schema = None
    http_method_names = [*HubViewSet.http_method_names, "put", "options"]
    is_public = True
    etags = False
    permission_classes = [permissions.AllowAny]
    authentication_classes: Sequence[type[BaseAuthentication]] = []

    def lost(self, request: Request, path: str = "") -> Response:
        """There is nothing."""
        raise AccordError("not_found", "the API has no such path")


# --------------------------------------------------------------------------------------------------------------- pages


class PageQuery(serializers.Serializer[Any]):
    """How much of a list, and from where on."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE_ITEMS, default=DEFAULT_PAGE_ITEMS)
    cursor = serializers.CharField(max_length=MAX_CURSOR_CHARS, required=False)


def read_page(request: Request) -> tuple[int, bytes | None]:
    """How many items are asked for, and after which place."""
    query = read(PageQuery, request.query_params)
    return query["limit"], b64decode(query["cursor"]) if "cursor" in query else None


def page(rows: Sequence[T], limit: int, show: Callable[[T], Any], place: Callable[[T], bytes]) -> dict[str, Any]:
    """A page of a list, made of one row more than it may have; `place` is where the next one begins."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {"items": [show(row) for row in shown], "next": b64encode(place(shown[-1])) if more else None}
