"""The hub as an ASGI application: pages, the live socket's two routes, start and stop (protocol.md sections 3 and 13).

Not here: what a route's session may do; that is registered by the apps.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accord_hub.settings")
pages: Any = get_asgi_application()  # before the imports below: it loads the apps that they need

from accord_hub.api_handler import ApiHandler  # noqa: E402
from accord_hub.limits import too_big as refuse_too_big  # noqa: E402
from accord_hub.views import API_PREFIX  # noqa: E402
from messaging.live import live_start, live_stop  # noqa: E402
from peers.consumer import LiveConsumer  # noqa: E402
from peers.origins import browser_may_enter, program_may_enter  # noqa: E402

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]


class BodyLimit:
    """Refuses a body larger than DATA_UPLOAD_MAX_MEMORY_SIZE; Django would first write all of it to the disk."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        left = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        too_big = int(announced) > left if announced.isdigit() else True

        async def receive_limited() -> Event:
            nonlocal left, too_big
            event = await receive()
            left -= len(event.get("body", b""))
            if left < 0:
                too_big = True
                return {"type": "http.disconnect"}
            return event

        if not too_big:
            await self._application(scope, receive_limited, send)
        if too_big:
            kind, body = refuse_too_big(scope["path"])
            headers = [(b"content-type", kind), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": body})


class Http:
    """Requests of the API to its own handler, all else to Django's."""

    def __init__(self) -> None:
        self._api = pages if settings.IS_GOSSIP else ApiHandler()

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        handler = self._api if scope["path"].startswith(API_PREFIX) else pages
        await handler(scope, receive, send)


async def lifespan(scope: Event, receive: Receive, send: Send) -> None:
    """Start and stop what the live socket of this process runs on."""
    await receive()
    await live_start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await live_stop()
    await send({"type": "lifespan.shutdown.complete"})


async def no_such_route(scope: Event, receive: Receive, send: Send) -> None:
    """A WebSocket to anywhere else; the server answers 403."""
    await receive()
    await send({"type": "websocket.close"})


browsers: list[Any] = [path("ws", LiveConsumer(browser_may_enter))]  # type: ignore[arg-type]
routes: list[Any] = [  # Channels routes ASGI applications with Django's patterns, which are typed for views
    *([] if settings.IS_GOSSIP else browsers),
    path("ws/peer", LiveConsumer(program_may_enter)),  # type: ignore[arg-type]
    re_path("", no_such_route),  # type: ignore[arg-type]
]
application = ProtocolTypeRouter({"http": BodyLimit(Http()), "lifespan": lifespan, "websocket": URLRouter(routes)})
