"""Two real hubs, one linked to the other through a proxy that can fail."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.plain_client import DAY_MS, Connection, Json, Key, certificate, now_ms, unb64
from tests.e2e.world import World
from tests.hubs import HubProcess, migrated_home, start_hub
from tests.links.proxy import Proxy

POLL_SECONDS = 0.05
DEADLINE_SECONDS = 60


async def until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    """Poll until the condition gives something true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
    return found


class Hub:
    """A hub that can be killed and started again."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = environment
        self.process: HubProcess
        self.world: World

    async def start(self) -> None:
        """Start it, wherever there is a port."""
        self.process = await asyncio.to_thread(start_hub, self.home, **self.environment)
        self.world = World.of(self.home, self.process)

    async def kill(self) -> None:
        """End it as a crash would."""
        await asyncio.to_thread(self.process.kill)

    async def stop(self) -> None:
        """End it, whichever process it is by now."""
        await asyncio.to_thread(self.process.stop)

    async def run(self, *arguments: str) -> str:
        """The output of one of its commands."""
        return await asyncio.to_thread(self.world.command, *arguments)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What is on its disk."""
        return self.world.rows(query, *values)

    def compare(self) -> None:
        """Want comparisons of its links, as the console does; one that waits for its next try is dialled at once."""
        with closing(sqlite3.connect(self.home / "hub.sqlite3", timeout=60)) as database, database:
            database.execute("UPDATE links_link SET asked_at = ?", (now_ms(),))

    async def bless(self, user: Key, other: Hub) -> Connection:
        """A session of a member whose client blesses this hub for the other one."""
        session = await self.world.connect(user)
        hub = Key(seed_of(self))
        cert = certificate(
            user,
            hub,
            other.world.key,
            scope=["relay"],
            expiration=now_ms() + 7 * DAY_MS,
        )
        answer = await session.ask("serve", certs=[cert])
        assert answer["users"] == [user.text], answer
        return session


def seed_of(hub: Hub) -> bytes:
    return unb64((hub.home / "hub.key").read_text(encoding="utf-8").strip())


class Pair:
    """Hub `far` is there; hub `near` dials it, by a proxy."""

    def __init__(self, far: Hub, near: Hub, proxy: Proxy) -> None:
        self.far, self.near, self.proxy = far, near, proxy

    async def link(self, *options: str) -> None:
        """Link near to far by an invite of far's operator."""
        invite = await asyncio.to_thread(self.far.world.invite)
        origin = f"{urlsplit(invite).scheme}://{urlsplit(invite).netloc}"
        await self.near.run("link", invite.replace(origin, self.proxy.url), *options)

    def state(self, hub: Hub | None = None) -> tuple[str, str]:
        """(state, code) of a hub's link, near's if none is named."""
        rows = (hub or self.near).rows("SELECT state, code FROM links_link")
        return rows[0] if rows else ("", "")

    def exchanges(self, hub: Hub | None = None) -> list[Json]:
        """The history of a hub's link."""
        names = ("outcome", "code", "topics", "received", "sent", "refused", "bytes_in", "bytes_out", "trips")
        rows = (hub or self.near).rows(f"SELECT {', '.join(names)} FROM links_exchange ORDER BY id")  # noqa: S608
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def equal(self, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until the link is equal."""
        try:
            await until(lambda: self.state()[0] == "equal", "the link is equal", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.state()}; {self.near.process.output[-4000:]}") from error

    async def compare(self) -> None:
        """Have near compare, and wait until it has."""
        before = len(self.exchanges())
        await self.ask_near()
        await until(lambda: len(self.exchanges()) > before, "a comparison has ended")

    async def ask_near(self) -> None:
        """Want a comparison of near's link, as the console does; one that waits for its next try is dialled at once."""
        await self.ask(self.near)

    async def ask(self, hub: Hub) -> None:
        """The same for either."""
        with closing(sqlite3.connect(hub.home / "hub.sqlite3", timeout=60)) as database, database:
            database.execute("UPDATE links_link SET asked_at = ?", (now_ms(),))


def look_nowhere(home: Path) -> None:
    """Set a hub not to look for others by port: it would find the one behind the proxy."""
    with closing(sqlite3.connect(home / "hub.sqlite3")) as database, database:
        database.execute("INSERT INTO console_setting (name, value, changed_at) VALUES ('find_scan', 'off', 0)")


@asynccontextmanager
async def one_hub(home: Path) -> AsyncIterator[Hub]:
    """One running hub."""
    hub = Hub(home)
    await hub.start()
    try:
        yield hub
    finally:
        await asyncio.to_thread(hub.process.stop)


@asynccontextmanager
async def pair(tmp_path: Path, **near_environment: str) -> AsyncIterator[Pair]:
    """Two running hubs, not linked yet."""
    far, near = Hub(tmp_path / "far"), Hub(tmp_path / "near", **near_environment)
    for hub in (far, near):
        await asyncio.to_thread(shutil.copytree, migrated_home(), hub.home)
        look_nowhere(hub.home)
    await asyncio.gather(far.start(), near.start())
    try:
        async with Proxy(far.process.port) as proxy:
            yield Pair(far, near, proxy)
    finally:
        for hub in (near, far):
            await hub.stop()
