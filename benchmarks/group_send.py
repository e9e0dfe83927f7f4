"""Fan-out as Channels' own documentation shows it, to be served by Daphne: a consumer, a group, the in-memory layer."""

from __future__ import annotations

from typing import Any, Final

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

settings.configure(CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})

GROUP: Final = "lounge"


class Listener(AsyncWebsocketConsumer):
    """Gets what is sent to the group."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def relay(self, event: dict[str, Any]) -> None:
        """A message of the group."""
        await self.send(text_data=event["text"])


class Publisher(AsyncWebsocketConsumer):
    """Sends what it is told to the group."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.channel_layer.group_send(GROUP, {"type": "relay", "text": text_data})


application = ProtocolTypeRouter(
    {"websocket": URLRouter([path("listen", Listener.as_asgi()), path("publish", Publisher.as_asgi())])}
)
