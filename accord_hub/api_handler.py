"""Serves the REST API: each request whole in one thread of a few that keep their database connections.

Django's own ASGI handler makes a thread and a connection for every request and goes back and forth between thread and
loop for each synchronous middleware: measured, that is most of the time of a short request. Not here: pages, which may
stream and are few (Django's handler serves them).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponseBase
from django.urls import set_script_prefix

API_THREADS: Final = 8  # a request that publishes holds one until its messages are durable


class ApiHandler(ASGIHandler):
    """An ASGI application."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(API_THREADS, thread_name_prefix="api")

    def load_middleware(self, is_async: bool = False) -> None:
        """All of it synchronous, whatever it could be."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the request, answer it in a thread, send the answer."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            response = await asyncio.get_running_loop().run_in_executor(self._threads, self._respond, scope, body)
        await self.send_response(response, send)

    def _respond(self, scope: Any, body: Any) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        request, error = self.create_request(scope, body)
        if request is None:
            assert error is not None  # noqa: S101 - one of the two
            return error
        # No signals of start and end: all they would do is close the connection, which is kept.
        try:
            return self.get_response(request)
        finally:
            request.close()
