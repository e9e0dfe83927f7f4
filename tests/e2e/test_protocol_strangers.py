"""Strangers: what a guest may do, and what it costs (protocol.md sections 4 and 10)."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.e2e.plain_client import Connection, Json, Key, Refused, b64, certificate, id_of, message, solve, text
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

MAX_UNANSWERED = 3


def letter(author: Key, recipient: Key, words: str = "hello") -> Json:
    return message(author, "mail.text", f"user:{recipient.text}", {"text": words})


async def challenge(session: Connection, author: Key) -> Json:
    answer = await session.ask("pow", purpose="mail", key=author.text)
    assert answer["type"] == "challenge"
    value: Json = answer["challenge"]
    return value


async def work(session: Connection, author: Key, envelope: Json) -> Json:
    """Ask for a challenge and solve it for a message."""
    return await asyncio.to_thread(solve, await challenge(session, author), id_of(envelope))


async def send_letter(session: Connection, author: Key, recipient: Key, words: str = "hello") -> tuple[Json, Json]:
    """Send a letter with its work; gives the letter and the hub's result."""
    envelope = letter(author, recipient, words)
    (result,) = await session.publish(envelope, pow=[await work(session, author, envelope)])
    return envelope, result


async def test_a_guest_writes_to_a_member_with_proof_of_work(hub: World) -> None:
    author, recipient = Key(), await hub.member()
    inbox = f"user:{recipient.text}"
    async with await hub.connect() as guest, await hub.connect(recipient) as session:
        await session.subscribe(topics=[inbox])
        value = await challenge(guest, author)
        assert set(value) == {"server", "key", "purpose", "difficulty", "expires", "nonce", "tag"}
        assert (value["server"], value["key"], value["purpose"]) == (b64(hub.key), author.text, "mail")
        assert 16 <= value["difficulty"] <= 22
        envelope, result = await send_letter(guest, author, recipient)
        assert result == {"id": id_of(envelope), "status": "stored"}
        await session.until_delivered(envelope)
        assert [item["message"] for item in await session.fetch(inbox)] == [envelope]


async def test_who_has_an_account_does_not_show(hub: World) -> None:
    """The same answers for a member and for a key that nobody has: new, again, and beyond what is kept."""
    author, member, nobody = Key(), await hub.member(), Key()
    async with await hub.connect() as guest:
        for recipient in (member, nobody):
            envelope = letter(author, recipient)
            proof = await work(guest, author, envelope)
            for _ in range(2):  # the second time it is held already, or was never kept
                (result,) = await guest.publish(envelope, pow=[proof])
                assert result == {"id": id_of(envelope), "status": "stored"}
            assert await guest.outcome(letter(author, recipient)) == "pow_needed"
    rows = hub.rows("SELECT count(*) FROM messaging_topic WHERE kind = 'user' AND ident = ?", nobody.public)
    assert rows == [(0,)]


async def test_work_is_for_one_message_and_counts_once(hub: World) -> None:
    author, recipient = Key(), await hub.member()
    first, second = letter(author, recipient, "first"), letter(author, recipient, "second")
    async with await hub.connect() as guest:
        proof = await work(guest, author, first)
        assert await guest.outcome(second, pow=[{**proof, "id": id_of(second)}]) == "pow_needed"  # bound to the other
        assert await guest.outcome(first, pow=[proof]) == "stored"
        value = proof["challenge"]
        again = await asyncio.to_thread(solve, value, id_of(second))
        assert await guest.outcome(second, pow=[again]) == "pow_needed"  # solved anew, but the challenge was used
        async with await hub.connect() as other_guest:
            assert await other_guest.outcome(second, pow=[again]) == "pow_needed"
        assert await guest.outcome(second) == "pow_needed"
        assert await guest.outcome(second, pow=[await work(guest, author, second)]) == "stored"


