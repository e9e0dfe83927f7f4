"""Blobs over the REST API (protocol.md section 11): bringing in pieces, reading with ranges, deleting."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.fields import MAX_TIME_MS
from blobs import files, selectors, services
from blobs.fetching import fetcher
from blobs.models import Blob
from blobs.room import ACCOUNT_FILES_MIB, MIB, most_bytes
from peers.callers import Caller
from peers.clock import now_ms
from peers.loop import loop_bridge
from peers.rest import JSONBody, caller_of
from peers.schema import (
    KEY_REGEX,
    MAX_ROW,
    NOW,
    PAGED,
    Key,
    OpenApiParameter,
    Time,
    Whole,
    operation,
    page_of,
    path_key,
)
from peers.viewsets import HubViewSet, page, read, read_page

FETCH_RETRY_MS: Final = 400
MAX_DIGITS: Final = 12
EXAMPLE_ID: Final = b64encode(bytes([12]) * 32)
RAW: Final = "application/octet-stream"
_RANGE: Final = re.compile(rf"bytes=(\d{{0,{MAX_DIGITS}}})-(\d{{0,{MAX_DIGITS}}})")
_BLOB: Final = {"blob": EXAMPLE_ID, "size": 1040, "created_at": NOW, "burn_at": None}
_UPLOAD: Final = {"blob": EXAMPLE_ID, "size": 1040, "received": 1040}


class BlobSerializer(serializers.Serializer[Any]):
    """A blob that I have brought; `size` is that of the sealed bytes."""

    blob = Key()
    size = serializers.IntegerField(min_value=0)
    created_at = Time()
    burn_at = Time(allow_null=True)


BlobPage = page_of(
    BlobSerializer,
    "BlobPage",
    used=serializers.IntegerField(min_value=0, help_text="bytes that my blobs take"),
    room=serializers.IntegerField(min_value=0, help_text="bytes that they may take"),
    most=serializers.IntegerField(min_value=0, help_text="bytes that one blob may have"),
)


class UploadForm(serializers.Serializer[Any]):
    """What is to be brought."""

    blob = Key()
    size = Whole(min_value=1, max_value=2**40)
    burn_at = Time(required=False, min_value=0, max_value=MAX_TIME_MS)


class UploadSerializer(serializers.Serializer[Any]):
    """How far it has come; whole where `received` is `size`."""

    blob = Key()
    size = serializers.IntegerField(min_value=0)
    received = serializers.IntegerField(min_value=0)


class RawBody(BaseParser):
    """A body of bytes."""

    media_type = RAW

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The bytes."""
        return stream.read()


def _account(caller: Caller) -> int:
    if caller.account_id is None:
        raise AccordError("denied", "only members have files here")
    return caller.account_id


def _told(ident: bytes, brought: services.Brought) -> dict[str, Any]:
    return {"blob": b64encode(ident), "size": brought.size, "received": brought.received}


def _row(blob: Blob) -> dict[str, Any]:
    return {
        "blob": b64encode(bytes(blob.ident)),
        "size": blob.size,
        "created_at": blob.created_at,
        "burn_at": blob.burn_at,
    }


def _range(header: str, size: int) -> tuple[int, int] | None:
    """What a Range asks for, as [start, end); None for all. AccordError where there is nothing there."""
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        return None  # what is not understood is left out of account (RFC 9110)
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(size, int(last) + 1 if last else size)
    return (start, end) if start < end else (size, size)


