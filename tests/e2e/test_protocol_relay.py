"""Relays: another hub that carries what one of this hub's users may read (protocol.md section 4), by a client written
from the protocol alone. What it may read and bring, one by one, and above all what not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.plain_client import (
    DAY_MS,
    DEADLINE_SECONDS,
    Connection,
    Json,
    Key,
    Refused,
    b64,
    certificate,
    id_of,
    message,
    now_ms,
    ref,
    statement,
    text,
)
from tests.e2e.world import World, channel_topic

HOUR_MS = 3600 * 1000


def relay_certificate(user: Key, peer: Key, hub: bytes, **fields: Any) -> Json:
    return certificate(user, peer, hub, **{"scope": ["relay"], **fields})


@dataclass
class Other:
    """A hub that is not there but for its keys: what it signs, a relay brings."""

    hub: World
    member: Key  # the user of this hub whose relay it is
    key: Key
    admin: Key
    session: Connection

    @property
    def told(self) -> Json:
        return {"name": "Elsewhere", "admin": statement(self.key, "set_admin", user=self.admin.text)}

    async def serve(self, *users: Key, **fields: Any) -> list[str]:
        """Show certificates of these users; gives those whom the hub takes."""
        certs = [relay_certificate(user, self.key, self.hub.key) for user in users]
        return list((await self.session.ask("serve", certs=certs, **fields))["users"])

    def opening(self, nonce: bytes, *, by: Key | None = None, **fields: Any) -> Json:
        """The message that opens a channel there."""
        body = {"nonce": b64(nonce), "name": "garden", "about": "far away"}
        return message(by or self.admin, "chan.open", f"hub:{self.key.text}", body, **fields)

    async def channel(self) -> str:
        """A channel there that is known here."""
        await self.session.ask("serve", certs=[], hubs=[self.told])
        nonce = os.urandom(16)
        await self.session.store(self.opening(nonce))
        return channel_topic(self.admin, nonce, self.key.public)


@pytest.fixture
async def other(hub: World) -> AsyncIterator[Other]:
    member, key = await hub.member(), Key()
    session = await hub.connect(client=key, cert=relay_certificate(member, key, hub.key))
    async with session:
        yield Other(hub, member, key, Key(), session)


async def refused(session: Connection, type_: str, **fields: Any) -> str:
    """The code with which a frame is refused."""
    with pytest.raises(Refused) as caught:
        await session.ask(type_, **fields)
    return str(caught.value.code)


def ids(items: list[Json]) -> set[str]:
    return {id_of(item["message"]) for item in items}


# -------------------------------------------------------------------------------------------------------------- login


async def test_the_scope_makes_the_session(hub: World) -> None:
    user, peer = await hub.member(), Key()
    words = text(Key(), "feed", "signed by somebody else")
    both = relay_certificate(user, peer, hub.key, scope=["login", "relay"])
    async with await hub.connect(client=peer, cert=both) as session:
        assert session.result["scope"] == ["login", "relay"]
        assert await session.outcome(words) == "denied"
        await session.ask("token")
    async with await hub.connect(client=peer, cert=relay_certificate(user, peer, hub.key)) as session:
        assert session.result["scope"] == ["relay"]
        assert await session.outcome(words) == "stored"
        assert await refused(session, "token") == "denied"
        assert await refused(session, "signal", to=f"user:{user.text}", body={}) == "denied"


async def test_moments_are_not_carried(hub: World, other: Other) -> None:
    member, channel = await hub.member(), await hub.channel()
    await other.session.subscribe(topics=[channel])
    async with await hub.connect(member) as session:
        for to in (channel, f"user:{other.member.text}"):
            await session.send("signal", to=to, body={"typing": True})
        await session.store(probe := text(member, channel, "after them"))
    await other.session.until_delivered(probe)
    assert other.session.first("signal") is None


async def test_accounts_that_are_not_claimed_have_no_relays(hub: World) -> None:
    temporary, peer = Key(), Key()
    async with await hub.connect(hub.admin) as session:
        await session.store(hub.add_user(hub.admin, temporary, kind="temp"))
    for user in (temporary, Key()):
        with pytest.raises(Refused) as caught:
            await hub.connect(client=peer, cert=relay_certificate(user, peer, hub.key))
        assert caught.value.code == "denied"


async def test_a_revoked_relay_is_closed(hub: World, other: Other) -> None:
    revocation = message(other.member, "cert.revoke", "feed", {"clientkey": other.key.text})
    async with await hub.connect(other.member) as session:
        await session.store(revocation)
    assert await other.session.closed() == 4403


# --------------------------------------------------------------------------------------------------------------- reads


async def test_it_reads_as_its_user(hub: World, other: Other) -> None:
    friend, channel = await hub.member(), await hub.channel()
    to_user, to_friend = text(friend, f"user:{other.member.text}", "in"), text(other.member, f"user:{friend.text}", "o")
    between = text(friend, f"user:{hub.admin.text}", "private")
    spoken, said = text(friend, channel, "open"), text(friend, "feed", "feed")
    async with await hub.connect(friend) as session:
        await session.store(to_user, between, spoken, said)
    async with await hub.connect(other.member) as session:
        await session.store(to_friend)
    reads = other.session
    assert ids(await reads.fetch(channel)) == {id_of(spoken)}
    assert ids(await reads.fetch(f"feed:{friend.text}")) == {id_of(said)}
    assert ids(await reads.fetch(f"user:{other.member.text}")) == {id_of(to_user)}
    assert ids(await reads.fetch(f"user:{friend.text}")) == {id_of(to_friend)}  # what its user wrote, and no more
    assert await reads.fetch(f"user:{hub.admin.text}") == []
    assert await refused(reads, "subscribe", topics=[f"user:{friend.text}"]) == "denied"
    rows = await reads.topics()
    assert {channel, f"feed:{friend.text}", f"user:{other.member.text}", hub.topic} <= set(rows)
    assert [name for name in rows if name.startswith("user:")] == [f"user:{other.member.text}"]
    await reads.subscribe(keys=[friend.text], since=0, store=reads.result["store"])
    assert ids(reads.delivered()) == {id_of(to_user), id_of(spoken), id_of(said)}


async def test_of_the_hub_it_reads_the_channels_and_what_is_its_users(hub: World, other: Other) -> None:
    parent, child = await hub.member(invites=5), Key()
    async with await hub.connect(parent) as session:
        await session.store(hub.add_user(parent, child))
    channel = await hub.channel()
    items = [item["message"]["header"] for item in await other.session.fetch(hub.topic)]
    assert {header["type"] for header in items} == {"chan.open", "add_user"}
    own = [header for header in items if header["type"] == "add_user"]
    assert len(own) == 1  # that of its user
    await other.session.subscribe(topics=[hub.topic, channel], since=0, store=other.session.result["store"])
    assert len(other.session.delivered()) == len(items)
    await hub.channel()
    await other.session.until(lambda: len(other.session.delivered()) == len(items) + 1)


async def test_an_admins_relay_reads_no_more_of_the_hub(hub: World) -> None:
    parent, child, peer = await hub.member(invites=5), Key(), Key()
    addition = hub.add_user(parent, child)
    async with await hub.connect(parent) as session:
        await session.store(addition)
    async with await hub.connect(hub.admin) as session:
        assert id_of(addition) in ids(await session.fetch(hub.topic))
    async with await hub.connect(client=peer, cert=relay_certificate(hub.admin, peer, hub.key)) as session:
        assert id_of(addition) not in ids(await session.fetch(hub.topic))
        await session.subscribe(topics=[hub.topic], keys=[parent.text], since=0, store=session.result["store"])
        assert id_of(addition) not in ids(session.delivered())


async def test_whom_it_serves_it_reads_for(hub: World, other: Other) -> None:
    stranger, member = Key(), await hub.member()
    inbox = f"user:{stranger.text}"
    assert await refused(other.session, "subscribe", topics=[inbox]) == "denied"
    assert await other.serve(stranger) == [stranger.text]
    early, late = text(member, inbox, "early"), text(member, inbox, "late")
    async with await hub.connect(member) as session:
        await session.store(early)
        assert ids(await other.session.fetch(inbox)) == {id_of(early)}
        await other.session.subscribe(topics=[inbox], since=0, store=other.session.result["store"])
        await other.session.until_delivered(early)
        await session.store(late)
    await other.session.until_delivered(late)
    assert inbox in await other.session.topics()


BAD_CERTIFICATES: dict[str, Callable[[Key, Other], Json]] = {
    "blesses another peer": lambda user, other: relay_certificate(user, Key(), other.hub.key),
    "for another hub": lambda user, other: relay_certificate(user, other.key, Key().public),
    "expired": lambda user, other: relay_certificate(
        user, other.key, other.hub.key, issued_at=now_ms() - DAY_MS, expiration=now_ms() - 1
    ),
    "too long": lambda user, other: relay_certificate(
        user, other.key, other.hub.key, expiration=now_ms() + 31 * DAY_MS
    ),
    "a login's": lambda user, other: certificate(user, other.key, other.hub.key),
    "a login's too": lambda user, other: relay_certificate(user, other.key, other.hub.key, scope=["login", "relay"]),
    "signed by another": lambda user, other: {
        **relay_certificate(user, other.key, other.hub.key),
        "userkey": Key().text,
    },
    "no certificate": lambda user, other: {},
}


@pytest.mark.parametrize("what", BAD_CERTIFICATES)
async def test_certificates_that_open_no_inbox(hub: World, other: Other, what: str) -> None:
    victim, good = await hub.member(), Key()
    certs = [BAD_CERTIFICATES[what](victim, other), relay_certificate(good, other.key, hub.key)]
    assert (await other.session.ask("serve", certs=certs))["users"] == [good.text]
    assert await refused(other.session, "subscribe", topics=[f"user:{victim.text}"]) == "denied"


async def test_certificates_shown_to_one_hub_open_nothing_to_another(hub: World, other: Other) -> None:
    user, peer = Key(), Key()
    assert await other.serve(user) == [user.text]
    certs = [relay_certificate(user, other.key, hub.key)]
    async with await hub.connect(client=peer, cert=relay_certificate(other.member, peer, hub.key)) as session:
        assert (await session.ask("serve", certs=certs))["users"] == []
        assert await refused(session, "subscribe", topics=[f"user:{user.text}"]) == "denied"


@pytest.mark.parametrize("how", ["serial", "clientkey"])
async def test_what_is_revoked_is_served_no_more(hub: World, other: Other, how: str) -> None:
    user, member = Key(), await hub.member()
    inbox = f"user:{user.text}"
    cert = relay_certificate(user, other.key, hub.key)
    assert (await other.session.ask("serve", certs=[cert]))["users"] == [user.text]
    await other.session.subscribe(topics=[inbox])
    await other.session.store(message(user, "cert.revoke", "feed", {how: cert[how]}))
    await until_denied(other.session, inbox)
    async with await hub.connect(member) as session:
        await session.store(text(member, inbox, "not for that hub"))
        await session.store(probe := text(member, "feed", "after it"))
    await other.session.subscribe(topics=[f"feed:{member.text}"], since=0, store=other.session.result["store"])
    await other.session.until_delivered(probe)
    assert [item for item in other.session.delivered() if item["message"]["header"]["to"] == inbox] == []
    assert (await other.session.ask("serve", certs=[cert]))["users"] == []
    assert hub.rows(
        "SELECT count(*) FROM peers_blessing b JOIN peers_user u ON u.id = b.user_id WHERE u.key = ?", user.public
    ) == [(0,)]


async def until_denied(session: Connection, inbox: str) -> None:
    """Ask for an inbox until it is refused."""

    async def ask_on() -> None:
        while True:
            await session.ask("subscribe", topics=[inbox])

    with pytest.raises(Refused, match="denied"):
        await asyncio.wait_for(ask_on(), DEADLINE_SECONDS)


async def test_a_certificate_that_expires_is_good_no_more(hub: World, other: Other) -> None:
    user = Key()
    cert = relay_certificate(user, other.key, hub.key, expiration=now_ms() + 1_500)
    assert (await other.session.ask("serve", certs=[cert]))["users"] == [user.text]
    inbox = f"user:{user.text}"
    await other.session.subscribe(topics=[inbox])
    await until_denied(other.session, inbox)
    assert now_ms() >= cert["expiration"]


async def test_only_hubs_and_members_serve(hub: World) -> None:
    temporary = Key()
    async with await hub.connect(hub.admin) as session:
        await session.store(hub.add_user(hub.admin, temporary, kind="temp"))
    for user in (None, temporary):
        async with await hub.connect(user) as session:
            assert await refused(session, "serve", certs=[]) == "denied"


# -------------------------------------------------------------------------------------------------------------- writes


async def test_it_brings_what_anyone_has_signed_to_open_topics(hub: World, other: Other) -> None:
    author, channel, member = Key(), await hub.channel(), await hub.member()
    words, said = text(author, channel, "from afar"), text(author, "feed", "feed")
    mail = text(author, f"user:{member.text}", "a letter")
    async with await hub.connect(member) as session:
        await session.subscribe(topics=[channel, f"user:{member.text}"])
        await other.session.store(words, said, mail)
        await session.until_delivered(words, mail)
        assert ids(await session.fetch(f"feed:{author.text}")) == {id_of(said)}
        assert await other.session.outcome(words) == "duplicate"


WRITES: dict[str, tuple[str, Callable[[Other, Key, str], Json]]] = {
    "forged": ("bad_sig", lambda other, key, channel: {
        **text(key, channel, "mine"), "sig": text(Key(), channel, "theirs")["sig"]}),
    "no such channel": ("not_found", lambda other, key, channel: text(key, f"chan:{b64(bytes(32))}", "?")),
    "an inbox that is not kept": ("not_found", lambda other, key, channel: text(key, f"user:{Key().text}", "?")),
    "encrypted in an open channel": ("bad_request", lambda other, key, channel: text(
        key, channel, "?", enc={"epoch": 1, "win": 1, "kid": b64(bytes(32))})),
    "from the future": ("future", lambda other, key, channel: text(
        key, channel, "?", created_at=now_ms() + HOUR_MS)),
    "burned": ("burned", lambda other, key, channel: text(
        key, channel, "?", created_at=now_ms() - HOUR_MS, burn_at=now_ms() - 1)),
    "a channel of this hub": ("denied", lambda other, key, channel: message(
        other.hub.admin, "chan.open", other.hub.topic, {"nonce": b64(bytes(16)), "name": "replayed"})),
    "an account by the admin": ("denied", lambda other, key, channel: other.hub.add_user(other.hub.admin, key)),
    "another hub's account": ("denied", lambda other, key, channel: message(
        other.admin, "add_user", f"hub:{other.key.text}", {"pubkey": key.text, "account_name": "x", "kind": "real"})),
    "its user's, to another hub": ("wrong_server", lambda other, key, channel: message(
        other.member, "remove_user", f"hub:{other.key.text}",
        {"pubkey": key.text, "mode": "subtree", "at": now_ms()})),
    "a channel of an unknown hub": ("denied", lambda other, key, channel: message(
        other.admin, "chan.open", f"hub:{Key().text}", {"nonce": b64(os.urandom(16)), "name": "x"})),
    "a foreign channel, by its user": ("denied", lambda other, key, channel: other.opening(
        os.urandom(16), by=other.member)),
    "a foreign channel, by its hub's key": ("denied", lambda other, key, channel: other.opening(
        os.urandom(16), by=other.key)),
    "a foreign channel, by this hub's admin": ("denied", lambda other, key, channel: other.opening(
        os.urandom(16), by=other.hub.admin)),
    "a foreign channel with what must be understood": ("unsupported", lambda other, key, channel: other.opening(
        os.urandom(16), crit=["news"], news="?")),
    "an import into a channel of this hub": ("denied", lambda other, key, channel: message(
        key, "import.text", channel, {"text": "never said", "author": "ann", "source": "log:1"})),
    "its user's own account": ("quota", lambda other, key, channel: other.hub.add_user(other.member, key)),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITES)
async def test_what_it_may_not_bring(hub: World, other: Other, what: str) -> None:
    channel = await hub.channel()
    await other.session.ask("serve", certs=[], hubs=[other.told])
    code, make = WRITES[what]
    envelope = make(other, Key(), channel)
    probe = text(Key(), channel, "a neighbour")
    results = await other.session.publish(envelope, probe)
    assert [result.get("code", result["status"]) for result in results] == [code, "stored"]
    assert hub.stored(id_of(envelope)) is None


async def test_inboxes_that_are_kept_are_told_by_the_served_alone(hub: World, other: Other) -> None:
    """Whom somebody has mentioned, or who has a feed here, is a known key; their inbox is still not this hub's."""
    known, served, author = Key(), Key(), Key()
    await other.session.store(text(known, "feed", "here"), text(author, "feed", "hello", attention_keys=[served.text]))
    assert await other.session.outcome(text(author, f"user:{known.text}", "?")) == "not_found"
    assert await other.session.outcome(text(author, f"user:{served.text}", "?")) == "not_found"
    await other.serve(served)
    assert await other.session.outcome(text(author, f"user:{served.text}", "kept")) == "stored"


