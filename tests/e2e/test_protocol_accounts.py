"""Accounts: invite links, claims, the currency of invites, channels of the admin (protocol.md section 8)."""

from __future__ import annotations

import asyncio
import os
from itertools import chain

import pytest

from tests.e2e.plain_client import (
    Connection,
    Json,
    Key,
    Left,
    Refused,
    b64,
    canonical,
    claim,
    id_of,
    join,
    message,
    now_ms,
    text,
    unb64,
)
from tests.e2e.world import World, new_name

pytestmark = pytest.mark.e2e

HOUR_MS = 3600 * 1000


async def temporary(hub: World, **fields: object) -> Key:
    """The key of a new temporary account under the admin's."""
    return await hub.member(kind="temp", **fields)


async def outcome_of_claim(session: Connection, envelope: Json) -> str:
    """How a claim ended: stored, the code of its refusal, or with which code the session was closed first."""
    try:
        return await session.outcome(envelope)
    except Left as left:
        return f"closed {left.code}"


async def test_joining_by_an_invite_link(hub: World) -> None:
    link = await asyncio.to_thread(hub.invite, 2)
    user, name = Key(), new_name()
    assert await join(link, user, name) == hub.url
    async with await hub.connect(user) as session:
        rows = await session.topics()
        assert (rows[f"feed:{user.text}"]["name"], rows[f"feed:{user.text}"]["role"]) == (name, "admin")
        assert f"user:{user.text}" in rows
        await session.store(text(user, "feed", "here I am"), *(hub.add_user(user, Key()) for _ in range(2)))
        assert await session.outcome(hub.add_user(user, Key())) == "quota"
    # The link has been used.
    with pytest.raises(Refused) as caught:
        await join(link, Key(), new_name())
    assert (caught.value.code, caught.value.login) == ("denied", True)


async def test_a_temporary_account_can_only_be_claimed(hub: World) -> None:
    temp, channel, other = await temporary(hub, invites=3), await hub.channel(), await hub.member()
    async with await hub.connect(temp) as session:
        assert await session.topics() == {}
        for frame in (
            {"type": "subscribe", "topics": [channel]},
            {"type": "subscribe", "keys": [temp.text]},
            {"type": "fetch", "topic": channel},
            {"type": "fetch", "topic": f"feed:{temp.text}"},
        ):
            with pytest.raises(Refused) as caught:
                await session.ask(**{"type_" if key == "type" else key: value for key, value in frame.items()})
            assert caught.value.code == "denied", frame
        await session.send_json({"type": "signal", "to": channel, "body": 1})
        assert (await session.until(lambda: session.first("error")))["code"] == "denied"
        for envelope in (
            text(temp, channel, "hello"),
            text(temp, "feed", "hello"),
            text(temp, f"user:{other.text}", "hello"),
            message(temp, "mail.text", f"user:{other.text}", {"text": "hello"}),
            message(temp, "cert.revoke", "feed", {"clientkey": Key().text}),
            hub.add_user(temp, Key()),
            message(temp, "chan.open", hub.topic, {"nonce": b64(os.urandom(16)), "name": "mine"}),
            claim(await temporary(hub), Key(), hub.key, new_name()),  # for another temporary account
        ):
            assert await session.outcome(envelope) == "denied", envelope["header"]["type"]


async def test_a_claim_closes_the_temporary_sessions(hub: World) -> None:
    temp, user = await temporary(hub), Key()
    async with await hub.connect(temp) as session, await hub.connect(temp) as idle:
        await session.store(claim(temp, user, hub.key, new_name()))
        assert [await end.closed(2) for end in (session, idle)] == [4403, 4403]
    with pytest.raises(Refused) as caught:
        await hub.connect(temp)
    assert (caught.value.code, caught.value.login) == ("denied", True)
    async with await hub.connect(user) as session:
        await session.store(text(user, "feed", "in"))


async def test_of_parallel_claims_exactly_one_wins(hub: World) -> None:
    for _ in range(8):
        temp = await temporary(hub)
        claimers = [Key() for _ in range(4)]
        sessions = [await hub.connect(temp) for _ in claimers]
        envelopes = [claim(temp, key, hub.key, new_name()) for key in claimers]
        outcomes = await asyncio.gather(*map(outcome_of_claim, sessions, envelopes))
        assert outcomes.count("stored") == 1, outcomes
        assert set(outcomes) <= {"stored", "denied", "closed 4403"}
        for session in sessions:
            await session.leave()
        for key, outcome in zip(claimers, outcomes, strict=True):
            if outcome == "stored":
                async with await hub.connect(key) as session:
                    await session.topics()
            else:
                with pytest.raises(Refused) as caught:
                    await hub.connect(key)
                assert caught.value.code == "denied"


