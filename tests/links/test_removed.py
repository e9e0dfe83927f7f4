"""Somebody is removed on one hub, or its owner loses a key: the hub that is linked with it hears that key no more in
that hub's channels.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from accord.replacing import RECOVERY_CODE, recovery_key
from tests.e2e.plain_client import Key, b64, id_of, message, now_ms, text, unb64
from tests.e2e.test_protocol_replacing import replace
from tests.links.outside import root_from_outside
from tests.links.pair import Hub, Pair, pair, until

_ADMIN = "SELECT 1 FROM peers_hub WHERE key = ? AND admin = ?"
_BURIED = "SELECT 1 FROM peers_tombstone WHERE hub = ? AND key = ?"


def count(hub: Hub, topic: str) -> int:
    rows = hub.rows("SELECT count FROM messaging_topic WHERE ident = ?", unb64(topic.partition(":")[2]))
    return int(rows[0][0]) if rows else 0


async def for_good(both: Pair, user: Key) -> None:
    """Let the time to undo be over at far, and wait until both hubs have seen to it."""
    with closing(sqlite3.connect(both.far.home / "hub.sqlite3", timeout=60)) as database, database:
        database.execute("UPDATE invites_removal SET final_at = 1")
    query = "SELECT 1 FROM peers_tombstone WHERE key = ? AND hub = ? AND is_swept"
    for hub in (both.far, both.near):
        await until(lambda hub=hub: hub.rows(query, user.public, both.far.world.key), "the key is buried", 60)


async def test_a_key_removed_on_one_hub_is_heard_no_more_in_its_channels_on_the_other(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        far, near = both.far.world, both.near.world
        ann = await far.member()
        async with await near.connect(near.admin) as session:  # ann has an account on both
            await session.store(near.add_user(near.admin, ann))
        garden, cellar = await far.channel(), await near.channel()
        async with await far.connect(far.admin) as at_far, await near.connect(ann) as at_near:
            early = text(ann, garden, "early", created_at=now_ms() - 1_000)
            late = text(ann, garden, "late", created_at=now_ms() + 60_000)
            await both.link("--all")
            await both.equal()
            await at_near.topics()
            await until(
                lambda: both.near.rows("SELECT 1 FROM messaging_topic WHERE ident = ?", unb64(garden[5:])), "known"
            )
            await at_near.store(early, late, text(ann, cellar, "at home"))
            await until(lambda: (count(both.far, garden), count(both.far, cellar)) == (2, 1), "far has all of it")

            body = {"pubkey": ann.text, "mode": "subtree", "at": now_ms()}
            await at_far.store(message(far.admin, "remove_user", far.topic, body))
            await for_good(both, ann)

            later = text(ann, garden, "later", created_at=now_ms() + 60_000)
            assert await at_near.outcome(later) == "denied"
            await at_near.store(text(ann, cellar, "still at home"))
            assert [id_of(item["message"]) for item in await at_near.fetch(garden)] == [id_of(early)]
            await both.compare()
            assert await root_from_outside(at_far, garden) == await root_from_outside(at_near, garden)
            assert (count(both.far, garden), count(both.near, garden)) == (1, 1)
            assert count(both.near, cellar) == 2  # that channel is near's, and there ann is a member


async def test_the_owner_of_one_hub_is_known_on_the_other_and_a_lost_browsers_key_no_more(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        far, near = both.far.world, both.near.world
        garden = await far.channel()
        await both.link("--all")
        await both.equal()
        owner, again = Key(), Key()
        for old, new in ((far.admin, owner), (owner, again)):
            link = json.loads(await both.far.run("owner", "--json"))["link"]
            code = Key(recovery_key(RECOVERY_CODE.parse(link.partition("#owner=")[2]), far.key).seed)
            async with await far.connect(code) as session:
                await session.store(replace(far, code, old, new))
            await until(lambda key=new.public: both.near.rows(_ADMIN, far.key, key), "near knows the admin's new key")
        await until(lambda: both.near.rows(_BURIED, far.key, owner.public), "near has heard that the old one is dead")
        async with await far.connect(again) as at_far, await near.connect(near.admin) as at_near:
            nonce = secrets.token_bytes(16)
            opening = message(again, "chan.open", far.topic, {"nonce": b64(nonce), "name": "orchard"})
            await at_far.store(opening)
            await until(
                lambda: both.near.rows("SELECT 1 FROM messaging_topic WHERE name = 'orchard' AND hub = ?", far.key),
                "near has the channel that the new key opened",
            )
            rows = await at_near.topics()
            assert rows[garden]["admin"]["user"] == again.text  # which the key in admin.key has opened
            assert [also["user"] for also in rows[garden]["admin"]["also"]] == [far.admin.text, owner.text]
            assert await at_near.outcome(text(owner, garden, "late", created_at=now_ms() + 1_000)) == "denied"
