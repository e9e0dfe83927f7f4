"""Who is there and who is writing: signals, true for a moment and never stored (protocol.md section 4, `signal`)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import defaultdict
from typing import Any, Final

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError, RemoteError
from accord.topics import Topic, parse_topic
from accord_client.errors import ClientError, ConnectionLost
from accord_client.events import Signal
from accord_client.overview import Overview
from accord_client.session import State

TYPING_EVERY_SECONDS: Final = 4
TYPING_SHOWN_SECONDS: Final = 6
ONLINE_EVERY_SECONDS: Final = 120
FORGET_SECONDS: Final = 300
ANSWER_WITHIN_SECONDS: Final = 2
MAX_SINGLE_ANSWERS: Final = 3
STATES: Final = frozenset({"online", "away", "offline"})


class Signals:
    """Those of one session, in and out."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._typing: defaultdict[str, dict[bytes, float]] = defaultdict(dict)
        self._typed_at: dict[str, float] = {}
        self._there: dict[bytes, tuple[str, float]] = {}
        self._askers: set[bytes] = set()

    # ------------------------------------------------------------------------------------------------------- of others

    def take(self, signal: Signal) -> bytes | None:
        """Take what somebody signals; gives whom to answer that one is here."""
        try:
            author, topic = b64decode(signal.sender, 32), parse_topic(signal.to)
        except RemoteError:
            return None
        body: Any = signal.body
        if not isinstance(body, dict) or author == self._overview.me:
            return None
        if body.get("presence") in STATES:
            self._there[author] = str(body["presence"]), time.monotonic()
            self._overview.changed(None)
        if body.get("typing") is True:
            self._typing[self._home(topic, author)][author] = time.monotonic()
        return author if body.get("presence") in STATES and body.get("ask") is True else None

    def _home(self, topic: Topic, author: bytes) -> str:
        mine = Topic("user", self._overview.me)
        return Topic("user", author).name if topic == mine else self._overview.home_of(topic).name

    def spoke(self, name: str, author: bytes) -> None:
        """What somebody was writing has come."""
        self._typing[name].pop(author, None)

    def typing_in(self, name: str) -> list[bytes]:
        """Who is writing in a conversation now."""
        since = time.monotonic() - TYPING_SHOWN_SECONDS
        return sorted(key for key, at in self._typing[name].items() if at > since)

    def presence(self, key: bytes) -> str:
        """online, away or offline, as far as it is known."""
        if key == self._overview.me:
            return "online"
        state, at = self._there.get(key, ("offline", 0.0))
        return state if time.monotonic() - at < FORGET_SECONDS else "offline"

    # ------------------------------------------------------------------------------------------------------- one's own

    def is_news(self, name: str) -> bool:
        """Whether others do not know yet that something is being written in a conversation."""
        at = self._typed_at.get(name)
        return at is None or time.monotonic() - at >= TYPING_EVERY_SECONDS

    async def typing(self, name: str) -> None:
        """Something is being written in a conversation."""
        self._typed_at[name] = time.monotonic()
        await self._say(name, {"typing": True})

    def typed(self, name: str) -> None:
        """What was written has been sent."""
        self._typed_at.pop(name, None)

    async def answer(self, asker: bytes) -> None:
        """Tell who asks that one is here; many at once, as after a restart of the hub, in the lounge."""
        self._askers.add(asker)
        if len(self._askers) > 1:
            return
        await asyncio.sleep(secrets.SystemRandom().uniform(0, ANSWER_WITHIN_SECONDS))
        askers, self._askers = self._askers, set()
        if len(askers) > MAX_SINGLE_ANSWERS:
            await self._say_there({"presence": "online"})
            return
        for key in askers:
            await self._say(Topic("user", key).name, {"presence": "online"})

    def is_of_vault(self, signal: Signal) -> bool:
        """Whether another device of one's own says that there is something new in the vault."""
        is_mine = signal.sender == b64encode(self._overview.me)
        return is_mine and isinstance(signal.body, dict) and type(signal.body.get("vault")) is int

    async def tell_vault(self, version: int) -> None:
        """Tell one's other devices that there is something new in the vault."""
        await self._say(Topic("user", self._overview.me).name, {"vault": version})

    async def stay(self) -> None:
        """Say that one is here, without end."""
        ask: dict[str, Any] = {"ask": True}
        while True:
            await self._overview.client.connected()
            await self._say_there({"presence": "online", **ask})
            ask = {}
            await asyncio.sleep(ONLINE_EVERY_SECONDS)

    async def _say_there(self, body: dict[str, Any]) -> None:
        with contextlib.suppress(ClientError):  # a hub without an open channel
            await self._say(self._overview.directory.lounge().name, body)

    async def _say(self, to: str, body: dict[str, Any]) -> None:
        """A signal is worth no second try."""
        if self._overview.client.state is State.ONLINE:
            with contextlib.suppress(ConnectionLost, AccordError):
                await (await self._overview.client.connected()).signal(to, body)
