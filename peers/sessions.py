"""Live sessions of this process: who is connected, with what rights, and what waits to be sent to them (protocol.md
sections 3 and 4).

A session's frames wait in its own queue; a client that does not read is closed at a limit and loses nothing, since it
resumes by cursor. Not here: the handshake and the socket's loop (consumer.py), what frames mean (the apps that
registered them).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Any, Final

import orjson

from accord.certs import Certificate
from accord.errors import AccordError, CloseCode
from accord.frames import FrameSealer
from peers.clock import now_ms
from peers.selectors import Member
from peers.wire import BINARY, TEXT, SharedFrame, Wire, frame_bytes

MAX_WAITING_FRAMES: Final = 1_000
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
DRAINED_BYTES: Final = 256 * 1024
WRITE_BYTES: Final = 64 * 1024
MAX_TRANSPORT_BYTES: Final = 2 * 1024 * 1024
TRANSPORT_POLL_SECONDS: Final = 0.02
CLOSE_TIMEOUT_SECONDS: Final = 2
MAX_ERRORS: Final = 200
ERRORS_PER_SECOND: Final = 20


class Role(Enum):
    """What kind of session it is, after the table of section 4."""

    GUEST = "guest"
    TEMP = "temp"
    RELAY = "relay"  # another hub, for one of its users
    MEMBER = "member"
    ADMIN = "admin"


MEMBERS: Final = frozenset({Role.MEMBER, Role.ADMIN})
READERS: Final = MEMBERS | {Role.RELAY}
_ROLES: Final = {"admin": Role.ADMIN, "real": Role.MEMBER, "temp": Role.TEMP}


def role_of(member: Member | None, certificate: Certificate | None = None) -> Role:
    """What a session may do whose user has this account; under a certificate that is only for relays, what they may."""
    if member is None:
        return Role.GUEST
    if certificate is not None and "login" not in certificate.scope:
        return Role.RELAY
    return _ROLES[member.kind]


class TokenBucket:
    """A budget of `burst`, refilled at `per_second`."""

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._at = time.monotonic()

    def take(self) -> float:
        """Take one; gives 0, or the seconds until there is one again."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0


