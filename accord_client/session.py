"""A client that stays logged in: reconnects, renews its certificate, keeps what is to be sent (protocol.md sections 2,
3 and 8).

    offline -> connecting -> online -> waiting -> connecting ...      any of them -> stopped

Stopped is for good: the hub's key is another one (the pin is never moved), or the device was revoked or the account
removed. Subscriptions that survive all this are in subscription.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Any, Final, TypeVar

from accord import certs
from accord.errors import AccordError, CloseCode, RemoteError
from accord_client.carrying import keep_blessed
from accord_client.connection import Connection, connect
from accord_client.discovery import hub_document
from accord_client.errors import ClientError, ConnectionLost, HubUnreachable, LoginRefused, Stopped
from accord_client.outbox import Outbox, SendResult
from accord_client.profile import Profile, ProfileStore

RENEW_BEFORE_MS: Final = 2 * 60 * 1000
STEADY_SECONDS: Final = 10
FLOOD_PAUSE_SECONDS: Final = 5
MAX_OWN_FAULTS: Final = 3
LOOK_EVERY_FAILURES: Final = 10

KEY_CHANGED: Final = (
    "the hub's key has changed: either this is another hub that answers in its place, or it was set up anew. Ask its "
    "operator by other means, and join again with a new invite if it is so"
)
REVOKED: Final = "the hub has ended this session: this device was revoked, or the account was removed"
REMOVED: Final = "this account has been removed from the hub"
REPLACED: Final = "this account has another key now: log in with that one"

log = logging.getLogger(__name__)
T = TypeVar("T")


def ended(reason: str, until: int) -> str:
    """What to tell a person whose login a hub refuses, or whose session it ends, for good; `until` in ms, 0: unsaid."""
    if reason == "frozen" and until:
        when = datetime.fromtimestamp(until / 1000, tz=UTC)
        return f"this account is being removed; until {when:%Y-%m-%d %H:%M} UTC whoever does that can take it back"
    return {"removed": REMOVED, "replaced": REPLACED}.get(reason, REVOKED)


class State(Enum):
    """Where a client stands."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    ONLINE = "online"
    WAITING = "waiting"
    STOPPED = "stopped"


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.OFFLINE: frozenset({State.CONNECTING, State.STOPPED}),
    State.CONNECTING: frozenset({State.ONLINE, State.WAITING, State.STOPPED}),
    State.ONLINE: frozenset({State.CONNECTING, State.WAITING, State.STOPPED}),
    State.WAITING: frozenset({State.CONNECTING, State.STOPPED}),
    State.STOPPED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between tries: from `first_seconds`, doubling to `most_seconds`, each times 0.5 to 1."""

    first_seconds: float = 0.5
    most_seconds: float = 30.0

    def delays(self) -> Iterator[float]:
        jitter, seconds = secrets.SystemRandom(), self.first_seconds
        while True:
            yield seconds * jitter.uniform(0.5, 1)
            seconds = min(seconds * 2, self.most_seconds)


DEFAULT_BACKOFF: Final = Backoff()


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def fresh_certificate(profile: Profile, now: int) -> dict[str, Any]:
    """The user's certificate for this device on this hub, good for certs.DEFAULT_LIFE_MS."""
    return certs.issue(profile.user, client=profile.device.public, servers=[profile.hub], issued_at=now)


def is_good(certificate: dict[str, Any] | None, profile: Profile, now: int) -> bool:
    """Whether a kept certificate can serve for another half of its life."""
    try:
        checked = certs.verify_certificate(certificate, server=profile.hub, now=now)
    except RemoteError:
        return False
    half = (checked.expiration - checked.issued_at) // 2
    return (
        checked.user == profile.user.public
        and checked.client == profile.device.public
        and checked.issued_at <= now <= checked.issued_at + half
    )


