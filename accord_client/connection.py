"""One logged-in WebSocket session with a hub (protocol.md sections 3 and 4).

    async with await connect(ws, device_key, certificate, hub_key) as connection:
        rows = await connection.topics()
        async for event in connection: ...

Every delivered message is parsed and verified here before anyone sees it. When a reader is slow the socket is not read,
so the hub sees it and closes with 4408 in time. Not here: reconnecting, certificates, resuming (session.py,
subscription.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from accord import login
from accord.encoding import b64encode, parse_json
from accord.errors import AccordError, CloseCode, RemoteError
from accord.frames import MAX_FRAME_BYTES
from accord.keys import SigningKey
from accord.login import read_reason
from accord.messages import parse_envelope, verify
from accord.topics import Topic
from accord_client.errors import ConnectionLost, HubUnreachable
from accord_client.events import Bye, Closed, Deliver, Event, Live, Page, Signal, TopicAdded, TopicGone
from accord_client.wire import close_code, log_in, open_socket, publish_batches, refusal

MAX_WAITING_EVENTS: Final = 1_000
MAX_TOPIC_PAGES: Final = 10_000
REQUEST_TIMEOUT_SECONDS: Final = 60

ANSWERS: Final = {
    "publish": "published",
    "topics": "topics",
    "subscribe": "subscribed",
    "unsubscribe": "unsubscribed",
    "fetch": "page",
    "pow": "challenge",
    "token": "token",
    "serve": "served",
    "blob": "blob_part",
    "root": "root_is",
    "space": "space_is",
}

log = logging.getLogger(__name__)

# Is given each frame and its size before anything else is; True: it was taken. The socket is not read meanwhile.
Taker = Callable[[dict[str, Any], int], Awaitable[bool]]


async def connect(
    ws: str,
    client_key: SigningKey,
    certificate: dict[str, Any] | None,
    expected_hub_key: bytes | None,
    sealed: bool = True,
    address: str | None = None,
    taker: Taker | None = None,
) -> Connection:
    """Open the programs' route `ws` and log in, within HANDSHAKE_TIMEOUT_SECONDS; without a certificate as a guest.

    `address` stands for the host of `ws`: what a name meant when it was checked.
    LoginRefused (the hub said no), RemoteError (it is not to be talked to; wrong_server where its key is not the
    expected one), HubUnreachable (no hub there now).
    """
    connection: Connection | None = None
    socket: ClientConnection | None = None
    try:
        async with asyncio.timeout(login.HANDSHAKE_TIMEOUT_SECONDS):
            socket = await open_socket(ws, address=address)
            machine = login.ClientLogin(client_key, certificate=certificate, expected=expected_hub_key, sealed=sealed)
            connection = Connection(socket, machine, await log_in(socket, machine), taker)
        return connection
    except TimeoutError as error:
        raise HubUnreachable(f"no answer in {login.HANDSHAKE_TIMEOUT_SECONDS} seconds") from error
    except ConnectionClosed as error:
        raise ConnectionLost("the hub closed the connection during the login", close_code(error)) from error
    except (
        OSError,
        WebSocketException,
        ImportError,
    ) as error:  # ImportError: a SOCKS proxy is set, its library not there
        raise HubUnreachable(str(error) or type(error).__name__) from error
    finally:
        if connection is None and socket is not None:
            socket.transport.abort()


class Connection:
    """A session. Requests may come from any task of the loop; events have one reader, and end with Closed."""

    def __init__(
        self,
        socket: ClientConnection,
        machine: login.ClientLogin,
        outcome: login.LoggedIn,
        taker: Taker | None = None,
    ) -> None:
        self.hub = outcome.server
        self.result = outcome.result
        self.store = str(outcome.result.get("store", ""))
        self.end: Closed | None = None
        self.farewell: Bye | None = None  # what the hub has said of the session's end
        self.linked = asyncio.Event()  # set when the hub says that it is linked with others than before
        self._socket = socket
        self._taker = taker
        self._sealer, self._opener = machine.sealer, machine.opener
        self._sending = asyncio.Lock()
        self._ref = 0
        self._pending: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._has_reader = False
        self._reader = asyncio.create_task(self._read(), name="accord connection")

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        return self.end is not None

    async def close(self) -> None:
        """End the session; what waits for an answer gets ConnectionLost."""
        self._has_reader = False  # nothing more is read, so nothing may hold the socket's reader back
        self._room.set()
        await self._socket.close()
        await self.wait_closed()

    async def wait_closed(self) -> Closed:
        """Return when the session has ended, with how."""
        await asyncio.wait([self._reader])
        assert self.end is not None  # noqa: S101 - set by the reader whatever happened
        return self.end

    # ------------------------------------------------------------------------------------------------------- requests

    async def request(self, type: str, **fields: Any) -> dict[str, Any]:
        """Ask, and give the answer with the same ref. AccordError (the hub refused), ConnectionLost."""
        ref = self.next_ref()
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if self.end is not None:
            raise self._lost()
        self._pending[ref] = (ANSWERS.get(type, ""), future)
        self._room.set()
        try:
            await self.send({"type": type, "ref": ref, **fields})
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                return await future
        except TimeoutError as error:
            self._socket.transport.abort()
            raise ConnectionLost(f"no answer to {type} in {REQUEST_TIMEOUT_SECONDS} seconds") from error
        finally:
            self._pending.pop(ref, None)
            if future.done() and not future.cancelled():
                future.exception()  # looked at: where the sending failed nobody awaits it

    def next_ref(self) -> int:
        """A number that no other request of this session has."""
        self._ref += 1
        return self._ref

    async def publish(
        self, envelopes: list[dict[str, Any]], pow: list[dict[str, Any]] | None = None
    ) -> list[dict[str, Any]]:
        """Publish in order, as many frames as it takes; gives one `{id?, status, code?}` an envelope."""
        results: list[dict[str, Any]] = []
        work = {"pow": pow} if pow else {}
        for batch in publish_batches(envelopes):
            answer = await self.request("publish", messages=batch, **work)
            got = answer.get("results")
            if not isinstance(got, list) or len(got) != len(batch) or not all(isinstance(item, dict) for item in got):
                raise RemoteError("bad_request", "published: one result a message expected")
            results += got
        return results

    async def topics(self) -> list[dict[str, Any]]:
        """Every topic that the session may read."""
        rows: list[dict[str, Any]] = []
        after: dict[str, Any] = {}
        for _ in range(MAX_TOPIC_PAGES):
            answer = await self.request("topics", **after)
            got = answer.get("topics")
            if not isinstance(got, list):
                raise RemoteError("bad_request", "topics: list expected")
            rows += [row for row in got if isinstance(row, dict) and isinstance(row.get("topic"), str)]
            if not got or not answer.get("more"):
                break
            after = {"after": rows[-1]["topic"]}
        return rows

    async def subscribe(
        self,
        *,
        topics: list[str] | None = None,
        keys: list[bytes] | None = None,
        messages: list[bytes] | None = None,
        since: int | None = None,
        store: str | None = None,
    ) -> tuple[int, int]:
        """Have messages delivered; with `since` (a cursor of `store`) first those after it, up to a Live event.

        Gives the subscription's ref, which its Live event carries, and the hub's cursor. AccordError("conflict"):
        `since` means nothing here.
        """
        self._has_reader = True
        wanted: dict[str, Any] = {}
        if topics:
            wanted["topics"] = topics
        if keys:
            wanted["keys"] = [b64encode(key) for key in keys]
        if messages:
            wanted["messages"] = [b64encode(ident) for ident in messages]
        if since is not None:
            wanted.update(since=since, store=store or self.store)
        answer = await self.request("subscribe", **wanted)
        return int(answer["ref"]), _cursor(answer)

    async def unsubscribe(
        self, *, topics: list[str] | None = None, keys: list[bytes] | None = None, messages: list[bytes] | None = None
    ) -> None:
        await self.request(
            "unsubscribe",
            topics=topics or [],
            keys=[b64encode(key) for key in keys or []],
            messages=[b64encode(ident) for ident in messages or []],
        )

    async def fetch(
        self, topic: Topic, *, before: str | None = None, after: str | None = None, limit: int = 100
    ) -> Page:
        """A page of a topic, verified; `before` and `after` are `next` of an earlier page."""
        where = {name: value for name, value in (("before", before), ("after", after)) if value is not None}
        answer = await self.request("fetch", topic=topic.name, limit=limit, **where)
        messages = [item for item in self._verified(answer.get("messages")) if item.message.topic == topic]
        following = answer.get("next")
        return Page(messages, following if isinstance(following, str) else None, answer.get("more") is True)

    async def signal(self, to: str, body: Any) -> None:
        """Say something of the moment; there is no answer."""
        await self.send({"type": "signal", "to": to, "body": body})

    async def pow(self, key: bytes, purpose: str = "mail") -> dict[str, Any]:
        """A challenge for messages of `key` (section 10); accord.pow.solve solves it."""
        answer = await self.request("pow", purpose=purpose, key=b64encode(key))
        challenge = answer.get("challenge")
        if not isinstance(challenge, dict):
            raise RemoteError("bad_request", "challenge: object expected")
        return challenge

    async def send(self, frame: dict[str, Any]) -> int:
        """Send a frame that has no answer here; gives its size in bytes. ConnectionLost, AccordError("too_big")."""
        return await self.send_data(orjson.dumps(frame))

    async def send_data(self, data: bytes) -> int:
        """The same for a frame that is JSON already."""
        if len(data) > MAX_FRAME_BYTES:
            raise AccordError("too_big", "the request does not fit a frame")
        try:
            async with self._sending:  # frames go out in the order of their counters
                if self._sealer is None:
                    await self._socket.send(data, text=True)
                else:
                    await self._socket.send(self._sealer.seal(data))
        except ConnectionClosed as error:
            raise self._lost(error) from error
        return len(data)

    def _lost(self, error: ConnectionClosed | None = None) -> ConnectionLost:
        code = self.end.code if self.end else close_code(error) if error else 1006
        return ConnectionLost(f"the connection to the hub ended ({code})", code)

    # --------------------------------------------------------------------------------------------------------- events

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> Event:
        self._has_reader = True
        while not self._events:
            if self.end is not None:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        self._room.set()
        return self._events.popleft()

    async def _read(self) -> None:
        end = Closed(1006, "")
        try:
            while True:
                raw = await self._socket.recv()
                frame = self._decode(raw)
                if self._taker is None or not await self._taker(frame, len(raw)):
                    self._dispatch(frame)
                    await self._wait_for_room()
        except ConnectionClosed as error:
            end = Closed(close_code(error), error.rcvd.reason if error.rcvd else "")
        except RemoteError as error:
            log.warning("the hub sent a frame that cannot be read: %s", error)
            end = Closed(CloseCode.UNPARSABLE, error.detail)
            self._socket.transport.abort()
        finally:
            self._finish(end)

    def _finish(self, end: Closed) -> None:
        self.end = end
        self._events.append(end)
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(self._lost())
        self._changed.set()

    def _decode(self, raw: str | bytes) -> dict[str, Any]:
        if self._opener is not None:
            if isinstance(raw, str):
                raise RemoteError("bad_request", "a sealed frame expected")
            raw = self._opener.open(raw)
        elif isinstance(raw, bytes):
            raise RemoteError("bad_request", "a text frame expected")
        frame = parse_json(raw, max_bytes=MAX_FRAME_BYTES)
        if type(frame) is not dict:
            raise RemoteError("bad_request", "a frame is an object")
        return frame

    async def _wait_for_room(self) -> None:
        # An open request is never held up: who reads events may be the one that waits for its answer.
        while self._has_reader and len(self._events) >= MAX_WAITING_EVENTS and not self._pending:
            self._room.clear()
            await self._room.wait()
        while not self._has_reader and len(self._events) > MAX_WAITING_EVENTS:
            self._events.popleft()

    def _dispatch(self, frame: dict[str, Any]) -> None:
        kind, ref = frame.get("type"), frame.get("ref")
        if kind == "deliver":
            self._events.extend(self._verified(frame.get("messages")))
        elif kind == "live":
            self._events.append(Live(ref if type(ref) is int else 0, _cursor(frame)))
        elif kind == "topic_added":
            self._events.append(TopicAdded({name: item for name, item in frame.items() if name != "type"}))
        elif kind == "linked":
            self.linked.set()
        elif kind == "topic_gone":
            self._events.append(TopicGone(str(frame.get("topic"))))
        elif kind == "signal" and ref is None:
            at = frame.get("at")
            sender, to = str(frame.get("from")), str(frame.get("to"))
            self._events.append(Signal(sender, to, frame.get("body"), at if type(at) is int else 0))
        elif kind == "bye":
            self.farewell = Bye(str(frame.get("code")), **read_reason(frame))
            self._events.append(self.farewell)
        elif type(ref) is int and ref in self._pending:
            self._answer(ref, frame)
        elif kind == "error":
            log.warning("the hub reports an error: %s", refusal(frame))
        else:
            log.debug("a frame of type %.64r is not understood", kind)
        self._changed.set()

    def _answer(self, ref: int, frame: dict[str, Any]) -> None:
        expected, future = self._pending.pop(ref)
        if future.done():
            return
        if frame.get("type") == "error":
            future.set_exception(refusal(frame))
        elif expected and frame.get("type") != expected:
            future.set_exception(RemoteError("bad_request", f"{expected} expected as the answer"))
        else:
            future.set_result(frame)

    def _verified(self, rows: object) -> list[Deliver]:
        """The messages of a frame that are what they say; others are dropped with a warning."""
        found = []
        for row in rows if isinstance(rows, list) else []:
            try:
                if type(row) is not dict:
                    raise RemoteError("bad_request", "{cursor, message} expected")
                found.append(Deliver(_cursor(row), verify(parse_envelope(row.get("message")))))
            except RemoteError as error:
                log.warning("a message from the hub is not valid and was dropped: %s", error)
        return found


def _cursor(value: dict[str, Any]) -> int:
    cursor = value.get("cursor")
    if type(cursor) is not int or cursor < 0:
        raise RemoteError("bad_request", "cursor: number expected")
    return cursor