async def test_a_name_in_use_is_a_conflict_and_may_be_tried_again(hub: World) -> None:
    temp, user, name = await temporary(hub), Key(), new_name()
    taken = await hub.member(name=name)
    async with await hub.connect(temp) as session:
        assert await session.outcome(claim(temp, user, hub.key, name)) == "conflict"
        assert await session.outcome(claim(temp, taken, hub.key, new_name())) == "conflict"  # the key has an account
        for bad in ("ab", "Capital", "with space", "x" * 33, "ünicode"):
            assert await session.outcome(claim(temp, user, hub.key, bad)) == "bad_request"
        await session.store(claim(temp, user, hub.key, new_name()))
    async with await hub.connect(user) as session:
        await session.topics()


async def test_of_parallel_claims_of_one_name_exactly_one_wins(hub: World) -> None:
    temps = [await temporary(hub) for _ in range(4)]
    users, name = [Key() for _ in temps], new_name()
    sessions = [await hub.connect(temp) for temp in temps]
    envelopes = [claim(temp, user, hub.key, name) for temp, user in zip(temps, users, strict=True)]
    outcomes = await asyncio.gather(*map(outcome_of_claim, sessions, envelopes))
    assert sorted(outcomes) == ["conflict"] * 3 + ["stored"]
    for session in sessions:
        await session.leave()


async def test_a_claim_is_proved_by_the_new_key(hub: World) -> None:
    temp, user = await temporary(hub), Key()

    def proof(signer: Key, **changes: str) -> str:
        words = {"hub": b64(hub.key), "temp": temp.text, "new": user.text, **changes}
        return b64(signer.sign("replace", canonical(words)))

    async with await hub.connect(temp) as session:
        for bad in (
            proof(temp),
            proof(user, hub=Key().text),
            proof(user, temp=Key().text),
            proof(user, new=Key().text),
            b64(bytes(64)),
        ):
            assert await session.outcome(claim(temp, user, hub.key, new_name(), proof=bad)) == "bad_sig"
        assert await session.outcome(claim(temp, user, hub.key, None, proof="short")) == "bad_request"
        assert await session.outcome(claim(temp, user, hub.key, new_name(), more=True)) == "bad_request"
        hub_as_user = claim(temp, user, hub.key, new_name(), new_pubkey=b64(hub.key))
        assert await session.outcome(hub_as_user) in ("bad_sig", "denied")
        await session.store(claim(temp, user, hub.key, new_name()))


async def test_a_real_account_is_not_taken_over_by_a_claim(hub: World) -> None:
    user = await hub.member()
    async with await hub.connect(user) as session:
        assert await session.outcome(claim(user, Key(), hub.key, new_name())) in ("bad_request", "denied")
        await session.topics()


async def test_a_user_with_n_invites_costs_one_and_n(hub: World) -> None:
    user, child = await hub.member(invites=5), Key()
    async with await hub.connect(user) as session:
        first = hub.add_user(user, child, invites=2)
        await session.store(first)  # 2 left
        assert await session.outcome(first) == "duplicate"
        assert await session.outcome(hub.add_user(user, Key(), invites=2)) == "quota"
        assert await session.outcome(hub.add_user(user, Key(), invites=2**53 - 1)) == "quota"
        await session.store(hub.add_user(user, Key(), kind="temp", invites=1))
        assert await session.outcome(hub.add_user(user, Key())) == "quota"
    async with await hub.connect(child) as session:
        await session.store(hub.add_user(child, Key()), hub.add_user(child, Key()))
        assert await session.outcome(hub.add_user(child, Key())) == "quota"


async def test_a_refused_user_costs_nothing(hub: World) -> None:
    user, name = await hub.member(invites=1), new_name()
    taken = await hub.member(name=name)
    async with await hub.connect(user) as session:
        for envelope, code in (
            (hub.add_user(user, Key(), name), "conflict"),
            (hub.add_user(user, taken), "conflict"),
            (hub.add_user(user, user), "conflict"),
            (hub.add_user(user, Key(b"\7" * 32), pubkey=b64(hub.key)), "denied"),
            (hub.add_user(user, Key(), "Bad Name"), "bad_request"),
            (hub.add_user(user, Key(), kind="admin"), "bad_request"),
            (hub.add_user(user, Key(), expires=now_ms() + HOUR_MS), "bad_request"),
            (hub.add_user(user, Key(), kind="temp", expires=now_ms() + 73 * HOUR_MS), "bad_request"),
            (hub.add_user(user, Key(), kind="temp", expires=now_ms() - 1), "bad_request"),
            (hub.add_user(user, Key(), invites=-1), "bad_request"),
            (hub.add_user(user, Key(), invites=True), "bad_request"),
        ):
            assert await session.outcome(envelope) == code, envelope
        await session.store(hub.add_user(user, Key()))
        assert await session.outcome(hub.add_user(user, Key())) == "quota"


