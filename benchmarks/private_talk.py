"""Two people who talk in private: pages that connect, and a program that writes to a page as fast as it can."""

from __future__ import annotations

from typing import Any, Final

import orjson
from playwright.sync_api import Page

from accord import connections
from accord.bodies import create_encrypted
from accord.encoding import b64decode, b64encode, canonical
from accord.epochs import first_window_key, window_at, window_key_at
from accord.hpke import BoxKey
from accord.messages import create, parse_envelope
from benchmarks.members import Community, now_ms

PUBLISH: Final = 100
SESSION_MESSAGES: Final = 5_000  # a session of the bench answers no ping, so none may last
WORDS: Final = ("tide", "harbour", "lantern", "quarry", "meadow", "engine", "window", "letter", "copper", "winter")

CLIENT: Final = "document.querySelector('accord-conversation').client"
CALL: Final = f"([name, params]) => {CLIENT}.call(name, params)"
_STATE: Final = f"([key, state]) => {CLIENT}.state.connections[key]?.state === state"


def key_of(page: Page) -> str:
    """The user key of whoever is at a page."""
    return str(page.evaluate(f"() => {CLIENT}.state.me.key"))


def name_of(page: Page) -> str:
    """The account's name."""
    return str(page.evaluate(f"() => {CLIENT}.state.me.name"))


def open_direct(page: Page, key: str, name: str) -> None:
    """Show the conversation with somebody of that account name."""
    page.evaluate(CALL, ["direct.open", {"key": key}])
    page.get_by_role("navigation", name="Conversations").get_by_role("button", name=name).first.click()
    page.get_by_role("heading", level=1, name=name).wait_for(state="attached")


def connect_pages(one: Page, other: Page) -> None:
    """One asks, the other accepts; then both see the conversation."""
    keys, names = (key_of(one), key_of(other)), (name_of(one), name_of(other))
    one.evaluate(CALL, ["connection.ask", {"key": keys[1]}])
    other.wait_for_function(_STATE, arg=[keys[0], "asking"])
    other.evaluate(CALL, ["connection.accept", {"key": keys[0]}])
    for page, key, name in ((one, keys[1], names[1]), (other, keys[0], names[0])):
        page.wait_for_function(_STATE, arg=[key, "connected"])
        open_direct(page, key, name)


class Writer:
    """A member of a community who is connected with a page."""

    def __init__(self, community: Community, index: int, page: Page) -> None:
        self.user = community.members[index].user
        self.key = b64encode(self.user.public)
        self.name = community.name_of(index)
        self._connect = lambda: community.connect(index)
        self._session = self._connect()
        self._ref = 0
        half = BoxKey.generate()
        asked = connections.request_body(half.public, connections.new_conn_id())
        request = self._signed("connection.request", f"user:{key_of(page)}", asked)
        self._publish([request])
        page.wait_for_function(_STATE, arg=[self.key, "asking"])
        page.evaluate(CALL, ["connection.accept", {"key": self.key}])
        page.wait_for_function(_STATE, arg=[self.key, "connected"])
        accept = self._accept()
        one, two = parse_envelope(request), parse_envelope(accept)
        other = b64decode(orjson.loads(b64decode(accept["body"]))["conn_pub"])
        epoch = connections.connection_epoch(connections.connection_key(half, other, one, two), two.created_at)
        self.topic = connections.connection_topic(one.id, two.id)
        self._first, self._w0 = first_window_key(epoch.secret, epoch.w0), epoch.w0

    def _signed(self, type_: str, to: str, body: bytes) -> dict[str, Any]:
        return create(self.user, type=type_, to=to, body=body, created_at=now_ms())

    def _publish(self, envelopes: list[dict[str, Any]]) -> None:
        self._ref += 1
        answer = self._session.call({"type": "publish", "ref": self._ref, "messages": envelopes}, "published")
        assert all(result["status"] == "stored" for result in answer["results"]), answer["results"][:3]

    def _accept(self) -> dict[str, Any]:
        self._ref += 1
        topic = f"user:{self.key}"
        found = self._session.call({"type": "fetch", "ref": self._ref, "topic": topic, "limit": 10}, "page")
        accepts = [item["message"] for item in found["messages"]]
        return next(value for value in accepts if value["header"]["type"] == "connection.accept")

    def write(self, count: int) -> None:
        """So many sealed messages, each of words that a search finds often, and one that it finds once."""
        for start in range(0, count, PUBLISH):
            if start % SESSION_MESSAGES == 0:
                self._session.close()
                self._session = self._connect()
            numbers = range(start, min(start + PUBLISH, count))
            self._publish([self._sealed(number) for number in numbers])

    def _sealed(self, number: int) -> dict[str, Any]:
        at = now_ms()
        win = window_at(at, connections.WINDOW_MS)
        words = [WORDS[(number * step) % len(WORDS)] for step in (1, 3, 7)]
        return create_encrypted(
            self.user,
            type="chat.text",
            to=self.topic,
            body=canonical({"text": f"{' '.join(words)} no{number:06d}"}),
            created_at=at,
            epoch=connections.EPOCH,
            win=win,
            window_key=window_key_at(self._first, self._w0, win),
        )