async def test_references_are_left_to_readers(hub: World, other: Other) -> None:
    """Else two hubs that heard in another order would not hold the same."""
    author, intruder, channel = Key(), Key(), await hub.channel()
    words = text(author, channel, "mine")
    meddling = [
        message(intruder, "chat.edit", channel, {"text": "yours"}, refs=ref("edit", words)),
        message(intruder, "chat.delete", channel, {}, refs=ref("delete", words)),
        message(intruder, "chat.pin", channel, {}, refs=ref("pin", words)),
    ]
    await other.session.store(words, *meddling)
    (row,) = [row for row in await other.session.fetch(channel) if id_of(row["message"]) == id_of(words)]
    assert row["message"]["body"] == words["body"]
    await other.session.store(message(author, "chat.delete", channel, {}, refs=ref("delete", words)))
    (row,) = [row for row in await other.session.fetch(channel) if id_of(row["message"]) == id_of(words)]
    assert "body" not in row["message"]


async def test_each_message_is_counted_once(hub: World, other: Other) -> None:
    author, writer, channel = Key(), await hub.member(), await hub.channel()

    def used(key: Key) -> int:
        query = "SELECT messages_used FROM peers_account a JOIN peers_user u ON u.id = a.user_id WHERE u.key = ?"
        return int(hub.rows(query, key.public)[0][0])

    await other.session.store(text(author, channel, "a stranger's"), text(author, "feed", "another"))
    assert (used(other.member), used(writer)) == (2, 0)
    await other.session.store(text(writer, channel, "a member's"), text(other.member, channel, "its user's"))
    assert (used(other.member), used(writer)) == (3, 1)


