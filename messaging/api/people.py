"""The rooms of the REST API about trouble with people: whom one has blocked or muted, and reports (protocol.md
section 8).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode
from accord.messages import parse_envelope
from messaging import contacts, reports
from messaging.api.shared import EXAMPLE, reader_of
from messaging.people_serializers import ContactPage, ContactSerializer, ReportPage, ReportQuery, ReportSerializer
from messaging.reports import Shown
from peers.callers import Caller
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

_CONTACT: Final = {"key": BOB, "state": "blocked", "at": NOW}
_REPORT: Final = {
    "id": ANN,
    "reporter": {"key": ANN, "name": "ann"},
    "reported": {"key": BOB, "name": "bob"},
    "reason": "spam",
    "text": "The same advertisement each hour.",
    "at": NOW,
    "state": "open",
    "answer": "",
    "closed_at": None,
    "moves_at": NOW + 86_400_000,
    "quoted": 1,
    "messages": [EXAMPLE],
    "opened": [],
}


def _signed(type_: str) -> dict[str, Any]:
    return {"message": {**ENVELOPE, "header": {**ENVELOPE["header"], "type": type_, "to": f"hub:{BOB}"}}}


def _row(text: bytes | None, otherwise: int | None) -> int | None:
    return otherwise if text is None else min(int.from_bytes(text[:8], "big"), MAX_ROW)


class ContactViewSet(HubViewSet):
    """Whom I have blocked or muted."""

    @operation(
        "List whom I have blocked or muted",
        "Nobody else sees it. To change it, publish a signed `contact.mark` to the hub (POST messages).",
        answer=ContactPage,
        example={"items": [_CONTACT], "next": None},
        parameters=PAGED,
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """In the order in which they were first marked."""
        limit, cursor = read_page(request)
        rows = contacts.marks_of(caller_of(request).key, limit=limit + 1, after=_row(cursor, 0) or 0)
        found = page(rows, limit, lambda row: ContactSerializer(row).data, lambda row: row.pk.to_bytes(8, "big"))
        return Response(found)


def _show(report: Shown) -> dict[str, Any]:
    shown = ReportSerializer(replace(report, messages=[])).data
    return {**shown, "messages": [orjson.Fragment(item) for item in report.messages]}


def _seen(ident: bytes, caller: Caller) -> dict[str, Any]:
    found = reports.report_seen(ident, reader_of(caller))
    assert found is not None  # noqa: S101 - it has just been stored or closed
    return _show(found)


class ReportViewSet(HubViewSet):
    """Reports: those that I am to look at, those that I made."""

    lookup_field = "key"
    lookup_value_regex = KEY_REGEX

    @operation(
        "List reports",
        "`of=turn`: open ones that wait for me, since they are about somebody below me; `mine`: those that I made; "
        "`warnings`: what I was told by those above me. The newest first; of the messages that were reported those "
        "that I may read.",
        answer=ReportPage,
        example={"items": [_REPORT], "next": None},
        parameters=[
            query(
                "of",
                "Which.",
                schema={"type": "string", "enum": ["turn", "mine", "warnings"], "default": "turn"},
            ),
            *PAGED,
        ],
        refuses=["bad_request"],
        etag=True,
    )
    def list(self, request: Request) -> Response:
        """The newest first."""
        limit, cursor = read_page(request)
        asked = read(ReportQuery, {"of": request.query_params.get("of", "turn")})
        caller = caller_of(request)
        assert caller.account_id is not None  # noqa: S101 - a member has one
        rows = reports.reports_for(
            caller.account_id, reader_of(caller), of=asked["of"], limit=limit + 1, before=_row(cursor, None)
        )
        return Response(page(rows, limit, _show, lambda row: row.pk.to_bytes(8, "big")))

    @operation(
        "Report somebody",
        "Takes a signed `report`, to the hub. It goes to whoever stands above the reported in the invite tree, and on "
        "to the next one up while nobody closes it.",
        body=SignedSerializer,
        body_example=_signed("report"),
        answer=ReportSerializer,
        status=201,
        example=_REPORT,
        refuses=OF_MESSAGES,
    )
    def create(self, request: Request) -> Response:
        """Publish it."""
        caller = caller_of(request)
        message = read(SignedSerializer, request.data)["message"]
        publish_signed(caller, message, "report")
        return Response(_seen(parse_envelope(message).id, caller), status=201)

    @operation(
        "Close a report",
        "Takes a signed `report.close` that names it, to the hub; by whose turn it is, or whoever stands above.",
        body=SignedSerializer,
        body_example=_signed("report.close"),
        answer=ReportSerializer,
        example={**_REPORT, "state": "warned", "answer": "Once a week is enough.", "closed_at": NOW, "moves_at": None},
        parameters=[path_key("key", "The report's message id.")],
        refuses=["not_found", "conflict", *OF_MESSAGES],
    )
    @action(detail=True, methods=["post"])
    def close(self, request: Request, key: str) -> Response:
        """Publish the message that closes it."""
        caller, ident = caller_of(request), b64decode(key, 32)
        publish_signed(caller, read(SignedSerializer, request.data)["message"], "report.close", report=ident)
        return Response(_seen(ident, caller))