async def _stream(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Files are read in threads, a chunk at a time."""
    step = sync_to_async(lambda: next(parts, None), thread_sensitive=False)
    while (part := await step()) is not None:
        yield part


def _headers(response: HttpResponseBase, ident: bytes) -> HttpResponseBase:
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{b64encode(ident)}"'
    response.headers["Cache-Control"] = "private, no-store"  # what burns must not lie in a cache
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Disposition"] = "attachment"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


class BlobViewSet(HubViewSet):
    """Sealed files of messages. The hub cannot open them; whoever knows the id of one may read it."""

    lookup_field = "ident"
    lookup_value_regex = KEY_REGEX
    etags = False
    parser_classes = [JSONBody, RawBody]

    @operation(
        "List my blobs",
        "What I have brought and what is held of it, the newest first; how much room that takes, and how much I have.",
        answer=BlobPage,
        example={"items": [_BLOB], "next": None, "used": 1040, "room": 1 << 30, "most": 32 << 20},
        parameters=PAGED,
        refuses=["bad_request"],
    )
    def list(self, request: Request) -> Response:
        """The newest first."""
        limit, cursor = read_page(request)
        account = _account(caller_of(request))
        before = None if cursor is None else min(int.from_bytes(cursor, "big"), MAX_ROW)
        rows = selectors.blobs_of(account, before=before, limit=limit + 1)
        answer = page(rows, limit, _row, lambda row: row.pk.to_bytes(8, "big"))
        room = ACCOUNT_FILES_MIB.value * MIB
        return Response({**answer, "used": selectors.bytes_of(account), "room": room, "most": most_bytes()})

    @operation(
        "Announce a blob",
        "Begins an upload, or tells how far it has come: a blob that is here already is whole at once.",
        body=UploadForm,
        body_example={"blob": EXAMPLE_ID, "size": 1040},
        answer=UploadSerializer,
        example={**_UPLOAD, "received": 0},
        refuses=["quota", "conflict", "gone", "burned"],
    )
    def create(self, request: Request) -> Response:
        """Begin or go on."""
        form = read(UploadForm, request.data)
        brought = services.upload_begin(
            account_id=_account(caller_of(request)),
            ident=form["blob"],
            size=form["size"],
            burn_at=form.get("burn_at"),
            now=now_ms(),
        )
        return Response(_told(form["blob"], brought))

    @operation(
        "Bring bytes of a blob",
        "The next bytes of an announced blob, at most 1 MiB. The last ones are answered once the whole has been "
        "compared with the id.",
        body=None,
        answer=UploadSerializer,
        example=_UPLOAD,
        parameters=[
            path_key("ident", "The blob's id."),
            OpenApiParameter(
                "Upload-Offset",
                {"type": "integer", "minimum": 0},
                OpenApiParameter.HEADER,
                required=True,
                description="How many bytes have been received before these.",
            ),
        ],
        refuses=["bad_request", "bad_encoding", "not_found", "conflict", "quota", "too_big"],
        raw=RAW,
    )
    def partial_update(self, request: Request, ident: str) -> Response:
        """Take a piece."""
        data: object = request.data
        if not isinstance(data, bytes):
            raise RemoteError("bad_request", f"a body of {RAW} is expected")
        offset = request.headers.get("Upload-Offset", "")
        if not (offset.isascii() and offset.isdecimal() and len(offset) <= MAX_DIGITS):
            raise RemoteError("bad_request", "Upload-Offset: a number is expected")
        name = b64decode(ident, 32)
        brought = services.upload_take(
            account_id=_account(caller_of(request)), ident=name, at=int(offset), data=data, now=now_ms()
        )
        return Response(_told(name, brought))

    @operation(
        "Read a blob",
        "The sealed bytes, or a `Range` of them. Where the hub has to ask the hubs that it is linked with, it is "
        "`busy` meanwhile.",
        answer=None,
        gives=RAW,
        parameters=[
            path_key("ident", "The blob's id."),
            OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range of bytes."),
        ],
        refuses=["not_found", "gone", "busy"],
    )
    def retrieve(self, request: Request, ident: str) -> HttpResponseBase:
        """Whole or in part."""
        name = b64decode(ident, 32)
        blob = selectors.blob_held(name)
        if blob is None:
            if loop_bridge.call(fetcher.begin, name):
                raise AccordError("busy", "the file is being fetched from another hub", retry_ms=FETCH_RETRY_MS)
            raise AccordError("not_found", "no such blob is here, nor at a linked hub that is online")
        if blob.gone_at is not None or (blob.burn_at is not None and blob.burn_at <= now_ms()):
            raise AccordError("gone", "this blob has been deleted here, or has burned")
        wanted = _range(request.headers.get("Range", ""), blob.size)
        start, end = wanted or (0, blob.size)
        response: HttpResponseBase
        if start == end:
            response = HttpResponse(status=416, content_type=RAW)
            response.headers["Content-Range"] = f"bytes */{blob.size}"
            return _headers(response, name)
        parts = files.read_range(name, start, end, bytes(blob.chunks)) if request.method == "GET" else iter(())
        response = StreamingHttpResponse(_stream(parts), status=206 if wanted else 200, content_type=RAW)
        response.headers["Content-Length"] = str(end - start)
        if wanted:
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
        return _headers(response, name)

    @operation(
        "Delete a blob",
        "By whoever brought it, or the admin. Linked hubs that have a copy are told.",
        answer=None,
        status=204,
        parameters=[path_key("ident", "The blob's id.")],
        refuses=["not_found"],
    )
    def destroy(self, request: Request, ident: str) -> Response:
        """For good: its id is taken no more."""
        caller = caller_of(request)
        name = b64decode(ident, 32)
        hubs = services.blob_delete(ident=name, account_id=_account(caller), is_admin=caller.is_admin, now=now_ms())
        if hubs:
            loop_bridge.soon(fetcher.gone, hubs, name)
        return Response(status=204)