async def test_what_its_user_may_not_store_it_may_not_bring(hub: World) -> None:
    (member,), peer, channel = await hub.add_members(1, messages=1), Key(), await hub.channel()
    async with await hub.connect(client=peer, cert=relay_certificate(member, peer, hub.key)) as session:
        assert await session.outcome(text(Key(), channel, "one")) == "stored"
        assert await session.outcome(text(Key(), channel, "two")) == "quota"


# ---------------------------------------------------------------------------------------------------- foreign channels


async def test_a_foreign_channel_is_shown_with_its_hub_and_used_by_members(hub: World, other: Other) -> None:
    member = await hub.member()
    async with await hub.connect(member) as session:
        channel = await other.channel()
        added = await session.until(lambda: session.first("topic_added", topic=channel))
        row = (await session.topics())[channel]
        assert {**row, "type": "topic_added"} == added
        assert (row["name"], row["hub"], row["hub_name"], row["role"]) == (
            "garden", other.key.text, "Elsewhere", "member")  # fmt: skip
        assert row["admin"]["user"] == other.admin.text
        assert "used" not in row
        assert "used" not in (await other.session.topics())[channel]
        words = text(member, channel, "hello over there")
        await other.session.subscribe(topics=[channel])
        await session.store(words)
        await other.session.until_delivered(words)
        hour_old = other.opening(os.urandom(16), created_at=now_ms() - HOUR_MS)
        await other.session.store(hour_old)
        assert await session.outcome(other.opening(os.urandom(16))) == "denied"  # a member brings what is his own
        assert (await other.session.topics())[channel]["used"]
        own = message(member, "chan.open", f"hub:{other.key.text}", {"nonce": b64(bytes(16)), "name": "x"})
        assert await session.outcome(own) == "wrong_server"
        with pytest.raises(Refused, match="not_found"):
            await session.fetch(f"hub:{other.key.text}")
    assert hour_old["header"] in [
        item["message"]["header"] for item in await other.session.fetch(f"hub:{other.key.text}")
    ]


