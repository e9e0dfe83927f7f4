"""Messages that come over HTTP: from a view's thread through the same pipeline as those of a socket (ingest.py)."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import Future
from typing import Any, Final

import orjson

from accord.encoding import b64encode
from messaging.admission import Publisher, Right
from messaging.batch import Result
from messaging.ingest import ResultHandler, Submission
from messaging.live import live
from peers import registry
from peers.callers import Caller
from peers.loop import loop_bridge
from peers.selectors import admin_account_id
from peers.sessions import Role, Session

MAX_PUBLISH_MESSAGES: Final = 100
STRANGER_STEP_SECONDS: Final = 0.25  # many times what storing takes

RIGHTS: Final = {
    Role.GUEST: Right.STRANGER,
    Role.TEMP: Right.CLAIM,
    Role.MEMBER: Right.OWN,
    Role.ADMIN: Right.ADMIN,
    Role.RELAY: Right.RELAY,
}


def result_bytes(result: Result) -> bytes:
    """A result as `published` and the API list it."""
    ident = b64encode(result.id) if result.id is not None else ""
    error = result.error
    if error is None:  # nearly all of them
        return b'{"status":"%b","id":"%b"}' % (result.status.encode(), ident.encode())
    value: dict[str, Any] = {"status": result.status, "code": error.code}
    if ident:
        value["id"] = ident
    if error.detail:
        value["detail"] = error.detail
    if error.retry_ms is not None:
        value["retry_ms"] = error.retry_ms
    if error.tries is not None:
        value["tries"] = error.tries
    return orjson.dumps(value)


def paced(publisher: Publisher, answer: ResultHandler) -> ResultHandler:
    """A stranger's answer comes at a whole multiple of STRANGER_STEP_SECONDS from now: storing takes longer than
    dropping, and what was dropped shall not show.
    """
    if publisher.right is not Right.STRANGER:
        return answer
    loop = asyncio.get_running_loop()
    begun = loop.time()

    def later(results: list[Result]) -> None:
        steps = math.ceil((loop.time() - begun) / STRANGER_STEP_SECONDS)
        loop.call_at(begun + steps * STRANGER_STEP_SECONDS, answer, results)

    return later


def messages_submit(envelopes: list[Any], publisher: Publisher, proofs: dict[str, dict[str, Any]]) -> list[Result]:
    """Publish and wait until all are durable or refused; AccordError("busy") when too much waits."""

    def begin(future: Future[list[Result]]) -> None:
        def answer(results: list[Result]) -> None:
            if not future.cancelled():  # the hub is stopping
                future.set_result(results)

        live().ingest.submit(Submission(envelopes, publisher, proofs, paced(publisher, answer)))

    return loop_bridge.wait(begin)


def publisher_of(caller: Caller) -> Publisher:
    """On what ground a caller brings messages."""
    return Publisher(RIGHTS[caller.role], user=caller.bearer.user, account_id=caller.account_id)


def publisher_of_session(session: Session) -> Publisher:
    """On what ground a session brings messages."""
    link = session.client if session.role is Role.RELAY else None
    return Publisher(RIGHTS[session.role], user=session.user, account_id=session.account_id, link=link)


def publisher_of_link(hub: bytes) -> Publisher:
    """On what ground a hub brings messages that this one has dialled: its operator wanted that, and pays. Of this hub's
    own topic it brings nothing.
    """
    return Publisher(Right.RELAY, account_id=admin_account_id(), link=hub)


def message_submit(caller: Caller, envelope: dict[str, Any]) -> None:
    """Publish one message; raises the AccordError that refuses it."""
    result = messages_submit([envelope], publisher_of(caller), {})[0]
    if result.error:
        raise result.error


registry.publish.append(message_submit)