class Session:
    """One authenticated connection. All methods run on the event loop."""

    def __init__(
        self,
        send: Callable[[dict[str, Any]], Awaitable[None]],
        wire: Wire,
        *,
        role: Role,
        client: bytes,
        certificate: Certificate | None = None,
        account_id: int | None = None,
        former: frozenset[bytes] = frozenset(),
    ) -> None:
        self.handle = secrets.token_urlsafe(16)
        self.role = role
        self.client = client
        self.certificate = certificate
        self.user = certificate.user if certificate else None
        self.account_id = account_id
        self.former = former  # keys that the user's account had before: their inboxes are read too
        self.served: dict[bytes, int] = {}  # users whose inboxes a relay reads too, until when (ms)
        self.started_at = now_ms()
        self.frame_size = 0  # size of the received frame that is being handled
        self.state: dict[str, Any] = {}  # what the apps above keep for this connection, by app
        self._send = send
        self._wire = wire
        self._sealer: FrameSealer | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writing = False
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._close_code: int | None = None
        self._errors = TokenBucket(ERRORS_PER_SECOND, MAX_ERRORS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._abort: asyncio.TimerHandle | None = None

    # What others may do with a session

    def send_json(self, frame: dict[str, Any]) -> None:
        """Queue a frame."""
        self.send_bytes(orjson.dumps(frame))

    def send_bytes(self, frame: bytes) -> None:
        """Queue a frame that is JSON already; the same bytes object may go to many sessions."""
        if self._close_code is not None:
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        if len(self._waiting) > MAX_WAITING_FRAMES or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting.clear()
            self._close_code = CloseCode.SLOW_READER
            self._wire.kick(CloseCode.SLOW_READER)
        elif self._waiting_bytes > DRAINED_BYTES:
            self._drained.clear()
        self._wake.set()

    def send_shared(self, frame: SharedFrame) -> None:
        """Queue a frame that goes to many; or write it at once, where it is clear and nothing waits before it."""
        in_turn = self._waiting or self._writing or self._sealer is not None or self._close_code is not None
        if in_turn or not self._wire.write_at_once(frame.wire):
            self.send_bytes(frame.json)

    async def drained(self) -> None:
        """Wait until little is waiting: long answers are made at the reader's pace."""
        await self._drained.wait()

    def error(self, error: AccordError, ref: object = None) -> None:
        """Answer a frame with its refusal; whoever makes hundreds of them is closed."""
        frame: dict[str, Any] = {"type": "error", "code": error.code, "detail": error.detail}
        if type(ref) is int:
            frame["ref"] = ref
        if error.retry_ms is not None:
            frame["retry_ms"] = error.retry_ms
        self.send_json(frame)
        if self._errors.take():
            self.close(CloseCode.FLOOD)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a long answer beside the receive loop; it ends with the session."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def running(self) -> int:
        """How many long answers are under way."""
        return len(self._tasks)

    def close(self, code: int, bye: str | None = None, **facts: Any) -> None:
        """Close once what waits is sent, or after CLOSE_TIMEOUT_SECONDS; `bye` is a stable code sent before it, with
        `facts`: `reason` and `until` of section 3.
        """
        if self._close_code is not None:
            return
        if bye is not None:
            self.send_json({"type": "bye", "code": bye, **facts})
        self._close_code = code
        self._wake.set()
        self._abort = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_SECONDS, self._wire.kick, int(code))

    @property
    def is_closing(self) -> bool:
        return self._close_code is not None

    # What the consumer does with it

    def seal_with(self, sealer: FrameSealer | None) -> None:
        """From now on frames go out sealed (or clear, with None)."""
        self._sealer = sealer

    async def write_frames(self) -> None:
        """Send what is queued, until the session is closed; then send the close."""
        while True:
            self._writing = True  # nothing may overtake what has been taken from the queue
            while self._waiting:
                payloads = self._take_payloads()
                opcode = BINARY if self._sealer else TEXT
                if not self._wire.write_at_once(b"".join(frame_bytes(opcode, payload) for payload in payloads)):
                    await self._send_each(payloads)
                # Daphne's send never waits, and its transport says nothing when it has drained; uvicorn's send waits.
                while self._wire.waiting_bytes() > MAX_TRANSPORT_BYTES:  # noqa: ASYNC110
                    await asyncio.sleep(TRANSPORT_POLL_SECONDS)
            self._writing = False
            self._drained.set()
            if self._close_code is not None:
                await self._send({"type": "websocket.close", "code": int(self._close_code)})
                return
            self._wake.clear()
            await self._wake.wait()

    def _take_payloads(self) -> list[bytes]:
        """The next queued frames, sealed if so agreed, about WRITE_BYTES of them."""
        payloads = []
        size = 0
        while self._waiting and size < WRITE_BYTES:
            payload = self._waiting.popleft()
            self._waiting_bytes -= len(payload)
            size += len(payload)
            payloads.append(self._sealer.seal(payload) if self._sealer else payload)
        return payloads

    async def _send_each(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            if self._sealer:
                await self._send({"type": "websocket.send", "bytes": payload})
            else:
                await self._send({"type": "websocket.send", "text": payload.decode()})

    async def end(self) -> None:
        """Stop the long answers and wait for them."""
        if self._abort:
            self._abort.cancel()
        self._drained.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class SessionRegistry:
    """The sessions of this process, by handle and by user. Written on the loop; may be read in any thread."""

    def __init__(self) -> None:
        self._all: dict[str, Session] = {}
        self._by_user: dict[bytes, set[Session]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, session: Session) -> None:
        self._all[session.handle] = session
        if session.user:
            self._by_user.setdefault(session.user, set()).add(session)

    def remove(self, session: Session) -> None:
        self._all.pop(session.handle, None)
        if session.user and (same_user := self._by_user.get(session.user)):
            same_user.discard(session)
            if not same_user:
                del self._by_user[session.user]

    def find(self, handle: str) -> Session | None:
        """The session of a handle, unless it is being closed."""
        session = self._all.get(handle)
        return None if session is None or session.is_closing else session

    def all(self) -> list[Session]:
        """Every session, guests' too."""
        return list(self._all.values())

    def of_user(self, user: bytes) -> list[Session]:
        """The user's sessions here."""
        return list(self._by_user.get(user, ()))

    def readers(self) -> list[Session]:
        """The sessions that read for a claimed account: its own, and relays."""
        return [session for session in self.all() if session.role in READERS]

    def members(self) -> list[Session]:
        """The sessions with an account that has been claimed."""
        return [session for session in self.all() if session.role in MEMBERS]


sessions = SessionRegistry()
