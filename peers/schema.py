"""How the REST API describes itself: fields of its own, refusals, examples (OpenAPI 3.1, made by drf-spectacular).

Not here: what the operations do (api.py of each app).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from accord.encoding import b64decode, b64encode
from accord.errors import HTTP_STATUS, RemoteError
from accord.fields import MAX_TIME_MS
from peers.viewsets import DEFAULT_PAGE_ITEMS, MAX_CURSOR_CHARS, MAX_PAGE_ITEMS

KEY_REGEX: Final = "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
KEY_PATTERN: Final = f"^{KEY_REGEX}$"
SERIAL_PATTERN: Final = "^[A-Za-z0-9_-]{21}[AQgw]$"
MESSAGE_KEY_PATTERN: Final = "^[A-Za-z0-9_-]{58}[AEIMQUYcgkosw048]$"
NOW: Final = 1_790_000_000_000
MAX_ROW: Final = 2**63 - 1

# Keys of examples, of nobody.
ANN, BOB, DEVICE, CHANNEL = (b64encode(bytes([number]) * 32) for number in (1, 2, 3, 4))
SERIAL: Final = b64encode(bytes([5]) * 16)
ENVELOPE: Final[dict[str, Any]] = {
    "header": {
        "v": 1,
        "type": "chat.text",
        "from": ANN,
        "to": f"chan:{CHANNEL}",
        "created_at": NOW,
        "body_hash": b64encode(bytes([6]) * 32),
        "body_size": 16,
    },
    "sig": b64encode(bytes([7]) * 64),
    "salt": b64encode(bytes([8]) * 16),
    "body": b64encode(b'{"text":"hello"}'),
}


class BearerScheme(OpenApiAuthenticationExtension):
    """How the token is sent."""

    target_class = "peers.rest.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The scheme."""
        return {"type": "http", "scheme": "bearer", "description": "32 random bytes, base64url; good for 15 minutes."}


# ------------------------------------------------------------------------------------------------------------- fields


class Octets(serializers.Field):
    """Bytes, in base64url without padding."""

    octets: int

    def to_internal_value(self, data: Any) -> bytes:
        """The bytes."""
        try:
            return b64decode(data, self.octets)
        except RemoteError as error:
            raise serializers.ValidationError(error.detail) from error

    def to_representation(self, value: bytes) -> str:
        """The text."""
        return b64encode(value)


@extend_schema_field({"type": "string", "pattern": KEY_PATTERN})
class Key(Octets):
    """A key or an id: 32 bytes."""

    octets = 32


@extend_schema_field({"type": "string", "pattern": SERIAL_PATTERN})
class Serial(Octets):
    """16 bytes."""

    octets = 16


@extend_schema_field({"type": "string", "pattern": MESSAGE_KEY_PATTERN})
class MessageKey(Octets):
    """The key and the nonce of a sealed message: 44 bytes."""

    octets = 44


class Text(serializers.CharField):
    """Text; a number is none."""

    def to_internal_value(self, data: Any) -> str:
        """The text, without space around it."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A whole number of JSON; text is none."""

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        if type(data) is not int:
            self.fail("invalid")
        return int(super().to_internal_value(data))


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_TIME_MS, "example": NOW})
class Time(serializers.IntegerField):
    """Milliseconds since 1970 UTC."""


# ----------------------------------------------------------------------------------------------------------- refusals


class ErrorSerializer(serializers.Serializer[Any]):
    """A refusal. `code` is stable, `detail` a sentence for a person, `retry_ms` says when to try again. `reason` and
    `until` come with a login that is refused because of the account.
    """

    code = serializers.ChoiceField(choices=list(HTTP_STATUS))
    detail = serializers.CharField(allow_blank=True)
    retry_ms = serializers.IntegerField(min_value=0, required=False)
    reason = serializers.CharField(required=False)
    until = serializers.IntegerField(min_value=0, required=False)


_SAID: Final = {
    "bad_request": "limit: Ensure this value is less than or equal to 200.",
    "bad_encoding": "not JSON",
    "bad_sig": "signature does not fit",
    "unauthorized": "this token is not good, or no longer: log in again",
    "denied": "only members may do that",
    "quota": "not enough invites left",
    "not_found": "there is nothing here",
    "conflict": "that key or name has an account here",
    "burned": "burn_at is over",
    "gone": "a control message is good for ten minutes",
    "too_big": "a request has at most 1048576 bytes",
    "wrong_server": "another hub was expected here",
    "future": "created_at is ahead of this hub's clock",
    "unsupported": "this hub does not know that",
    "pow_needed": "ask for a challenge",
    "rate": "too many requests",
    "internal": "the hub failed; it has written down why",
    "busy": "the hub is starting or stopping",
}


