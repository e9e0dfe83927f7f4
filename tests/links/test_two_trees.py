"""Two linked hubs, each with an invite tree of its own and some people in both: whatever moves invites on either, both
ledgers balance, both audit logs are whole, and the channels become equal, without what the removed have said too late.

The history is random, and the same for a seed. Each hub judges for itself whom it hears, so whoever is removed on one
hub has nothing more to say in the channels of the other here: there the two would rightly differ.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.e2e.plain_client import Connection, Json, Key, certificate, claim, id_of, message, now_ms, text, unb64
from tests.e2e.test_protocol_replacing import replace, set_recovery
from tests.e2e.world import World
from tests.links.outside import root_from_outside
from tests.links.pair import Hub, Pair, pair, until

SEED = 8
STEPS = 35  # between two times at which all that waits is made final
DEEDS = {"real", "temp", "claim", "withdraw", "grant", "subtree", "reparent", "undo", "recovery", "replace", "talk"}
REFUSALS = {"quota", "denied", "conflict", "not_found"}  # whatever else is said of a deed is a fault

_ACCOUNTS = (
    "SELECT u.key, a.kind, p.key, a.frozen_at IS NOT NULL FROM peers_account a JOIN peers_user u ON u.id = a.user_id"
    " LEFT JOIN peers_account pa ON pa.id = a.parent_id LEFT JOIN peers_user p ON p.id = pa.user_id ORDER BY a.id"
)
_WAITING = (
    "SELECT u.key, b.key FROM invites_removal r JOIN peers_user u ON u.id = r.user_id"
    " JOIN peers_user b ON b.id = r.by_id WHERE r.state = 'waiting' ORDER BY r.id"
)
_HELD = (
    "SELECT m.ident FROM messaging_message m JOIN messaging_topic t ON t.id = m.topic_id"
    " WHERE t.ident = ? AND m.type = 'chat.text'"
)


@dataclass(frozen=True)
class Standing:
    """An account as a hub has it."""

    key: bytes
    kind: str
    parent: bytes | None
    is_frozen: bool


@dataclass
class Side:
    """One of the hubs and its channel; of all who take part the `keys`, by public key."""

    hub: Hub
    channel: str
    keys: dict[bytes, Key]
    linked: bytes  # the other hub's admin, who may have an account here: the link's, which stays

    @property
    def world(self) -> World:
        return self.hub.world

    def accounts(self) -> dict[bytes, Standing]:
        rows = (
            Standing(bytes(key), kind, parent, bool(frozen)) for key, kind, parent, frozen in self.hub.rows(_ACCOUNTS)
        )
        return {row.key: row for row in rows}

    def living(self, *kinds: str) -> list[bytes]:
        """Who takes part and may speak."""
        rows = [row for row in self.accounts().values() if row.key in self.keys and row.key != self.linked]
        return [row.key for row in rows if row.kind in kinds and not row.is_frozen]

    def buried(self, at: Side) -> dict[bytes, int]:
        """Whom this hub has buried and since when, as it is known `at` a hub that has obeyed it."""
        query = "SELECT key, at FROM peers_tombstone WHERE hub = ? AND is_swept ORDER BY id"
        return {bytes(key): since for key, since in at.hub.rows(query, self.world.key)}

    def mutes(self, key: bytes) -> bool:
        """Whether this hub does not hear a key, now or ever again."""
        row = self.accounts().get(key)
        buried = self.hub.rows("SELECT 1 FROM peers_tombstone WHERE hub = ? AND key = ?", self.world.key, key)
        return bool(buried) or (row is not None and row.is_frozen)

    def holds(self, channel: str) -> set[bytes]:
        """The ids of the texts that it holds of a channel."""
        return {bytes(ident) for (ident,) in self.hub.rows(_HELD, unb64(channel[5:]))}

    async def make_final(self) -> None:
        """Let the time to undo be over, and wait until the hub has seen to it."""
        with closing(sqlite3.connect(self.hub.home / "hub.sqlite3", timeout=60)) as database, database:
            database.execute("UPDATE invites_removal SET final_at = 1 WHERE state = 'waiting'")
        await until(lambda: not self.hub.rows(_WAITING), "what waited is final")

    async def carrier(self) -> Connection:
        """The session of some other hub, which brings what it likes."""
        user, other = self.world.admin, Key()
        cert = certificate(user, other, self.world.key, scope=["relay"])
        return await self.world.connect(user, client=other, cert=cert)


class History:
    """What people do on both hubs, and what they have said."""

    def __init__(self, sides: list[Side], keys: dict[bytes, Key], random: Random) -> None:
        self.sides, self.keys, self.random = sides, keys, random
        self.said: list[tuple[str, Json]] = []  # (channel, message)
        self.done: Counter[str] = Counter()

    # Who there is

    def fresh(self) -> Key:
        key = Key(self.random.randbytes(32))
        self.keys[key.public] = key
        return key

    def name(self) -> str:
        return f"person-{len(self.keys)}"

    def one(self, found: list[bytes]) -> Key | None:
        return self.keys[self.random.choice(found)] if found else None

    def newcomer(self, side: Side) -> Key:
        """A new key, or one that has an account on the other hub only."""
        here = side.accounts()
        known = [key for each in self.sides for key in each.living("real") if key not in here and not side.mutes(key)]
        return (self.one(known) if self.random.random() < 0.5 else None) or self.fresh()

    def above(self, side: Side, key: Key) -> Key:
        """Somebody who stands above an account and may speak; the admin can always."""
        accounts = side.accounts()
        found, parent = [], accounts[key.public].parent
        while parent is not None:
            if not accounts[parent].is_frozen:
                found.append(parent)
            parent = accounts[parent].parent
        return self.keys[self.random.choice(found)]

    async def say(self, side: Side, author: Key, deed: str, value: Json) -> bool:
        async with await side.world.connect(author) as session:
            word = await session.outcome(value)
        assert word == "stored" or word in REFUSALS, (deed, word)
        self.done[f"{deed} {word}"] += 1
        return word == "stored"

    # What they do

    async def add(self, side: Side, kind: str = "real") -> None:
        author = self.one(side.living("admin", "real"))
        assert author is not None
        key = self.newcomer(side) if kind == "real" else self.fresh()
        invites = self.random.randint(0, 3)
        await self.say(side, author, kind, side.world.add_user(author, key, self.name(), kind=kind, invites=invites))

    async def invite(self, side: Side) -> None:
        await self.add(side, "temp")

    async def claim(self, side: Side) -> None:
        if temporary := self.one(side.living("temp")):
            value = claim(temporary, self.newcomer(side), side.world.key, self.name())
            await self.say(side, temporary, "claim", value)

    async def withdraw(self, side: Side) -> None:
        if temporary := self.one(side.living("temp")):
            await self._remove(side, temporary, "withdraw", "subtree")

    async def remove(self, side: Side) -> None:
        if whose := self.one(side.living("real")):
            mode = self.random.choice(["subtree", "reparent"])
            await self._remove(side, whose, mode, mode)

    async def _remove(self, side: Side, whose: Key, deed: str, mode: str) -> None:
        author = self.above(side, whose)
        body = {"pubkey": whose.text, "mode": mode, "at": now_ms()}
        await self.say(side, author, deed, message(author, "remove_user", side.world.topic, body))

    async def undo(self, side: Side) -> None:
        if waiting := side.hub.rows(_WAITING):
            key, by = (bytes(value) for value in self.random.choice(waiting))
            author = self.keys[by] if by in side.living("admin", "real") else side.world.admin
            value = message(author, "restore_user", side.world.topic, {"pubkey": self.keys[key].text})
            await self.say(side, author, "undo", value)

    async def grant(self, side: Side) -> None:
        if whose := self.one(side.living("real", "temp")):
            author = self.above(side, whose)
            body = {"pubkey": whose.text, "invites": self.random.randint(0, 6)}
            await self.say(side, author, "grant", message(author, "set_quota", side.world.topic, body))

    async def replace(self, side: Side) -> None:
        if old := self.one(side.living("real")):
            recovery, new = self.fresh(), self.fresh()
            if await self.say(side, old, "recovery", set_recovery(side.world, old, recovery)):
                await self.say(side, recovery, "replace", replace(side.world, recovery, old, new))

    async def talk(self, side: Side) -> None:
        """By whoever the other hub hears too; in the channel of a hub that does not hear them they may try."""
        (other,) = (each for each in self.sides if each is not side)
        author = self.one(side.living("admin", "real"))
        assert author is not None
        is_muted = other.mutes(author.public)
        channel = other.channel if is_muted else self.random.choice(self.sides).channel
        value = text(author, channel, f"{len(self.said)}")
        if await self.say(side, author, "muted talk" if is_muted else "talk", value):
            self.said.append((channel, value))

    async def go_on(self) -> None:
        deeds: dict[Callable[[Side], Awaitable[None]], int] = {
            self.talk: 6, self.invite: 3, self.claim: 3, self.add: 2, self.grant: 2,
            self.remove: 3, self.undo: 2, self.withdraw: 1, self.replace: 1,
        }  # fmt: skip
        for deed in self.random.choices(list(deeds), list(deeds.values()), k=STEPS):
            await deed(self.random.choice(self.sides))

    # What is left of it

    def expected(self, side: Side) -> set[bytes]:
        """The ids of what was said in a hub's channel but for what its removed have said too late."""
        buried = side.buried(side)
        headers = ((unb64(id_of(value)), value["header"]) for channel, value in self.said if channel == side.channel)
        return {
            ident
            for ident, header in headers
            if header["created_at"] <= buried.get(unb64(header["from"]), header["created_at"])
        }


