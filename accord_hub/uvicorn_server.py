"""uvicorn as `manage.py hub` runs it: every connection has an end, whatever its client does.

Subclasses are needed because uvicorn 0.54 has no settings for what they add: it waits without limit for a client that
does not read, for a request that is never complete, and it ends with the signal that stopped it. Not here: which
address, and what is served.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from accord.errors import CloseCode
from accord.frames import MAX_FRAME_BYTES

MAX_FRAGMENTS: Final = 256
MAX_HEAD_BYTES: Final = 64 * 1024
SEALING_BYTES: Final = 64  # what sealing adds to a frame, and more
REQUEST_TIMEOUT_SECONDS: Final = 10
KEEP_ALIVE_SECONDS: Final = 15
PING_SECONDS: Final = 30
CLOSE_GRACE_SECONDS: Final = 2.0
STOP_GRACE_SECONDS: Final = 0.5
STOP_TIMEOUT_SECONDS: Final = 1
SERVICE_RESTART: Final = 1012
MESSAGE_TOO_BIG: Final = 1009


class HubWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that the application can watch and end, as `scope["extensions"]["accord"]`.

    In uvicorn 0.54 `send` waits while 64 KiB are unsent, so an application cannot close a client that has stopped
    reading; and a closed transport waits for ever for what is unsent. Here each ending has a deadline, after which the
    connection is aborted.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering = False
        fail = self.conn.fail

        def fail_with_ours(code: int, reason: str = "") -> None:
            fail(CloseCode.FRAME_TOO_BIG if code == MESSAGE_TOO_BIG else code, reason)

        setattr(self.conn, "fail", fail_with_ours)  # noqa: B010 - the library has no hook for its close codes

    # For the application

    def waiting_bytes(self) -> int:
        """How much of what was sent the client has not taken yet."""
        return self.transport.get_write_buffer_size()

    def kick(self, code: int, reason: str = "", grace: float = CLOSE_GRACE_SECONDS) -> None:
        """Send a close behind what waits, and abort after `grace` seconds. Never waits itself."""
        if not self.close_sent and self.handshake_complete and not self.transport.is_closing():
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self._linger(grace)

    def write_at_once(self, frames: bytes) -> bool:
        """Write whole frames past `send`, which makes their bytes anew for every client, if the transport is free."""
        if self.disconnected or self.close_sent or not self.writable.is_set() or self.transport.is_closing():
            return False
        self.transport.write(frames)
        return True

    # Endings

    def _linger(self, grace: float = CLOSE_GRACE_SECONDS) -> None:
        """Take nothing more from the client but its answer to our close; abort after `grace` seconds."""
        self.stop_keepalive()
        self.close_sent = self.disconnected = self._lingering = True  # a later send raises ClientDisconnected
        self.writable.set()  # ... and so does one that waits
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(grace, self.transport.abort)

    def _abort_later(self) -> None:
        if self.close_timer is None and self in self.connections:
            self.close_timer = self.loop.call_later(CLOSE_GRACE_SECONDS, self.transport.abort)

    def _receive_close(self, data: bytes) -> None:
        if self.conn.close_rcvd is not None or self.conn.parser_exc is not None:
            return
        self.conn.receive_data(data)
        for event in self.conn.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self.transport.close()

    # What uvicorn calls

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # the application's task has not run yet
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions["accord"] = self

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._receive_close(data)
        else:
            super().data_received(data)

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS:
            self.frames = []
            self.kick(CloseCode.FRAME_TOO_BIG)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # drops the pong: a client that does not read must not make us hoard them

    def handle_parser_exception(self) -> None:
        sent = self.conn.close_sent
        assert sent is not None  # noqa: S101 - the parser has failed the connection
        self.queue.put_nowait({"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._linger()  # closing at once would reset the connection over unread data, and the close would be lost

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._abort_later()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._abort_later()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            self.kick(SERVICE_RESTART, grace=STOP_GRACE_SECONDS)
        else:
            super().shutdown()


class HubHttp(H11Protocol):
    """A connection brings each request, head and body, within REQUEST_TIMEOUT_SECONDS, or is dropped.

    uvicorn 0.54 limits only the pause between two requests. The head's size is limited by h11 itself.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(REQUEST_TIMEOUT_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.conn.their_state is h11.IDLE:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT_SECONDS, self.transport.abort)
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._cancel_deadline()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._cancel_deadline()  # the connection is the WebSocket's now
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class HubServer(uvicorn.Server):
    """Calls `ready` when it serves and signals would stop it in order; stopping ends with exit code 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note that the server shall stop.

        uvicorn would raise the signal again at the end, and leave out the order at a second one; but every step of the
        stop is bounded, and terminals send some signals twice.
        """
        self.should_exit = True


def serve(listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve the hub on a listening socket until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        "accord_hub.asgi:application",
        http=HubHttp,
        ws=HubWebSocket,
        lifespan="on",
        ws_max_size=MAX_FRAME_BYTES + SEALING_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_TIMEOUT_SECONDS,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
    )
    HubServer(config, ready).run(sockets=[listener])