async def test_a_foreign_channel_is_administered_from_there(hub: World, other: Other) -> None:
    channel, member = await other.channel(), await hub.member()
    words = text(member, channel, "pin me, then remove me")
    pin = {"type_": "chat.pin", "to": channel, "body": {}, "refs": ref("pin", words)}
    deletion = {"type_": "chat.delete", "to": channel, "body": {}, "refs": ref("delete", words)}
    async with await hub.connect(member) as session:
        await session.store(words)
    async with await hub.connect(hub.admin) as session:
        await session.store(hub.add_user(hub.admin, other.admin))
        assert (await session.topics())[channel]["role"] == "member"
        assert await session.outcome(message(hub.admin, **pin)) == "denied"
        assert await session.outcome(message(hub.admin, **deletion)) == "denied"
    async with await hub.connect(other.admin) as session:
        assert (await session.topics())[channel]["role"] == "admin"
        await session.store(message(other.admin, **pin), message(other.admin, **deletion))
        assert hub.stored(id_of(words))[2] is None  # type: ignore[index]
        assert await session.outcome(message(other.admin, "chan.open", hub.topic, {
            "nonce": b64(bytes(16)), "name": "here"})) == "denied"  # fmt: skip


async def test_the_newest_set_admin_counts_and_only_the_hubs_own(hub: World, other: Other) -> None:
    serve = {"certs": []}
    first = other.told
    usurper = Key()
    forged = {**first["admin"], "user": usurper.text}
    foreign = statement(Key(), "set_admin", user=usurper.text) | {"hub": other.key.text}
    older = statement_at(other.key, usurper, first["admin"]["at"] - 1)
    wrong_type = statement(other.key, "root", user=usurper.text)
    await other.session.ask("serve", hubs=[first], **serve)
    for bad in (forged, foreign, older, wrong_type, {}):
        await other.session.ask("serve", hubs=[{"name": "x", "admin": bad}], **serve)
        assert await other.session.outcome(other.opening(os.urandom(16), by=usurper)) == "denied"
    await other.session.store(other.opening(os.urandom(16)))
    newer = statement_at(other.key, usurper, first["admin"]["at"] + 1)
    await other.session.ask("serve", hubs=[{"name": "Elsewhere", "admin": newer}], **serve)
    await other.session.store(other.opening(os.urandom(16), by=usurper))
    assert await other.session.outcome(other.opening(os.urandom(16))) == "denied"


