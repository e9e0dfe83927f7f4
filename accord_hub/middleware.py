"""Headers that every page carries (protocol.md section 13), the log of requests, static files."""

from __future__ import annotations

import gzip
import logging
import re
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from accord_hub.logs import request_id
from console.metrics import http_requests

logger = logging.getLogger(__name__)

REQUEST_ID_BYTES: Final = 6
MAX_PACKED_FILES: Final = 1_000  # kept in memory as they are sent, about 1 MiB in all
_TEXT: Final = re.compile(r"text/|image/svg|application/(json|javascript)")
_TAKES_GZIP: Final = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

# Of a file, it holds where the file is a worker's script; a page's scripts have the page's policy.
WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is not None:
        return f"/{match.route}"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


def observed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Count and log every request, by its route."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        token = request_id.set(secrets.token_hex(REQUEST_ID_BYTES))
        try:
            response = get_response(request)
            seconds = time.perf_counter() - began
            route = _route(request)
            method = request.method if request.method in _METHODS else "other"
            http_requests.labels(method, route, response.status_code).observe(seconds)
            fields = {"method": method, "route": route, "status": response.status_code, "ms": round(seconds * 1000, 1)}
            logger.info("%s %s %d, %.1f ms", method, route, response.status_code, seconds * 1000, extra=fields)
            return response
        finally:
            request_id.reset(token)

    return middleware


def tls_in_front(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Take a request for the host of an https ACCORD_URL for one that came under TLS, which ended in front of the hub.

    The Host decides, as it does for clear frames (peers/origins.py); no header that a proxy may forget to remove.
    """
    public = urlsplit(settings.ACCORD_URL)

    def middleware(request: HttpRequest) -> HttpResponse:
        if public.scheme == "https" and request.META.get("HTTP_HOST") == public.netloc:
            scope = getattr(request, "scope", None)
            if scope is not None:
                scope["scheme"] = "https"
        return get_response(request)

    return middleware


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """No script runs on the hub's pages, and nothing is loaded from elsewhere."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


@lru_cache(maxsize=MAX_PACKED_FILES)
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, with whole answers: under ASGI its streamed ones are read at once too, after a warning for each. Text
    goes out packed, a third of its size; it is the same for everyone, so its length tells nothing.
    """

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answer from a file."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file as file:
                body = file.read()
        headers = dict(found.headers)
        if _TEXT.match(headers.get("Content-Type", "")):
            headers["Vary"] = "Accept-Encoding"
            takes_gzip = _TAKES_GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", ""))
            if body and takes_gzip and found.status == HTTPStatus.OK:
                body = _packed(body)
                headers |= {"Content-Encoding": "gzip", "Content-Length": str(len(body))}
        response = HttpResponse(body, status=int(found.status), headers=headers)
        response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response
