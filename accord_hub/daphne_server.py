"""Daphne as `manage.py runserver` runs it, with the same endings as the hub's uvicorn.

Daphne 4.2.3 tells an application nothing of what a client has not read, cannot abort a connection, fills its queues
without limit, and fails while stopping when a connection has no application any more (`kill_all_applications`).
Not here: which address, and what is served.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from daphne import http_protocol, server, ws_protocol
from django.conf import settings
from twisted.internet import defer
from twisted.internet import reactor as twisted_reactor
from twisted.logger import ILogObserver, globalLogBeginner
from zope.interface import implementer  # type: ignore[import-untyped]

from accord.errors import CloseCode
from accord.frames import MAX_FRAME_BYTES
from accord_hub.limits import too_big
from accord_hub.uvicorn_server import (
    CLOSE_GRACE_SECONDS,
    KEEP_ALIVE_SECONDS,
    MAX_FRAGMENTS,
    PING_SECONDS,
    REQUEST_TIMEOUT_SECONDS,
    SEALING_BYTES,
    SERVICE_RESTART,
    STOP_GRACE_SECONDS,
    STOP_TIMEOUT_SECONDS,
)
from messaging.live import live_start, live_stop

MAX_WAITING_EVENTS: Final = 64
MAX_AT_ONCE_BACKLOG_BYTES: Final = 64 * 1024
NO_TIMEOUT: Final = -1
NORMAL_CLOSURE: Final = 1000
INTERNAL_ERROR: Final = 1011

logger = logging.getLogger(__name__)
reactor: Any = twisted_reactor  # which reactor it is, and so what it can do, is decided by Daphne

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]


class HubWebSocket(ws_protocol.WebSocketProtocol):
    """A WebSocket that the application can watch and end, as `scope["extensions"]["accord"]`."""

    muted: bool  # nothing more goes to the application; Daphne looks at it too
    reading_paused = False

    # For the application

    def waiting_bytes(self) -> int:
        """How much of what was sent the client has not taken yet."""
        transport = self.transport  # Twisted 26 has no public name for it
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen

    def kick(self, code: int, reason: str = "", grace: float = CLOSE_GRACE_SECONDS) -> None:
        """Send a close behind what waits, and abort after `grace` seconds. Never waits itself."""
        if not self.muted and hasattr(self, "application_queue"):
            self.muted = True
            self.application_queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.resume_reading()
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode() or None)
        reactor.callLater(grace, self._abort)

    def write_at_once(self, frames: bytes) -> bool:
        """Write whole frames past `sendMessage`, which makes their bytes anew for every client, if little waits."""
        if self.muted or self.state != self.STATE_OPEN or self.waiting_bytes() > MAX_AT_ONCE_BACKLOG_BYTES:
            return False
        self.transport.write(frames)
        return True

    async def receive(self) -> Event:
        """The application's next event; reading goes on when it has taken all that waited."""
        if self.application_queue.empty():
            self.resume_reading()
        return await self.application_queue.get()

    def resume_reading(self) -> None:
        """Read from the client again."""
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resumeProducing()

    def _abort(self) -> None:
        if self.state != self.STATE_CLOSED:
            self.transport.abortConnection()

    # What Daphne and autobahn call

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        if len(self.message_data) > MAX_FRAGMENTS and not self.failedByMe:
            self._fail_connection(CloseCode.FRAME_TOO_BIG, "too many fragments")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        super().onMessage(payload, isBinary)
        if not (self.muted or self.reading_paused) and self.application_queue.qsize() >= MAX_WAITING_EVENTS:
            self.reading_paused = True
            self.transport.pauseProducing()

    def onPing(self, payload: bytes) -> None:
        if self.waiting_bytes() < MAX_AT_ONCE_BACKLOG_BYTES:
            super().onPing(payload)

    def _max_message_size_exceeded(self, size: int, limit: int, reason: str) -> None:
        self._fail_connection(CloseCode.FRAME_TOO_BIG, reason)


