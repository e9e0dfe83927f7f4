"""What a hub says of a channel: asked over its socket by the hub's own admin, as any client of protocol.md may ask."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from accord import certs
from accord.encoding import b64decode
from accord.keys import SigningKey
from accord_client.connection import Connection, connect
from demo.hubs import DemoHub

MINUTE_MS: Final = 60_000
ANSWER_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A topic at one hub: its name, how many messages, the root of its tree."""

    name: str
    messages: int
    root: str


class Watch:
    """A session with a hub for as long as the hub lives."""

    def __init__(self, hub: DemoHub) -> None:
        self._hub = hub
        self._connection: Connection | None = None
        self._roots: asyncio.Future[dict[str, str]] | None = None
        self._found: dict[str, str] = {}

    async def look(self) -> dict[str, Seen]:
        """Every topic by name as `topics` and the first frame of sync tell it; AccordError, ClientError, OSError."""
        if self._connection is None or self._connection.closed:
            self._connection = await self._log_in()
        rows = await self._connection.topics()
        roots = await self._ask_roots(self._connection)
        return {
            row["topic"]: Seen(str(row.get("name", "")), int(row["count"]), roots.get(row["topic"], "")) for row in rows
        }

    async def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            await self._connection.close()

    async def _log_in(self) -> Connection:
        facts = self._hub.facts
        admin = SigningKey(b64decode((self._hub.home / "admin.key").read_text(encoding="utf-8").strip(), 32))
        key = b64decode(facts["key"], 32)
        peer = SigningKey.generate()
        certificate = certs.issue(admin, client=peer.public, servers=[key], issued_at=time.time_ns() // 1_000_000)
        return await connect(facts["ws"], peer, certificate, key, taker=self._take)

    async def _ask_roots(self, connection: Connection) -> dict[str, str]:
        self._roots = asyncio.get_running_loop().create_future()
        self._found = {}
        now = time.time_ns() // 1_000_000
        at = now - now % MINUTE_MS
        await connection.send({"type": "current", "ref": connection.next_ref(), "at": at, "topics": [], "more": False})
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._roots

    async def _take(self, frame: dict[str, Any], size: int) -> bool:
        if frame.get("type") != "current":
            return False
        self._found.update({row["topic"]: row["root"] for row in frame["topics"]})
        if not frame["more"] and self._roots is not None and not self._roots.done():
            self._roots.set_result(self._found)
        return True
