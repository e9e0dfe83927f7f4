"""A session of another hub that has dialled this one (protocol.md sections 4 and 5): what this side asks of it.

What the other side asks (subscribe, publish, fetch, serve) is answered as for any session. Not here: rights of a relay
(messaging).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from accord.errors import AccordError, CloseCode
from accord.topics import Topic
from accord_client.errors import ConnectionLost
from accord_client.wire import refusal
from links.holdings import Acquaintance
from links.peering import Peering
from messaging.reading import reader_of
from messaging.selectors import is_open, readable_topics
from peers.sessions import Session

ANSWERS: Final = {
    "publish": "published",
    "serve": "served",
    "blob": "blob_part",
    "root": "root_is",
    "space": "space_is",
}
ANSWER_SECONDS: Final = 60.0
TRY_AGAIN: Final = 1013
FIRST_REF: Final = 1 << 40  # numbers that the other side's own requests never reach


def comparable(session: Session, *, inboxes: bool) -> dict[Topic, int]:
    """What a session may read and therefore compare, with this hub's horizons. In a database thread."""
    rows = readable_topics(reader_of(session))
    if not inboxes:
        rows = rows.filter(kind__in=("feed", "chan"), is_private=False)
    return {Topic(kind, bytes(ident)): horizon for kind, ident, horizon in rows.values_list("kind", "ident", "horizon")}


class Served(Peering):
    """The side that was dialled."""

    def __init__(self, session: Session, known: Acquaintance) -> None:
        super().__init__(session.client, known)
        self.session = session
        self.gone = asyncio.Event()
        self._ref = FIRST_REF
        self._asked: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}

    async def send_data(self, data: bytes) -> int:
        """Queue a frame, once little waits; gives its size."""
        await self.session.drained()
        self.session.send_bytes(data)
        return len(data)

    def next_ref(self) -> int:
        """A number that nothing else that is asked of the other side has."""
        self._ref += 1
        return self._ref

    def comparable_open(self) -> Mapping[Topic, int]:
        """All that there is."""
        return comparable(self.session, inboxes=False)

    def carries_open(self, topic: Topic) -> bool:
        """Any feed, and the open channels that are known here."""
        return topic.kind == "feed" or (topic.kind == "chan" and is_open(topic))

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Send a frame and wait for its answer, which `answered` gets; AccordError, ConnectionLost."""
        ref = self.next_ref()
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[ref] = (ANSWERS[type_], future)
        try:
            await self.send({"type": type_, "ref": ref, **fields})
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        except TimeoutError as error:
            self.hang_up()
            raise ConnectionLost(f"no answer to {type_} in {ANSWER_SECONDS:.0f} seconds") from error
        finally:
            self._asked.pop(ref, None)

    def answered(self, frame: dict[str, Any]) -> bool:
        """Take the answer to something that was asked; False where nothing was."""
        ref = frame.get("ref")
        expected, future = self._asked.get(ref, ("", None)) if type(ref) is int else ("", None)
        if future is None or future.done():
            return False
        if frame.get("type") == "error":
            future.set_exception(refusal(frame))
        elif frame.get("type") == expected:
            future.set_result(frame)
        else:
            future.set_exception(AccordError("bad_request", f"{expected} expected as the answer"))
        return True

    def hang_up(self) -> None:
        """End the session soon; the other hub may dial again."""
        self.session.close(TRY_AGAIN)

    def refuse(self) -> None:
        """End the session: the operator has switched the link off."""
        self.session.close(CloseCode.REVOKED, "denied")

    def poke(self) -> None:
        """Ask the other side to compare."""
        self.session.send_json({"type": "poke"})
