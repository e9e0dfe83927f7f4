"""What all rooms of the REST API share: who asks, JSON in and out, one form for every error (protocol.md sections 1 and
3). Named in REST_FRAMEWORK of the settings, so nothing here may import DRF's views.

A request is answered for a bearer token alone: there are no cookies, so no page can act in a browser's name. Not here:
how often (throttles.py), the base of views and pages of lists (viewsets.py), how all is described (schema.py).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any, Final

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions, permissions, status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, parse_json
from accord.errors import AccordError, RemoteError
from peers.callers import Caller, error_body
from peers.clock import now_ms
from peers.selectors import Bearer, bearer_of
from peers.services import TOKEN_BYTES, token_hash
from peers.sessions import role_of, sessions

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES: Final = 1024 * 1024


# ------------------------------------------------------------------------------------------------------------- errors


def error_response(error: AccordError, status_code: int | None = None) -> Response:
    """A refusal as an answer."""
    headers = {}
    if error.retry_ms is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_ms / 1000))
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    return Response(error_body(error), status=status_code or error.http_status, headers=headers)


def _sentence(detail: Any) -> str:
    """What DRF says of invalid input, in a line: `field: what is wrong`."""
    if isinstance(detail, dict):
        name, inside = next(iter(detail.items()), ("", ""))
        sentence = _sentence(inside)
        return sentence if name == "non_field_errors" else f"{name}: {sentence}"
    if isinstance(detail, list):
        return next((sentence for item in detail if (sentence := _sentence(item))), "")
    return str(detail)


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """Every exception of a view as an AccordError's answer; what nobody foresaw is written down and told as
    `internal`.
    """
    match exception:
        case AccordError():
            return error_response(exception)
        case exceptions.ValidationError():
            return error_response(AccordError("bad_request", _sentence(exception.detail)))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return error_response(AccordError("unauthorized", "a bearer token is needed"))
        case exceptions.PermissionDenied():
            return error_response(AccordError("denied", "only members may do that"))
        case exceptions.Throttled():
            wait = 1000 * (getattr(exception, "wait", None) or 1)  # DRF has rounded it up to seconds
            return error_response(AccordError("rate", "too many requests", retry_ms=wait))
        case Http404() | exceptions.NotFound():
            return error_response(AccordError("not_found", "there is nothing here"))
        case RequestDataTooBig():
            return error_response(AccordError("too_big", f"a request has at most {MAX_REQUEST_BYTES} bytes"))
        case exceptions.MethodNotAllowed():
            response = error_response(AccordError("unsupported", str(exception.detail)), exception.status_code)
            response["Allow"] = ", ".join(context["view"].allowed_methods)
            return response
        case exceptions.APIException() if status.is_client_error(exception.status_code):
            return error_response(AccordError("unsupported", str(exception.detail)), exception.status_code)
        case _:
            logger.error("a request of the API failed", exc_info=exception)
            return error_response(AccordError("internal", "the hub failed; it has written down why"))


# ---------------------------------------------------------------------------------------------------------- who asks


def caller_of(request: Request) -> Caller:
    """Whose request it is, where a permission has seen to it that it is somebody's."""
    caller = request.user
    assert isinstance(caller, Caller)  # noqa: S101 - only views with HasToken or IsMember ask
    return caller


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer TOKEN`, with a token of the frame `token` or of a login over HTTP."""

    def authenticate(self, request: Request) -> tuple[Caller, Bearer] | None:
        """The caller; None without a header, AccordError("unauthorized") for a token that is not good."""
        words = get_authorization_header(request).split()
        if not words:
            return None
        bearer = None
        if len(words) == 2 and words[0].lower() == b"bearer":
            bearer = _bearer(words[1])
        if bearer is None:
            raise AccordError("unauthorized", "this token is not good, or no longer: log in again")
        return Caller(role_of(bearer.member), bearer), bearer

    def authenticate_header(self, request: Request) -> str:
        """What to ask for."""
        return "Bearer"


def _bearer(text: bytes) -> Bearer | None:
    try:
        token = b64decode(text.decode("ascii", "replace"), TOKEN_BYTES)
    except RemoteError:
        return None
    bearer = bearer_of(token_hash(token), now=now_ms())
    if bearer is not None and bearer.is_socket and sessions.find(bearer.session) is None:
        return None  # the socket has been closed
    return bearer


class HasToken(permissions.BasePermission):
    """Guests and temporary accounts too."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, Caller)


class IsMember(permissions.BasePermission):
    """Whoever has an account that has been claimed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, Caller) and request.user.is_member


# --------------------------------------------------------------------------------------------------- JSON in and out


class JSONBody(BaseParser):
    """A body of JSON."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The value; AccordError: bad_encoding, too_big."""
        return parse_json(stream.read(), max_bytes=MAX_REQUEST_BYTES)


class JSONAnswer(BaseRenderer):
    """JSON, made by orjson: parts that are JSON already go in as they are (orjson.Fragment)."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The bytes."""
        return b"" if data is None else orjson.dumps(data)


class OneForm(BaseContentNegotiation):
    """There is one form of answers, whatever a client says it would rather have."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        """The parser of JSON, if it is JSON."""
        kind = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        """The first."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
