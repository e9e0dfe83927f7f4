"""What the end-to-end tests act on: a hub in a process of its own, its admin, members, channels."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.plain_client import Connection, Json, Key, b64, label, message, sha256, unb64
from tests.hubs import HubProcess, run_command, start_hub

SERVERS = ("hub", "runserver")


@contextmanager
def running(home: Path, server: str = "hub") -> Iterator[World]:
    """A hub under one of SERVERS, stopped in order at the end."""
    with start_hub(home, server=server) as process:
        yield World.of(home, process)


@dataclass
class World:
    """A running hub and the keys of those who use it."""

    home: Path
    url: str
    pid: int
    key: bytes
    admin: Key

    @classmethod
    def of(cls, home: Path, process: HubProcess) -> World:
        """The hub that a process serves."""
        seed = unb64((home / "admin.key").read_text(encoding="utf-8").strip())
        return cls(home, process.ws, process.pid, unb64(process.key), Key(seed))

    @property
    def topic(self) -> str:
        return f"hub:{b64(self.key)}"

    async def connect(self, user: Key | None = None, **options: Any) -> Connection:
        """A session of a user of this hub, or of a guest."""
        return await Connection.login(self.url, user=user, hub=self.key, **options)

    def add_user(self, parent: Key, child: Key, name: str | None = None, *, kind: str = "real", **fields: Any) -> Json:
        """The message that adds an account; created_at in `at`."""
        header = {"created_at": fields.pop("at")} if "at" in fields else {}
        body = {"pubkey": child.text, "account_name": name or new_name(), "kind": kind, **fields}
        return message(parent, "add_user", self.topic, body, **header)

    async def member(self, **fields: Any) -> Key:
        """A new member, added by the admin."""
        (member,) = await self.add_members(1, **fields)
        return member

    async def add_members(self, count: int, **fields: Any) -> list[Key]:
        """New members, added by the admin."""
        keys = [Key() for _ in range(count)]
        async with await self.connect(self.admin) as session:
            await session.store(*(self.add_user(self.admin, key, **fields) for key in keys))
        return keys

    async def channel(self) -> str:
        """A new open channel; gives its topic."""
        nonce = secrets.token_bytes(16)
        body = {"nonce": b64(nonce), "name": f"channel {nonce.hex()[:8]}"}
        async with await self.connect(self.admin) as session:
            await session.store(message(self.admin, "chan.open", self.topic, body))
        return channel_topic(self.admin, nonce, self.key)

    def command(self, *arguments: str) -> str:
        """The output of one of the hub's commands."""
        done = run_command(self.home, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def invite(self, invites: int = 3) -> str:
        """A new invite link."""
        return str(json.loads(self.command("invite", "--json", f"--invites={invites}"))["link"])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What is on the disk, read beside the hub."""
        with closing(sqlite3.connect(f"file:{self.home}/hub.sqlite3?mode=ro", uri=True, timeout=60)) as database:
            return database.execute(query, values).fetchall()

    def stored(self, ident: str) -> tuple[Any, ...] | None:
        """(cursor, salt, body) of a message on the disk."""
        rows = self.rows("SELECT cursor, salt, body FROM messaging_message WHERE ident = ?", unb64(ident))
        return rows[0] if rows else None

    def forget_peak(self) -> None:
        """Measure the peak of memory from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory of the hub's process, in MB: now, and the peak since `forget_peak`."""
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        now, peak = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
        return now, peak

    def holds_bytes(self, data: bytes) -> bool:
        """Whether the database's files have these bytes anywhere."""
        return any(data in path.read_bytes() for path in self.home.glob("hub.sqlite3*"))


def new_name() -> str:
    return f"u{secrets.token_hex(6)}"


def channel_topic(creator: Key, nonce: bytes, hub: bytes) -> str:
    return f"chan:{b64(sha256(label('channel') + creator.public + nonce + hub))}"