async def test_forged_work_does_not_count(hub: World) -> None:
    author, recipient = Key(), await hub.member()
    envelope = letter(author, recipient)
    ident = id_of(envelope)
    async with await hub.connect() as guest:
        value = await challenge(guest, author)
        forged = {
            "easier": {**value, "difficulty": 0},
            "longer": {**value, "expires": value["expires"] + 1},
            "of another hub": {**value, "server": Key().text},
            "own nonce": {**value, "nonce": b64(os.urandom(16)), "difficulty": 0},
        }
        for what, bad in forged.items():
            easy = {"id": ident, "challenge": bad, "counter": 0}
            assert await guest.outcome(envelope, pow=[easy]) == "pow_needed", what
        wrong = await asyncio.to_thread(solve, {**value, "difficulty": 1}, ident)
        assert await guest.outcome(envelope, pow=[{**wrong, "challenge": value, "counter": 2**40}]) == "pow_needed"
        for_other = await asyncio.to_thread(solve, await challenge(guest, Key()), ident)
        assert await guest.outcome(envelope, pow=[for_other]) == "pow_needed"
        for bad in (
            {"id": ident},
            {"id": ident, "challenge": value, "counter": -1},
            {"id": ident, "challenge": value, "counter": "1"},
            {"id": ident, "challenge": {**value, "more": 1}, "counter": 1},
            {"id": ident, "challenge": "no", "counter": 1},
        ):
            assert await guest.outcome(envelope, pow=[bad]) in ("bad_request", "pow_needed")
        for fields in (
            {"purpose": "fun", "key": author.text},
            {"purpose": "mail", "key": "short"},
            {"purpose": "mail"},
        ):
            with pytest.raises(Refused) as caught:
                await guest.ask("pow", **fields)
            assert caught.value.code == "bad_request"


async def test_a_guest_may_do_nothing_else(hub: World) -> None:
    author, recipient, channel = Key(), await hub.member(), await hub.channel()
    async with await hub.connect(client=author) as guest:
        assert await guest.topics() == {}
        for type_, fields in (
            ("subscribe", {"topics": [channel]}),
            ("subscribe", {"keys": [author.text]}),
            ("fetch", {"topic": channel}),
            ("fetch", {"topic": f"user:{author.text}"}),
        ):
            with pytest.raises(Refused) as caught:
                await guest.ask(type_, **fields)
            assert caught.value.code == "denied"
        await guest.send_json({"type": "signal", "to": f"user:{recipient.text}", "body": 1})
        assert (await guest.until(lambda: guest.first("error")))["code"] == "denied"
        for envelope in (
            text(author, channel, "hello"),
            text(author, "feed", "hello"),
            text(author, f"user:{recipient.text}", "hello"),
            message(author, "profile", "feed", {"display_name": "me"}),
            message(author, "mail.text", channel, {"text": "x"}),
            hub.add_user(author, Key()),
        ):
            assert await guest.outcome(envelope) == "denied", envelope["header"]["type"]
        assert await guest.outcome(letter(author, recipient, "x" * 4_096)) == "too_big"
        bad = letter(author, recipient)
        proof = await work(guest, author, bad)
        assert await guest.outcome({**bad, "sig": b64(bytes(64))}, pow=[proof]) == "bad_sig"


async def test_unanswered_letters_are_few(hub: World) -> None:
    """Beyond three that were not answered the hub says `stored` and keeps nothing; an answer opens the door again."""
    author, recipient = Key(), await hub.member()
    inbox = f"user:{recipient.text}"
    async with await hub.connect() as guest, await hub.connect(recipient) as session:
        sent = []
        for i in range(MAX_UNANSWERED + 1):
            envelope, result = await send_letter(guest, author, recipient, f"number {i}")
            assert result["status"] == "stored"
            sent.append(envelope)
        kept = {id_of(item["message"]) for item in await session.fetch(inbox)}
        assert kept == set(map(id_of, sent[:MAX_UNANSWERED]))
        await session.store(text(recipient, f"user:{author.text}", "go on"))
        envelope, _ = await send_letter(guest, author, recipient, "thanks")
        assert len(await session.fetch(inbox)) == MAX_UNANSWERED + 1


# ------------------------------------------------------------------------------------------------ who reads the answers


async def as_stranger(hub: World, user: Key) -> Connection:
    """A session of somebody without an account, under a certificate for mail."""
    client = Key()
    cert = certificate(user, client, hub.key, scope=["mail"])
    return await hub.connect(user, client=client, cert=cert)


async def test_a_stranger_is_answered_and_is_then_free(hub: World) -> None:
    author, recipient = Key(), await hub.member()
    mine, theirs = f"user:{author.text}", f"user:{recipient.text}"
    async with await as_stranger(hub, author) as guest, await hub.connect(recipient) as session:
        await guest.subscribe(topics=[mine])
        assert await guest.outcome(letter(author, recipient, "free?")) == "pow_needed"
        await session.subscribe(topics=[theirs])
        first, _ = await send_letter(guest, author, recipient)
        await session.until_delivered(first)
        answer = text(recipient, mine, "who are you?")
        await session.store(answer)
        await guest.until_delivered(answer)
        free = letter(author, recipient, "somebody")
        assert await guest.outcome(free) == "stored"
        await session.until_delivered(free)
    async with await as_stranger(hub, author) as again:
        assert [item["message"] for item in await again.fetch(mine)] == [answer]
    async with await hub.connect() as anonymous:
        assert await anonymous.outcome(letter(author, recipient, "as nobody")) == "pow_needed"