class Client:
    """A profile's lasting session. Use it as an async context manager; `notice` gets sentences for the person."""

    def __init__(
        self,
        profile: Profile,
        store: ProfileStore | None = None,
        *,
        notice: Callable[[str], None] = log.warning,
        backoff: Backoff = DEFAULT_BACKOFF,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.profile = profile
        self.store = store
        self.clock = clock
        self.state = State.OFFLINE
        self.outbox = Outbox(self._tell)
        self.notice = notice
        self._backoff = backoff
        self._connection: Connection | None = None
        self._stopped: Exception | None = None
        self._last_failure = "no connection yet"
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        self._task = asyncio.create_task(self._run(), name="accord client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Log out; what was not sent stays unsent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._stopped is None:
            self._stop(Stopped("the client was closed"))

    # ------------------------------------------------------------------------------------------- for those who use it

    async def connected(self) -> Connection:
        """The session, as soon as there is one; Stopped when there will be none."""
        while True:
            if self._stopped is not None:
                raise self._stopped
            if self._connection is not None and not self._connection.closed:
                return self._connection
            changed = self._changed
            await changed.wait()

    async def connected_within(self, seconds: float) -> Connection:
        """The first session, or HubUnreachable with the reason of the last failure."""
        try:
            async with asyncio.timeout(seconds):
                return await self.connected()
        except TimeoutError:
            raise HubUnreachable(f"the hub at {self.profile.url} cannot be reached: {self._last_failure}") from None

    async def call(self, operation: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something that may be done twice (a read); again on the next session when this one ends under it."""
        while True:
            connection = await self.connected()
            try:
                return await operation(connection)
            except ConnectionLost:
                await connection.wait_closed()

    async def post(self, envelope: dict[str, Any]) -> asyncio.Future[SendResult]:
        """Put a message into the outbox; the future has the hub's answer. Messages go out in the order of the calls."""
        if self._stopped is not None:
            raise self._stopped
        return await self.outbox.put(envelope)

    async def send(self, envelope: dict[str, Any]) -> SendResult:
        """Send a message and wait for the hub's answer, over as many connections as it takes."""
        return await asyncio.shield(await self.post(envelope))

    # --------------------------------------------------------------------------------------------- the session itself

    def _tell(self, sentence: str) -> None:
        self.notice(sentence)

    def _become(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"client: {self.state.value} cannot become {state.value}")
        log.debug("client: %s -> %s", self.state.value, state.value)
        self.state = state
        self._changed.set()  # each waiter holds the event that it saw; the next one is new
        self._changed = asyncio.Event()

    def _stop(self, error: Exception) -> None:
        self._stopped = error
        self._connection = None
        self.outbox.fail(error)
        if self.state is not State.STOPPED:
            self._become(State.STOPPED)

    async def _run(self) -> None:
        delays, faults, failures, told = self._backoff.delays(), 0, 0, False
        try:
            while True:
                self._become(State.CONNECTING)
                started = time.monotonic()
                try:
                    connection = await self._log_in()
                    failures = 0
                    if told:
                        self.notice("connected to the hub")
                        told = False
                    code = await self._serve(connection)
                    self._last_failure = f"the connection ended ({code})"
                    faults = faults + 1 if code in (CloseCode.UNPARSABLE, CloseCode.FRAME_TOO_BIG) else 0
                except HubUnreachable as error:
                    self._last_failure, code = str(error), 0
                    if not told:  # a session that merely ends is most often back before anyone has read of it
                        self.notice(f"no connection to the hub ({error}); trying again")
                        told = True
                    if failures % LOOK_EVERY_FAILURES == 0:
                        await self._look_for_hub()
                    failures += 1
                if faults == MAX_OWN_FAULTS:
                    raise Stopped(f"the hub does not understand this program ({code}): is one of them too old?")
                if time.monotonic() - started > STEADY_SECONDS:
                    delays = self._backoff.delays()
                self._become(State.WAITING)
                await asyncio.sleep(max(next(delays), FLOOD_PAUSE_SECONDS if code == CloseCode.FLOOD else 0))
        except ClientError as error:
            self._stop(error)
        except Exception as error:
            self._stop(error)
            raise

    async def _look_for_hub(self) -> None:
        """Ask the hub's signed document whether its WebSocket address is another one now; its key stays what it was."""
        try:
            ws = (await hub_document(self.profile.url, self.profile.hub)).ws
        except ClientError as error:
            log.debug("no news of the hub: %s", error)
            return
        if ws != self.profile.ws:
            log.debug("the hub has moved to %s", ws)
            self.profile = replace(self.profile, ws=ws)
            if self.store is not None:
                self.store.update(lambda profile: replace(profile, ws=ws))

    def _certificate(self, *, renew: bool = False) -> dict[str, Any]:
        now = self.clock()
        kept = self.profile.certificate
        if kept is not None and not renew and is_good(kept, self.profile, now):
            return kept
        certificate = fresh_certificate(self.profile, now)
        self.profile = replace(self.profile, certificate=certificate)
        if self.store is not None:
            self.store.update(lambda profile: replace(profile, certificate=certificate))
        return certificate

    async def _log_in(self) -> Connection:
        for renew in (False, True):
            certificate = self._certificate(renew=renew)
            try:
                return await connect(self.profile.ws, self.profile.device, certificate, self.profile.hub)
            except LoginRefused as error:
                if error.code == "wrong_server":
                    raise Stopped(KEY_CHANGED) from error
                if not error.authenticated or error.code in ("busy", "rate", "internal"):
                    raise HubUnreachable(f"it refused the login: {error.code}") from error
                if error.code != "unauthorized":
                    raise Stopped(ended(error.reason, error.until)) from error
            except RemoteError as error:
                if error.code == "wrong_server":
                    raise Stopped(KEY_CHANGED) from error
                raise HubUnreachable(f"what answers is not a hub of this protocol ({error})") from error
        raise Stopped("the hub refuses this device's certificate: was it revoked, or is this computer's clock wrong?")

    async def _serve(self, connection: Connection) -> int:
        """Be online until the connection ends; gives the close code."""
        self._connection = connection
        self._become(State.ONLINE)
        expires: int = (self.profile.certificate or {}).get("expiration", 0)
        pump = asyncio.create_task(self.outbox.pump(connection))
        carry = asyncio.create_task(keep_blessed(connection, self.profile.user, self.clock))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(expires - RENEW_BEFORE_MS - self.clock(), 1_000) / 1000):
                    await asyncio.wait(
                        [pump, asyncio.ensure_future(connection.wait_closed())], return_when=asyncio.FIRST_COMPLETED
                    )
        finally:
            self._connection = None
            await connection.close()
            pump.cancel()
            carry.cancel()
            await asyncio.wait([pump, carry])
        self._look_at(pump)
        self._look_at(carry)
        end = await connection.wait_closed()
        if end.code == CloseCode.REVOKED and expires > self.clock():
            bye = connection.farewell
            raise Stopped(ended(bye.reason, bye.until) if bye is not None else REVOKED)
        return end.code

    @staticmethod
    def _look_at(pump: asyncio.Task[None]) -> None:
        error = None if pump.cancelled() else pump.exception()
        if isinstance(error, AccordError):
            log.warning("the hub's answer makes no sense: %s", error)
        elif error is not None and not isinstance(error, ConnectionLost):
            raise error