class HubRequest(http_protocol.WebRequest):
    """An HTTP request that comes within REQUEST_TIMEOUT_SECONDS, with a body of a length that the hub takes."""

    def __init__(self, channel: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, **kwargs)
        self._deadline = reactor.callLater(REQUEST_TIMEOUT_SECONDS, channel.forceAbortClient)

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is None:  # in chunks, of any number
            self.channel._respondToBadRequestAndDisconnect()
        elif length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            kind, body = too_big(self.channel._path.decode("latin-1"))
            head = (
                b"HTTP/1.1 413 Content Too Large\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            )
            self.channel.transport.write(head % (kind, len(body)) + body)
            self.channel.loseConnection()

    def process(self) -> Any:
        self._cancel_deadline()
        return super().process()

    def connectionLost(self, reason: Any) -> None:
        self._cancel_deadline()
        super().connectionLost(reason)

    def _cancel_deadline(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()


class HubHttpFactory(http_protocol.HTTPFactory):
    """Makes the hub's requests."""

    def buildProtocol(self, addr: Any) -> Any:
        channel = super().buildProtocol(addr)
        channel.requestFactory = HubRequest
        return channel


class HubWebSocketFactory(ws_protocol.WebSocketFactory):
    """Makes the hub's WebSockets."""

    protocol = HubWebSocket


@implementer(ILogObserver)
def _drop_event(event: Event) -> None:
    """Twisted's own log: what the hub logs does not go through it."""


class HubServer(server.Server):
    """Serves a socket that listens already; calls `ready` when it serves and signals would stop it in order."""

    def __init__(
        self, application: Application, listener: socket.socket, ready: Callable[[], None], *, signal_handlers: bool
    ) -> None:
        super().__init__(
            self._run_application,
            endpoints=[f"fd:fileno={listener.fileno()}"],
            signal_handlers=signal_handlers,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            websocket_timeout=NO_TIMEOUT,
            server_name="",
        )
        self._hub = application
        self._listener = listener
        self._ready = ready
        self._start_error: Exception | None = None
        self._halting = False

    def run(self) -> None:
        """Serve until the reactor stops. In place of Daphne's `run`, which makes factories and sockets of its own."""
        globalLogBeginner.beginLoggingTo([_drop_event], redirectStandardIO=False, discardBuffer=True)
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = HubHttpFactory(self)
        self.http_factory.timeOut = KEEP_ALIVE_SECONDS
        self.ws_factory = HubWebSocketFactory(self, server=self.server_name)
        self.ws_factory.setProtocolOptions(
            allowNullOrigin=True,  # whether such a page may enter is the hub's to say
            autoPingTimeout=self.ping_timeout,
            closeHandshakeTimeout=CLOSE_GRACE_SECONDS,
            failByDrop=False,  # a client that breaks a rule is told so by the close's code
            maxMessagePayloadSize=MAX_FRAME_BYTES + SEALING_BYTES,
            maxFramePayloadSize=MAX_FRAME_BYTES + SEALING_BYTES,
            openHandshakeTimeout=self.websocket_handshake_timeout,
        )
        asyncio.set_event_loop(reactor._asyncioEventloop)
        self._listener.setblocking(False)  # Twisted accepts until there is nobody left, and would wait for the next one
        self._port = reactor.adoptStreamPort(self._listener.fileno(), self._listener.family, self.http_factory)
        reactor.callLater(0, self._starting)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        reactor.addSystemEventTrigger("before", "shutdown", self._stopping)
        if self.signal_handlers:  # Twisted would not take over an ignored SIGINT, as background jobs of a shell have it
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                reactor._asyncioEventloop.add_signal_handler(signal_number, self._halt)
        reactor.run(installSignalHandlers=False)
        if self._start_error:
            raise self._start_error

    def create_application(self, protocol: Any, scope: Event) -> asyncio.Queue[Event]:
        if isinstance(protocol, HubWebSocket):
            scope["extensions"] = {"accord": protocol}
        return super().create_application(protocol, scope)  # type: ignore[no-any-return]

    async def _run_application(self, scope: Event, receive: Receive, send: Send) -> None:
        """The hub's application; a WebSocket ends with it."""
        wire: HubWebSocket | None = scope.get("extensions", {}).get("accord")
        if wire is None:
            await self._hub(scope, receive, send)
            return
        code = INTERNAL_ERROR
        try:
            await self._hub(scope, wire.receive, send)
            code = NORMAL_CLOSURE
        finally:
            wire.kick(code)

    def _starting(self) -> None:
        self._start_task = asyncio.ensure_future(self._start())

    async def _start(self) -> None:
        try:
            await live_start()
            self._ready()
        except Exception as error:  # noqa: BLE001 - raised again by `run`
            self._start_error = error
            self._halt()

    def _halt(self) -> None:
        if not self._halting:
            self._halting = True
            reactor.stop()

    def _stopping(self) -> defer.Deferred[None]:
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._stop()))

    async def _stop(self) -> None:
        """Accept nothing more, close the WebSockets, let applications end, then what runs behind them."""
        self._port.stopListening()
        for protocol in list(self.connections):
            if isinstance(protocol, HubWebSocket):
                protocol.kick(SERVICE_RESTART, grace=STOP_GRACE_SECONDS)
        entries = self.connections.values()
        applications = [task for entry in entries if (task := entry.get("application_instance")) and not task.done()]
        if applications:
            await asyncio.wait(applications, timeout=STOP_TIMEOUT_SECONDS)
            for task in applications:
                task.cancel()
            await asyncio.gather(*applications, return_exceptions=True)
        try:
            await live_stop()
        except Exception:
            logger.exception("stopping failed")