async def test_a_stranger_reads_the_own_inbox_only(hub: World) -> None:
    author, recipient, channel = Key(), await hub.member(), await hub.channel()
    mine, theirs = f"user:{author.text}", f"user:{recipient.text}"
    async with await as_stranger(hub, author) as guest:
        await send_letter(guest, author, recipient)
        assert await guest.topics() == {}
        store = guest.result["store"]
        for type_, fields in (
            ("fetch", {"topic": theirs}),  # what was written there would show that it was kept
            ("fetch", {"topic": channel}),
            ("fetch", {"topic": hub.topic}),
            ("fetch", {"topic": f"feed:{recipient.text}"}),
            ("subscribe", {"topics": [mine, theirs]}),
            ("subscribe", {"topics": [channel]}),
            ("subscribe", {"keys": [author.text]}),
            ("subscribe", {"messages": [b64(bytes(32))]}),
            ("subscribe", {"topics": [mine], "since": 0, "store": store}),
            ("token", {}),
            ("serve", {"certs": []}),
        ):
            with pytest.raises(Refused) as caught:
                await guest.ask(type_, **fields)
            assert caught.value.code == "denied", (type_, fields)
        assert await guest.fetch(mine) == []
        for envelope in (text(author, channel, "x"), text(author, "feed", "x"), text(author, theirs, "x")):
            assert await guest.outcome(envelope) == "denied"
    users = hub.rows(
        "SELECT count(*) FROM peers_peer p JOIN peers_user u ON u.id = p.user_id WHERE u.key = ?", author.public
    )
    assert users == [(0,)], "nothing is kept of a stranger's certificate"
    with pytest.raises(Refused) as refused:  # a certificate of an account is none of a stranger
        await hub.connect(Key())
    assert refused.value.code == "denied"


async def test_a_member_under_a_certificate_for_mail_is_a_guest(hub: World) -> None:
    member = await hub.member()
    async with await as_stranger(hub, member) as guest:
        assert await guest.topics() == {}
        assert await guest.outcome(text(member, "feed", "x")) == "denied"
    both = Key()
    async with await hub.connect(
        member, client=both, cert=certificate(member, both, hub.key, scope=["login", "mail"])
    ) as session:
        assert await session.outcome(text(member, "feed", "x")) == "stored"


async def test_a_ticket_is_for_later(hub: World) -> None:
    author, recipient = Key(), await hub.member()
    envelope = letter(author, recipient)
    async with await hub.connect() as guest:
        answer = await guest.ask("wait", key=author.text, id=id_of(envelope))
        assert set(answer["ticket"]) == {"server", "key", "id", "given", "tag"}
        entry = {"id": id_of(envelope), "ticket": answer["ticket"]}
        (result,) = await guest.publish(envelope, pow=[entry])
        assert (result["code"], 0 < result["retry_ms"] <= 600_000) == ("pow_needed", True)
        early = {**entry, "ticket": {**answer["ticket"], "given": answer["ticket"]["given"] - 600_000}}
        assert await guest.outcome(envelope, pow=[early]) == "pow_needed"


async def test_a_name_leads_to_a_key_whoever_has_it(hub: World) -> None:
    key = Key()
    async with await hub.connect(hub.admin) as session:
        await session.store(hub.add_user(hub.admin, key, "somebody.here"))
    async with await hub.connect() as guest:
        known = await guest.ask("to", name="Somebody.Here")
        unknown = [await guest.ask("to", name="nobody.here") for _ in range(2)]
        assert (known["name"], known["key"]) == ("somebody.here", key.text)
        assert unknown[0]["key"] == unknown[1]["key"] != known["key"]
        assert set(known) == set(unknown[0])
        decoy = await guest.ask("to", name="nobody.there")
        assert decoy["key"] != unknown[0]["key"]
        for bad in ("x", "no body", 1, None):
            with pytest.raises(Refused) as caught:
                await guest.ask("to", name=bad)
            assert caught.value.code == "bad_request"
