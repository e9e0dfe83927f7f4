"""What the REST API says of itself: the hub's document, the schema, its page (protocol.md section 3, "Statements").

The page shows Swagger UI, a program of others: it runs in an origin of its own (the policy's sandbox), where it can
touch neither the chat's keys nor its storage. Not here: the rooms of the apps (api.py of each).
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64encode
from accord_hub.views import API_PATH, hub_document
from peers.options import HUB_NAME
from peers.schema import ANN, BOB, NOW, SERIAL, Key, Serial, Time, operation
from peers.viewsets import HubViewSet

EXAMPLE_TITLE: Final = "## Log in, say hello, read it back"
DOCS_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "sandbox allow-scripts allow-popups",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets styles of its own; in this origin they harm nobody
        "img-src 'self' data:",
        f"connect-src 'self' {settings.ACCORD_URL}".strip(),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


class HubDocumentSerializer(serializers.Serializer[Any]):
    """The signed statement of type `hub`, as at `/.well-known/accord`; fields of a later version may be added."""

    v = serializers.IntegerField()
    type = serializers.CharField()
    hub = Key(help_text="the hub's key")
    at = Time()
    name = serializers.CharField()
    ws = serializers.CharField()
    api = serializers.CharField()
    suites = serializers.ListField(child=serializers.IntegerField())
    frames = serializers.ListField(child=serializers.CharField())
    policy = serializers.DictField()
    limits = serializers.DictField(child=serializers.IntegerField())
    store = Serial()
    admin = serializers.DictField(help_text="the statement `set_admin`")
    bot = Key(required=False, help_text="user key of the hub's own program, once it has an account")
    sig = serializers.CharField()


_STATEMENT: Final = {"v": 1, "type": "set_admin", "hub": BOB, "at": NOW, "user": ANN, "sig": b64encode(bytes(64))}
_DOCUMENT: Final = {
    "v": 1,
    "type": "hub",
    "hub": BOB,
    "at": NOW,
    "name": "Accord Hub",
    "ws": "wss://hub.example/ws/peer",
    "api": "https://hub.example/api/v1",
    "suites": [1],
    "frames": ["clear", "sealed"],
    "policy": {"strangers": "stamped", "public_feeds": False, "difficulty": 18},
    "limits": {"frame_bytes": 1048576, "body_bytes": 262144},
    "store": SERIAL,
    "admin": _STATEMENT,
    "sig": b64encode(bytes(64)),
}


class Public(HubViewSet):
    """What anybody may read, pages of other origins too."""

    is_public = True
    authentication_classes = []
    permission_classes = [permissions.AllowAny]

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """For every origin."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        return super().finalize_response(request, response, *args, **kwargs)


class DocumentViewSet(Public):
    """The hub's document."""

    etags = False  # it is signed anew each time

    @operation(
        "What is this hub?",
        "The hub's signed document, with its limits. Verify it before you believe it.",
        answer=HubDocumentSerializer,
        example=_DOCUMENT,
        public=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The document."""
        return Response(hub_document(request._request))


def _worked_example() -> str:
    """The worked example of docs/api.md, each language folded away."""
    page = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^{EXAMPLE_TITLE}$.*?(?=^## )", page, flags=re.MULTILINE | re.DOTALL)
    intro, *languages = re.split(r"^### (.*)$", section, flags=re.MULTILINE)
    folded = [
        f"<details>\n<summary>{name}</summary>\n{text}\n</details>"
        for name, text in zip(languages[::2], languages[1::2], strict=True)
    ]
    return "\n\n".join([intro.strip(), *folded])


_making = threading.Lock()  # the generator is not for two threads


def _schema() -> bytes:
    with _making:
        return _schema_make()


@lru_cache(maxsize=1)
def _schema_make() -> bytes:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    schema["info"]["description"] += f"\n\n{_worked_example()}"
    return orjson.dumps(schema)


class SchemaViewSet(Public):
    """The description of the API."""

    @extend_schema(exclude=True)
    def retrieve(self, request: Request) -> Response:
        """OpenAPI 3.1, as JSON."""
        return Response(orjson.Fragment(_schema()))


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The same for people."""
    page = render_to_string("api_docs.html", {"hub_name": HUB_NAME.value, "schema_url": f"{API_PATH}/schema"})
    return HttpResponse(page, headers={"Content-Security-Policy": DOCS_POLICY, "Cache-Control": "no-cache"})