def _refusals(codes: Iterable[str]) -> dict[int, OpenApiResponse]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(HTTP_STATUS[code], []).append(code)
    return {
        number: OpenApiResponse(
            ErrorSerializer,
            description=", ".join(names),
            examples=[
                OpenApiExample(
                    f"{number} {name}",
                    value={"code": name, "detail": _SAID[name], **({"retry_ms": 1000} if name in RETRIED else {})},
                    response_only=True,
                    status_codes=[str(number)],
                )
                for name in names
            ],
        )
        for number, names in sorted(by_status.items())
    }


RETRIED: Final = ("rate", "busy")
ALWAYS: Final = ("denied", "rate", "internal")
WITH_TOKEN: Final = ("unauthorized",)
WITH_BODY: Final = ("bad_request", "bad_encoding", "too_big")
OF_MESSAGES: Final = (
    "bad_sig", "quota", "conflict", "gone", "wrong_server", "future", "unsupported", "busy",
)  # fmt: skip


# --------------------------------------------------------------------------------------------------------- operations


def path_key(name: str, description: str) -> OpenApiParameter:
    """A key in the path."""
    schema = {"type": "string", "pattern": KEY_PATTERN}
    return OpenApiParameter(name, schema, OpenApiParameter.PATH, description=description)


def query(
    name: str, description: str, *, schema: dict[str, Any] | None = None, required: bool = False
) -> OpenApiParameter:
    """A parameter after the `?`."""
    return OpenApiParameter(name, schema or OpenApiTypes.STR, description=description, required=required)


def limit_query(most: int = MAX_PAGE_ITEMS) -> OpenApiParameter:
    """How many items."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": DEFAULT_PAGE_ITEMS}
    return query("limit", "How many items at most.", schema=schema)


CURSOR_SCHEMA: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": MAX_CURSOR_CHARS}
PAGED: Final = [
    limit_query(),
    query("cursor", "`next` of the page before.", schema=CURSOR_SCHEMA),
]
IF_NONE_MATCH: Final = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="ETag of what is had already: 304 if it still holds.",
)


def page_of(
    item: type[serializers.Serializer[Any]], name: str, **more: serializers.Field
) -> type[serializers.Serializer[Any]]:
    """The serializer of a page of a list."""
    attributes = {
        "__doc__": "A page of a list; `next` is the cursor of the next one, null on the last.",
        "items": item(many=True),
        "next": serializers.CharField(allow_null=True),
        **more,
    }
    page: type[serializers.Serializer[Any]] = type(name, (serializers.Serializer,), attributes)
    return extend_schema_serializer(many=False)(page)


def operation(
    summary: str,
    description: str,
    *,
    answer: type[serializers.Serializer[Any]] | None,
    example: Any = None,
    status: int = 200,
    body: type[serializers.Serializer[Any]] | None = None,
    body_example: Any = None,
    parameters: Sequence[OpenApiParameter] = (),
    refuses: Iterable[str] = (),
    public: bool = False,
    etag: bool = False,
    raw: str = "",
    gives: str = "",
) -> Callable[[Any], Any]:
    """Describe one operation: what it takes, gives and refuses, with an example of each; `raw` is the media type of a
    body of bytes, `gives` that of an answer of bytes, whole or a range.
    """
    codes = dict.fromkeys([*refuses, *(WITH_BODY if body else ()), *(() if public else WITH_TOKEN), *ALWAYS])
    examples = [OpenApiExample("answer", value=example, response_only=True, status_codes=[str(status)])]
    if body_example is not None:
        examples.append(OpenApiExample("request", value=body_example, request_only=True))
    answers: dict[Any, Any] = {status: OpenApiResponse(answer, description="")} if answer else {status: None}
    if gives:
        answers = {
            (200, gives): OpenApiResponse(OpenApiTypes.BINARY, description="All of it."),
            (206, gives): OpenApiResponse(OpenApiTypes.BINARY, description="The range that was asked for."),
            (416, gives): OpenApiResponse(None, description="There is less than that."),
        }
    if etag:
        answers[304] = OpenApiResponse(None, description="What the client has still holds.")
    if body or raw:
        answers[415] = OpenApiResponse(ErrorSerializer, description="unsupported: the body is not application/json")
    return extend_schema(
        summary=summary,
        description=description,
        request={raw: OpenApiTypes.BINARY} if raw else body,
        parameters=[*parameters, *([IF_NONE_MATCH] if etag else [])],
        responses={**answers, **_refusals(codes)},
        examples=examples if answer else examples[1:],
        auth=[] if public else None,
    )
