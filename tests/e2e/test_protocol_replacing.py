"""New keys for accounts on a running hub, over the socket and the API (protocol.md section 8)."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.plain_client import Json, Key, Refused, b64, canonical, message, text
from tests.e2e.rest import Rest
from tests.e2e.world import World, running

pytestmark = pytest.mark.e2e

DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub whose rows a test may move in time."""
    with running(tmp_path_factory.mktemp("replacing")) as world:
        yield world


def set_recovery(hub: World, user: Key, recovery: Key) -> Json:
    words = canonical({"hub": b64(hub.key), "user": user.text})
    proof = b64(recovery.sign("recovery", words))
    return message(user, "set_recovery", hub.topic, {"recovery": recovery.text, "proof": proof})


def agreed(hub: World, old: Key, new: Key) -> Json:
    words = canonical({"hub": b64(hub.key), "new": new.text, "old": old.text})
    return {"new_pubkey": new.text, "proof": b64(new.sign("replacement", words))}


def replace(hub: World, author: Key, old: Key, new: Key) -> Json:
    named = {} if author is old else {"pubkey": old.text}
    return message(author, "replace_account", hub.topic, {**agreed(hub, old, new), **named})


def vouch(hub: World, author: Key, old: Key, new: Key) -> Json:
    return message(author, "vouch_replace", hub.topic, {**agreed(hub, old, new), "pubkey": old.text})


def cancel(hub: World, author: Key, old: Key) -> Json:
    return message(author, "cancel_replace", hub.topic, {"pubkey": old.text})


def make_due(hub: World) -> None:
    """Let what waits have waited long enough."""
    with closing(sqlite3.connect(hub.home / "hub.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE invites_replacement SET due_at = 1 WHERE state = 'waiting'")


async def until_member(hub: World, key: Key) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not hub.rows(
        "SELECT 1 FROM peers_account a JOIN peers_user u ON u.id = a.user_id WHERE u.key = ?", key.public
    ):
        assert time.monotonic() < deadline, "the key was not replaced"
        await asyncio.sleep(0.1)


async def test_the_recovery_key_replaces_at_once_and_nothing_is_lost(own: World) -> None:
    old, recovery, new, friend = await own.member(invites=3), Key(), Key(), await own.member()
    async with await own.connect(friend) as session:
        await session.store(text(friend, f"user:{old.text}", "to the old key"))
    session = await own.connect(old)
    await session.store(set_recovery(own, old, recovery))
    rest = Rest.login(own, old)
    assert rest.get("users/me/replacement").value["recovery"]["set_at"] > 0
    async with await own.connect(recovery) as recovering:
        assert await recovering.outcome(text(recovery, "feed", "no more than that")) == "denied"
        await recovering.store(replace(own, recovery, old, new))
        assert await session.closed() == 4403
    with pytest.raises(Refused) as caught:
        await own.connect(old)
    assert caught.value.code == "denied"
    with pytest.raises(Refused):
        await own.connect(recovery)
    assert rest.get("me").status == 401
    async with await own.connect(new) as again:
        rows = await again.topics()
        assert rows[f"feed:{new.text}"]["former"][0]["key"] == old.text
        assert rows[f"feed:{new.text}"]["former"][0]["way"] == "recovery"
        assert len(await again.fetch(f"user:{old.text}")) == 1
        await again.store(own.add_user(new, Key()), text(new, "feed", "back"))
    shown = Rest.login(own, friend).get(f"users/{new.text}").value
    assert [change["key"] for change in shown["former"]] == [old.text]


async def test_the_old_key_replaces_when_its_day_is_over(own: World) -> None:
    old, new = await own.member(), Key()
    async with await own.connect(old) as session:
        await session.store(replace(own, old, old, new))
        rest = Rest.login(own, own.admin)
        (item,) = [item for item in rest.get("replacements").value["items"] if item["key"] == old.text]
        assert (item["way"], item["state"], item["may_cancel"]) == ("key", "waiting", True)
        make_due(own)
        await until_member(own, new)
        assert await session.closed() == 4403
    async with await own.connect(new) as session:
        await session.topics()


async def test_people_vouch_and_the_old_key_stops_it(own: World) -> None:
    old, new = await own.member(invites=5), Key()
    child = Key()
    async with await own.connect(old) as session:
        await session.store(own.add_user(old, child))
        rest, admin = Rest.login(own, child), Rest.login(own, own.admin)
        path = f"users/{old.text}/replacement"
        first = rest.post(f"{path}/vouch", {"message": vouch(own, child, old, new)})
        assert (first.status, first.value["items"][0]["state"]) == (200, "asked"), first
        second = admin.post(f"{path}/vouch", {"message": vouch(own, own.admin, old, new)})
        assert second.value["items"][0]["state"] == "waiting", second
        assert rest.post(f"{path}/cancel", {"message": cancel(own, child, old)}).value["code"] == "denied"
        await session.store(cancel(own, old, old))
        assert admin.get("replacements").value["items"] == []
    make_due(own)
    async with await own.connect(old) as session:
        await session.topics()
