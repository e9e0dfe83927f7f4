"""The live socket: login, then frames, until either side leaves (protocol.md sections 3 and 4).

Routed by Channels, but with a receive loop of its own: Channels' consumer costs 110 us a frame before any work, this
one 5 us. Not here: what frames mean; the apps above register that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import orjson
from django.conf import settings

from accord import login
from accord.certs import MAX_LIFE_MS, Certificate
from accord.encoding import b64encode
from accord.errors import AccordError, CloseCode, RemoteError
from accord.frames import MAX_FRAME_BYTES, FrameOpener
from accord.keys import fingerprint
from peers import registry
from peers.callers import NoStandingError, facts_of
from peers.clock import now_ms
from peers.counters import counters
from peers.db import in_db
from peers.keyring import keyring
from peers.models import Account
from peers.options import MAX_SOCKETS
from peers.origins import clear_frames_allowed
from peers.selectors import Member, former_keys, is_revoked, member_of, recovery_of
from peers.services import peer_seen
from peers.sessions import Role, Session, role_of, sessions
from peers.standing import reasons
from peers.wire import Wire

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SendEvent = Callable[[dict[str, Any]], Awaitable[None]]

LIMITS: Final = {"frame_bytes": MAX_FRAME_BYTES, "login_bytes": login.MAX_LOGIN_BYTES}


class LiveConsumer:
    """An ASGI application for one WebSocket route; `may_enter` decides by the handshake's headers."""

    connections = 0

    def __init__(self, may_enter: Callable[[Scope], bool]) -> None:
        self._may_enter = may_enter

    async def __call__(self, scope: Scope, receive: Receive, send: SendEvent) -> None:
        event = await receive()
        if event["type"] != "websocket.connect" or not self._may_enter(scope):
            await send({"type": "websocket.close", "code": 1008})  # before accept: the server answers 403
            return
        for start in registry.before_login:
            await start()
        await send({"type": "websocket.accept"})
        LiveConsumer.connections += 1
        try:
            session, opener = await self._log_in(scope, receive, send)
            if session is not None:
                await self._serve(session, opener, receive)
        finally:
            LiveConsumer.connections -= 1

    async def _log_in(
        self, scope: Scope, receive: Receive, send: SendEvent
    ) -> tuple[Session | None, FrameOpener | None]:
        try:
            async with asyncio.timeout(login.HANDSHAKE_TIMEOUT_SECONDS):
                if LiveConsumer.connections > MAX_SOCKETS.value:
                    raise AccordError("busy")
                return await self._handshake(scope, receive, send)
        except AccordError as error:
            counters.logins[error.code] += 1
            await send({"type": "websocket.send", "text": login.login_error(error.code).decode()})
            await send({"type": "websocket.close", "code": int(CloseCode.LOGIN)})
        except TimeoutError:
            counters.logins["timeout"] += 1
            await send({"type": "websocket.close", "code": int(CloseCode.LOGIN)})
        except _Left:
            counters.logins["left"] += 1
        return None, None

    async def _handshake(
        self, scope: Scope, receive: Receive, send: SendEvent
    ) -> tuple[Session | None, FrameOpener | None]:
        machine = login.ServerLogin(keyring().hub, allow_clear=clear_frames_allowed(scope))
        challenge = machine.receive(await _receive_text(receive), now_ms())
        assert isinstance(challenge, login.Send)  # noqa: S101 - the machine's first answer
        await send({"type": "websocket.send", "text": challenge.data.decode()})
        proved = machine.receive(await _receive_text(receive), now_ms())
        assert isinstance(proved, login.Proved)  # noqa: S101 - the machine's second answer
        try:
            member = await in_db(admit, proved)
        except AccordError as error:
            login_note(error.code, proved.certificate)
            await _send_login(send, machine.refuse(error.code, **facts_of(error)))
            await send({"type": "websocket.close", "code": int(CloseCode.REVOKED)})
            return None, None
        session = Session(
            send,
            scope.get("extensions", {}).get("accord") or Wire(),
            role=role_of(member, proved.certificate),
            client=proved.client,
            certificate=proved.certificate,
            account_id=member.account_id if member else None,
            former=member.former if member else frozenset(),
        )
        result, sealer, opener = machine.accept(login_result(session.handle, proved.certificate))
        session.seal_with(sealer)
        await _send_login(send, result)
        login_note(session.role.value, proved.certificate)
        return session, opener

    async def _serve(self, session: Session, opener: FrameOpener | None, receive: Receive) -> None:
        sessions.add(session)
        expiry = None
        if session.certificate:
            # From here on the loop's clock counts; the certificate's life bounds it whatever the wall clock does.
            life_ms = min(session.certificate.expiration - now_ms(), MAX_LIFE_MS)
            expiry = asyncio.get_running_loop().call_later(
                life_ms / 1000, session.close, CloseCode.REVOKED, "unauthorized"
            )
        writer = asyncio.create_task(session.write_frames())
        try:
            session.run(_recheck(session))
            for opened in registry.session_opened:
                opened(session)
            await self._read_frames(session, opener, receive)
        finally:
            if expiry:
                expiry.cancel()
            sessions.remove(session)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, RuntimeError):
                await writer
            await session.end()
            for closed in registry.session_closed:  # after its long answers, which could still subscribe
                closed(session)

    async def _read_frames(self, session: Session, opener: FrameOpener | None, receive: Receive) -> None:
        while True:
            event = await receive()
            if event["type"] != "websocket.receive":
                return
            if session.is_closing:
                continue
            raw = event.get("text") if opener is None else event.get("bytes")
            try:
                frame = _parse(raw, opener)
            except RemoteError as error:
                session.close(CloseCode.FRAME_TOO_BIG if error.code == "too_big" else CloseCode.UNPARSABLE, error.code)
                continue
            session.frame_size = len(raw or b"")
            await self._handle(session, frame)

    async def _handle(self, session: Session, frame: dict[str, Any]) -> None:
        type_ = frame.get("type")
        handler = registry.frame_handlers.get(type_) if isinstance(type_, str) else None
        try:
            if handler is None:
                raise RemoteError("unsupported", "this hub knows no such frame")
            await handler(session, frame)
        except AccordError as error:
            session.error(error, frame.get("ref"))
        except Exception:
            logger.exception("frame %s failed", type_)
            session.error(AccordError("internal", "the hub failed; it has written down why"), frame.get("ref"))