def statement_at(hub: Key, user: Key, at: int) -> Json:
    return statement(hub, "set_admin", user=user.text, at=at)


async def test_a_hub_says_its_own_name_and_others_may_not(hub: World, other: Other) -> None:
    channel = await other.channel()
    peer = Key()
    async with await hub.connect(client=peer, cert=relay_certificate(other.member, peer, hub.key)) as session:
        await session.ask("serve", certs=[], hubs=[{**other.told, "name": "A better name"}])
        assert (await session.topics())[channel]["hub_name"] == "Elsewhere"
    await other.session.ask("serve", certs=[], hubs=[{**other.told, "name": "Renamed"}])
    assert (await other.session.topics())[channel]["hub_name"] == "Renamed"


async def test_imports_of_other_hubs_are_carried_and_deleted_by_their_admin(hub: World, other: Other) -> None:
    channel = await other.channel()
    line = message(Key(), "import.text", channel, {"text": "said", "author": "ann", "source": "log:1"})
    await other.session.store(line)
    await other.session.store(message(other.admin, "chat.delete", channel, {}, refs=ref("delete", line)))
    assert hub.stored(id_of(line))[2] is None  # type: ignore[index]


# ------------------------------------------------------------------------------------------------------- of this hub


async def test_a_member_blesses_the_hub_for_those_it_is_linked_with(hub: World, other: Other) -> None:
    member = await hub.member()
    async with await hub.connect(member) as session:
        before = await session.ask("serve", certs=[])
        assert (before["users"], before["blessings"], before["carry"]) == ([], [], True)
        await other.session.ask("serve", certs=[], hubs=[other.told])
        told = await session.until(lambda: session.first("linked"))
        assert other.key.text in told["hubs"]
        cert = certificate(
            member, Key(), other.key.public, clientkey=b64(hub.key), scope=["relay"], expiration=now_ms() + 29 * DAY_MS
        )
        after = await session.ask("serve", certs=[cert])
        blessing = {"serial": cert["serial"], "servers": cert["servers"], "until": cert["expiration"]}
        assert (after["users"], after["blessings"], after["carry"]) == ([member.text], [blessing], True)
        assert other.key.text in after["hubs"]
        off = await session.ask("serve", certs=[], carry=False)
        assert (off["users"], off["blessings"], off["carry"]) == ([], [], False)
        assert await refused(session, "serve", certs=[cert]) == "denied"
    async with await hub.connect(member) as session:  # on another device too
        assert await refused(session, "serve", certs=[cert]) == "denied"
        assert (await session.ask("serve", certs=[cert], carry=True))["blessings"] == [blessing]
        await session.store(message(member, "cert.revoke", "feed", {"serial": cert["serial"]}))
        assert (await session.ask("serve", certs=[]))["blessings"] == []


async def test_a_member_blesses_with_certificates_of_that_kind_only(hub: World, other: Other) -> None:
    member = await hub.member()
    ours = {"clientkey": b64(hub.key)}
    async with await hub.connect(member) as session:
        for bad in (
            certificate(member, Key(), other.key.public, **ours),
            certificate(member, Key(), other.key.public, scope=["login", "relay"], **ours),
            certificate(member, other.key, hub.key, scope=["relay"]),
            certificate(Key(), Key(), other.key.public, scope=["relay"], **ours),
        ):
            assert await refused(session, "serve", certs=[bad]) == "bad_request"
        assert (await session.ask("serve", certs=[]))["blessings"] == []
