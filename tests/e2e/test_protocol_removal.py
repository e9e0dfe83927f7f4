"""Removal of accounts and branches on a running hub: frozen, undone, for good (protocol.md section 8)."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.plain_client import Connection, Json, Key, Refused, certificate, claim, message, now_ms, text
from tests.e2e.rest import Rest
from tests.e2e.world import World, new_name
from tests.links.pair import until

# What is removed, and when, does not depend on the server.
pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("hub", ["hub"], indirect=True)]

WINDOW_MS = 10 * 60_000


def remove(hub: World, author: Key, user: Key, mode: str = "subtree", **fields: Any) -> Json:
    at = now_ms()
    return message(author, "remove_user", hub.topic, {"pubkey": user.text, "mode": mode, "at": at}, **fields)


def restore(hub: World, author: Key, user: Key) -> Json:
    return message(author, "restore_user", hub.topic, {"pubkey": user.text})


@dataclass
class Branch:
    """ann invited bob, bob carl, carl has given an invite."""

    ann: Key
    bob: Key
    carl: Key
    guest: Key
    name: str


async def branch(hub: World) -> Branch:
    ann, bob, carl, guest, name = await hub.member(invites=9), Key(), Key(), Key(), new_name()
    async with await hub.connect(ann) as session:
        await session.store(hub.add_user(ann, bob, invites=5))
    async with await hub.connect(bob) as session:
        await session.store(hub.add_user(bob, carl, name, invites=2))
    async with await hub.connect(carl) as session:
        await session.store(hub.add_user(carl, guest, kind="temp"))
    return Branch(ann, bob, carl, guest, name)


async def relay(hub: World, user: Key) -> Connection:
    """The session of another hub that carries for a user."""
    other = Key()
    cert = certificate(user, other, hub.key, scope=["relay"])
    return await Connection.login(hub.url, user=user, hub=hub.key, client=other, cert=cert)


async def refused_login(hub: World, user: Key) -> Json:
    with pytest.raises(Refused) as caught:
        await hub.connect(user)
    assert caught.value.login
    return {name: caught.value.frame.get(name) for name in ("code", "reason", "until")}


async def removed_for_good(hub: World, user: Key) -> None:
    """Let the time to undo be over, and wait until the hub has seen to it."""
    with closing(sqlite3.connect(hub.home / "hub.sqlite3", timeout=60)) as database, database:
        database.execute("UPDATE invites_removal SET final_at = 1 WHERE state = 'waiting'")
    query = "SELECT 1 FROM peers_tombstone WHERE key = ? AND is_swept"
    await until(lambda: hub.rows(query, user.public), "the key is buried and what it said too late is gone", 60)


async def test_a_branch_is_frozen_at_once_and_restored(hub: World) -> None:
    found = await branch(hub)
    http = await asyncio.to_thread(Rest.login, hub, found.carl)
    async with await hub.connect(found.ann) as ann:
        for _ in range(2):
            sessions = [await hub.connect(found.bob), await hub.connect(found.carl), await relay(hub, found.carl)]
            await ann.store(remove(hub, found.ann, found.bob))
            assert [await session.closed() for session in sessions] == [4403] * 3
            for session in sessions:
                bye = session.first("bye")
                assert bye is not None
                assert (bye["code"], bye["reason"]) == ("denied", "frozen")
                assert now_ms() < bye["until"] <= now_ms() + WINDOW_MS

            assert (await refused_login(hub, found.carl))["reason"] == "frozen"
            again = Rest.of(hub)
            answer = await asyncio.to_thread(again.log_in, hub, found.carl)
            assert (answer.code, answer.value["reason"]) == ("403 denied", "frozen")
            assert answer.value["until"] > now_ms()
            assert (await asyncio.to_thread(http.ask, "GET", "me")).code == "401 unauthorized"
            assert (await refused_login(hub, found.guest))["reason"] == "frozen"
            assert await ann.outcome(hub.add_user(found.ann, Key(), found.name)) == "conflict"

            await ann.store(restore(hub, found.ann, found.bob))
            assert (await asyncio.to_thread(http.ask, "GET", "me")).status == 200
    async with await hub.connect(found.carl) as carl, await hub.connect(found.guest) as guest:
        await carl.store(text(found.carl, "feed", "back again"))
        await guest.store(claim(found.guest, Key(), hub.key, new_name()))


async def test_of_who_is_frozen_and_then_removed_nothing_is_taken_from_anywhere(hub: World) -> None:
    found, channel = await branch(hub), await hub.channel()
    dora = await hub.member()
    before, after = (
        text(found.carl, channel, "before"),
        text(found.carl, channel, "after", created_at=now_ms() + 60_000),
    )
    removal = remove(hub, found.ann, found.bob)
    async with await hub.connect(found.carl) as carl:
        await carl.store(text(found.carl, channel, "ahead of time", created_at=now_ms() + 60_000))
    async with await hub.connect(found.ann) as ann, await relay(hub, dora) as other:
        await ann.store(removal)
        assert [await other.outcome(value) for value in (before, after)] == ["busy", "busy"]
        await removed_for_good(hub, found.carl)
        assert [await other.outcome(value) for value in (after, before)] == ["denied", "stored"]
        assert [item["message"]["header"]["created_at"] for item in await ann.fetch(channel)] == [
            before["header"]["created_at"]
        ]
        assert await refused_login(hub, found.carl) == {"code": "denied", "reason": "removed", "until": None}
        assert (await refused_login(hub, found.guest))["reason"] != "frozen"
        # Said again it changes nothing; it cannot be undone; the key gets no account, the name is free.
        (again,) = await ann.publish(removal)
        assert again["status"] == "duplicate"
        assert await ann.outcome(restore(hub, found.ann, found.bob)) == "not_found"
        assert await ann.outcome(hub.add_user(found.ann, found.carl, found.name)) == "conflict"
        await ann.store(hub.add_user(found.ann, Key(), found.name))
        # What the branch had came back.
        account = await asyncio.to_thread(Rest.login, hub, found.ann)
        assert (await asyncio.to_thread(account.ask, "GET", "invites")).value["left"] == 8


async def test_a_removal_is_by_whoever_stands_above_on_this_hub_and_now(hub: World) -> None:
    found, dora = await branch(hub), await hub.member(invites=1)
    elsewhere = f"hub:{Key().text}"
    body = {"pubkey": found.carl.text, "mode": "subtree", "at": now_ms()}
    async with await hub.connect(found.bob) as bob, await relay(hub, dora) as other:
        forged = remove(hub, found.bob, found.carl)
        forged["sig"] = remove(hub, found.bob, found.carl)["sig"]
        assert await bob.outcome(forged) == "bad_sig"
        assert await bob.outcome(message(found.bob, "remove_user", elsewhere, body)) == "wrong_server"
        old = {"created_at": now_ms() - 11 * 60_000}
        assert await bob.outcome(message(found.bob, "remove_user", hub.topic, {**body, "at": 0}, **old)) == "gone"
        ahead = {**body, "at": now_ms() + 60_000}
        assert await bob.outcome(message(found.bob, "remove_user", hub.topic, ahead)) == "bad_request"
        assert await bob.outcome(remove(hub, found.bob, found.ann)) == "denied"
        assert await bob.outcome(remove(hub, found.ann, found.carl)) == "denied"  # signed by another
        assert await other.outcome(remove(hub, found.bob, found.carl)) == "denied"  # carried by a hub
        assert await bob.outcome(restore(hub, found.bob, found.carl)) == "not_found"
        # While carl is being removed, nobody below undoes it.
        await bob.store(remove(hub, found.bob, found.carl))
        assert await bob.outcome(remove(hub, found.bob, found.carl, "reparent")) == "conflict"
        async with await hub.connect(dora) as session:
            assert await session.outcome(restore(hub, dora, found.carl)) == "denied"
        await bob.store(restore(hub, found.bob, found.carl))
    assert hub.rows("SELECT 1 FROM peers_account WHERE name = ? AND frozen_at IS NULL", found.name)


async def test_the_api_rehearses_removes_and_restores(hub: World) -> None:
    found = await branch(hub)
    ann = await asyncio.to_thread(Rest.login, hub, found.ann)
    path = f"users/{found.bob.text}"

    def post(deed: str, value: Json) -> Any:
        return ann.post(f"{path}/{deed}", value)

    async with await hub.connect(found.carl) as carl:
        await carl.store(text(found.carl, "feed", "hello"))
        rehearsed = (await asyncio.to_thread(post, "rehearse", {"mode": "subtree"})).value
        touched = ("accounts", "waiting_invites", "invites", "sessions", "devices")
        assert [rehearsed[name] for name in touched] == [2, 1, 6, 1, 3]
        assert set(rehearsed["keys"]) == {found.bob.text, found.carl.text}
        alone = (await asyncio.to_thread(post, "rehearse", {"mode": "reparent"})).value
        assert (alone["accounts"], alone["keys"]) == (1, [found.bob.text])
        assert (await asyncio.to_thread(post, "restore", {"message": restore(hub, found.ann, found.bob)})).code == (
            "404 not_found"
        )
        begun = (await asyncio.to_thread(post, "remove", {"message": remove(hub, found.ann, found.bob)})).value
        assert (begun["state"], begun["accounts"], begun["can_restore"], begun["by"]["key"]) == (
            "waiting", 2, True, found.ann.text,
        )  # fmt: skip
        assert await carl.closed() == 4403
    assert ann.items("removals")[0] == begun
    ended = (await asyncio.to_thread(post, "restore", {"message": restore(hub, found.ann, found.bob)})).value
    assert (ended["state"], ended["can_restore"]) == ("undone", False)
    # Others learn nothing of it, and may not even rehearse.
    dora = await hub.member()
    stranger = await asyncio.to_thread(Rest.login, hub, dora)
    assert stranger.items("removals") == []
    assert (await asyncio.to_thread(stranger.post, f"{path}/rehearse", {"mode": "subtree"})).code == "403 denied"
    assert (await asyncio.to_thread(stranger.ask, "GET", f"users/{found.bob.text}")).value["strikes"] is None
    assert (await asyncio.to_thread(ann.ask, "GET", f"users/{found.bob.text}")).value["strikes"] == 0
    status = (await asyncio.to_thread(ann.ask, "GET", "status")).value
    assert (status["page"], status["statement"]["type"]) == (0, "status")


async def test_a_hub_that_carries_for_somebody_frozen_reads_that_inbox_no_more(hub: World) -> None:
    found, dora, other = await branch(hub), await hub.member(), Key()
    inbox = f"user:{found.carl.text}"

    async def may_read(session: Connection) -> bool:
        return bool((await session.ask("fetch", topic=inbox, limit=1))["messages"])

    async def until_may(session: Connection, expected: bool) -> None:
        async with asyncio.timeout(60):
            while True:
                if await may_read(session) == expected:
                    return
                await asyncio.sleep(0.05)

    cert = certificate(dora, other, hub.key, scope=["relay"])
    session = await Connection.login(hub.url, user=dora, hub=hub.key, client=other, cert=cert)
    async with session, await hub.connect(found.ann) as ann:
        await ann.store(text(found.ann, inbox, "hello"))
        blessing = certificate(found.carl, other, hub.key, scope=["relay"])
        assert (await session.ask("serve", certs=[blessing]))["users"] == [found.carl.text]
        assert await may_read(session)
        await ann.store(remove(hub, found.ann, found.bob))
        await until_may(session, expected=False)
        assert (await session.ask("serve", certs=[blessing]))["users"] == []
        await ann.store(text(found.ann, inbox, "while you were away"), restore(hub, found.ann, found.bob))
        await until_may(session, expected=True)
        await ann.store(remove(hub, found.ann, found.bob))
        await removed_for_good(hub, found.carl)
        assert (await session.ask("serve", certs=[blessing]))["users"] == []
        assert not await may_read(session)