async def _recheck(session: Session) -> None:
    """Look again at what may have been revoked between the login's look and the session's registration.

    Not for a temporary account: it may have been claimed meanwhile by this very session, which waits for the answer.
    """
    if session.certificate is not None and session.role is not Role.TEMP:
        try:
            await in_db(admit_certificate, session.certificate)
        except AccordError as error:
            session.close(CloseCode.REVOKED, error.code, **facts_of(error))


def login_note(result: str, certificate: Certificate | None) -> None:
    """Count and write down how a login has ended: the role, or the code of the refusal. On the loop."""
    counters.logins[result] += 1
    user = fingerprint(certificate.user) if certificate else None
    logger.info("login: %s", result, extra={"user": user})


class _Left(Exception):
    """The client has gone during its login."""


async def _receive_text(receive: Receive) -> str:
    event = await receive()
    if event["type"] != "websocket.receive":
        raise _Left
    text = event.get("text")
    if text is None:
        raise RemoteError("bad_request", "login messages are text frames")
    return str(text)


async def _send_login(send: SendEvent, message: login.Send) -> None:
    if message.binary:
        await send({"type": "websocket.send", "bytes": message.data})
    else:
        await send({"type": "websocket.send", "text": message.data.decode()})


def _parse(raw: str | bytes | None, opener: FrameOpener | None) -> dict[str, Any]:
    if raw is None:
        raise RemoteError("bad_request", "text and binary frames are not mixed")
    if isinstance(raw, str) and len(raw) * 4 > MAX_FRAME_BYTES:
        raw = raw.encode()
    if opener is not None and isinstance(raw, bytes):
        raw = opener.open(raw)
    if len(raw) > MAX_FRAME_BYTES:
        raise RemoteError("too_big", f"frame of more than {MAX_FRAME_BYTES} bytes")
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RemoteError("bad_encoding", "not JSON") from error
    if type(frame) is not dict:
        raise RemoteError("bad_request", "a frame is an object")
    return frame


def admit(proved: login.Proved) -> Member | None:
    """The account behind a proved client, None for a guest; AccordError says why there is no session."""
    if proved.error is not None:
        raise proved.error
    if proved.certificate is None:
        if settings.IS_GOSSIP:
            raise AccordError("denied", "this hub has no guests")
        return None
    if settings.IS_GOSSIP and "mail" in proved.certificate.scope:
        raise AccordError("denied", "this hub has no guests")
    member = admit_certificate(proved.certificate)
    if member is not None:  # of strangers nothing is kept
        peer_seen(certificate=proved.certificate, now=now_ms())
    return member


def admit_certificate(certificate: Certificate) -> Member | None:
    """The account that a certificate opens now, None for a stranger's, who reads answers; AccordError: unauthorized
    (revoked), denied (no account).
    """
    if is_revoked(certificate.user, serial=certificate.serial, client=certificate.client):
        raise AccordError("unauthorized", "this certificate has been revoked")
    for check in registry.login_checks:
        check(certificate)
    now = now_ms()
    member = member_of(certificate.user, now=now) or recovery_of(certificate.user, now=now)
    if certificate.scope == ("mail",) or ("mail" in certificate.scope and member is None):
        if why := reasons(certificate.user, now):
            raise NoStandingError("no account here any more", why)
        return None
    if member is None:
        raise NoStandingError("no account here", reasons(certificate.user, now))
    if "login" not in certificate.scope and member.kind == Account.Kind.TEMP:
        raise AccordError("denied", "no account here")
    if settings.IS_GOSSIP and member.kind != Account.Kind.ADMIN:
        raise AccordError("denied", "this hub has no members")
    return replace(member, former=former_keys(certificate.user))


def login_result(handle: str, certificate: Certificate | None) -> dict[str, Any]:
    """The fields of login_result for a session that is let in."""
    result: dict[str, Any] = {"session": handle, "limits": dict(LIMITS)}
    if certificate:
        result["user"] = b64encode(certificate.user)
        result["scope"] = list(certificate.scope)
    for facts in registry.login_facts:
        result.update(facts())
    return result