async def obeyed_by_both(sides: list[Side]) -> None:
    """Wait until both hubs have swept after all whom either has buried."""

    def is_obeyed() -> bool:
        return all(
            not each.hub.rows("SELECT 1 FROM peers_tombstone WHERE NOT is_swept")
            and each.buried(each) == each.buried(other)
            for each, other in (sides, sides[::-1])
        )

    await until(is_obeyed, "both have heard of whom either has buried")


async def become_equal(both: Pair, history: History) -> None:
    """Have them compare until each holds what it should of both channels."""
    async with asyncio.timeout(60):
        while any(
            holder.holds(side.channel) != history.expected(side) for side in history.sides for holder in history.sides
        ):
            await both.compare()


async def test_a_random_history_on_two_linked_hubs(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        both = await stack.enter_async_context(pair(tmp_path))
        far, near = both.far.world, both.near.world
        keys = {admin.public: admin for admin in (far.admin, near.admin)}
        sides = [
            Side(both.far, await far.channel(), keys, near.admin.public),
            Side(both.near, await near.channel(), keys, far.admin.public),
        ]
        history = History(sides, keys, Random(SEED))
        for _ in range(3):
            key = history.fresh()
            for side in sides:
                value = side.world.add_user(side.world.admin, key, history.name(), invites=6)
                assert await history.say(side, side.world.admin, "real", value)
        await both.link("--all")
        await both.equal()
        for each in sides:
            for side in sides:
                known = "SELECT 1 FROM messaging_topic WHERE ident = ?"
                await until(partial(each.hub.rows, known, unb64(side.channel[5:])), "both know both channels")
        for _ in range(2):
            await history.go_on()
            for side in sides:
                await side.make_final()
        await obeyed_by_both(sides)
        await become_equal(both, history)
        assert {f"{deed} stored" for deed in DEEDS} <= history.done.keys(), history.done

        checks = [(side.hub, command) for side in sides for command in ("check_ledger", "verify_audit")]
        await asyncio.gather(*(hub.run(command) for hub, command in checks))
        carriers = [await stack.enter_async_context(await side.carrier()) for side in sides]
        for side in sides:
            buried = side.buried(side)
            assert buried
            for carrier in carriers:
                later = [text(history.keys[key], side.channel, "later") for key in buried]
                assert {result.get("code") for result in await carrier.publish(*later)} == {"denied"}
        sessions = [await stack.enter_async_context(await side.world.connect(side.world.admin)) for side in sides]
        for side in sides:
            assert len({await root_from_outside(session, side.channel) for session in sessions}) == 1