async def test_parallel_spending_stops_at_the_last_invite(hub: World) -> None:
    user = await hub.member(invites=10)
    sessions = [await hub.connect(user) for _ in range(5)]
    envelopes = [[hub.add_user(user, Key(), invites=i % 2) for i in range(5)] for _ in sessions]
    results = await asyncio.gather(
        *(session.publish(*batch) for session, batch in zip(sessions, envelopes, strict=True))
    )
    spent = 0
    for envelope, result in zip(chain(*envelopes), chain(*results), strict=True):
        if result["status"] == "stored":
            body = unb64(envelope["body"])
            spent += 2 if b'"invites":1' in body else 1
        else:
            assert result["code"] == "quota"
    assert spent in (9, 10)  # one left is not enough for two
    for session in sessions:
        await session.leave()


async def test_the_currency_is_conserved(hub: World) -> None:
    """Over all that the tests before have done: accounts + unspent invites = capacity."""
    await hub.member(invites=3)
    ((capacity,),) = hub.rows(
        "SELECT granted FROM invites_balance JOIN peers_account a ON a.id = account_id WHERE a.kind = 'admin'"
    )
    ((unspent,),) = hub.rows("SELECT sum(unspent) FROM invites_balance")
    ((accounts,),) = hub.rows("SELECT count(*) FROM peers_account WHERE kind != 'admin'")
    assert accounts + unspent == capacity


async def test_a_temporary_account_expires(hub: World) -> None:
    expires = now_ms() + 1_500
    temp = await temporary(hub, expires=expires)
    async with await hub.connect(temp) as session:
        async with asyncio.timeout(5):
            while now_ms() < expires:
                await session.ask("topics")
        assert await outcome_of_claim(session, claim(temp, Key(), hub.key, new_name())) in ("denied", "closed 4403")
    with pytest.raises(Refused) as caught:
        await hub.connect(temp)
    assert caught.value.code == "denied"


async def test_an_account_stores_as_much_as_it_may(hub: World) -> None:
    few, small = await hub.member(messages=3), await hub.member(bytes=2_000)
    channel = await hub.channel()
    async with await hub.connect(few) as session:
        batch = [text(few, channel, f"number {i}") for i in range(5)]
        results = await session.publish(*batch[:2], batch[0], *batch[2:])
        assert [result.get("code", result["status"]) for result in results] == [
            "stored",
            "stored",
            "duplicate",
            "stored",
            "quota",
            "quota",
        ]
        assert await session.outcome(text(few, "feed", "one more")) == "quota"
    async with await hub.connect(small) as session:
        assert await session.outcome(text(small, channel, "x" * 2_000)) == "quota"
        await session.store(text(small, channel, "small"))
        assert await session.outcome(text(small, channel, "x" * 1_500)) == "quota"


async def test_channels_are_opened_by_the_admin_once(hub: World) -> None:
    user, nonce = await hub.member(), b64(os.urandom(16))
    async with await hub.connect(user) as session, await hub.connect(hub.admin) as admin:
        mine = message(user, "chan.open", hub.topic, {"nonce": nonce, "name": "mine"})
        assert await session.outcome(mine) == "denied"
        opening = message(hub.admin, "chan.open", hub.topic, {"nonce": nonce, "name": "ours", "about": "all of us"})
        assert await session.outcome(opening) == "denied"  # brought by another
        await admin.store(opening)
        assert await admin.outcome(opening) == "duplicate"
        again = message(hub.admin, "chan.open", hub.topic, {"nonce": nonce, "name": "ours again"})
        assert await admin.outcome(again) == "conflict"
        for body in ({"nonce": b64(os.urandom(16))}, {"nonce": "x", "name": "x"}, {"nonce": nonce, "name": "x" * 81}):
            assert await admin.outcome(message(hub.admin, "chan.open", hub.topic, body)) == "bad_request"
        assert id_of(opening) in {id_of(item["message"]) for item in await admin.fetch(hub.topic)}
