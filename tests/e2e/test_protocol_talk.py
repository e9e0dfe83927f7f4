"""Edits, deletes, reactions, pins, burning, mail among members, signals (protocol.md sections 1, 4 and 14)."""

from __future__ import annotations

import asyncio
import os
import secrets

import pytest

from tests.e2e.plain_client import Json, Key, Refused, b64, check_message, id_of, message, now_ms, ref, text, unb64
from tests.e2e.world import World
from tests.hubs import wait_until

pytestmark = pytest.mark.e2e

HEADER_AND_SIGNATURE = {"header", "sig"}


def edit(author: Key, target: Json, words: str, **fields: object) -> Json:
    return message(author, "chat.edit", target["header"]["to"], {"text": words}, refs=ref("edit", target), **fields)


def delete(author: Key, target: Json, **fields: object) -> Json:
    return message(author, "chat.delete", target["header"]["to"], {}, refs=ref("delete", target), **fields)


def without_body(envelope: Json) -> Json:
    return {name: envelope[name] for name in HEADER_AND_SIGNATURE}


def find(items: list[Json], envelope: Json) -> Json:
    """The message as it is among items."""
    (found,) = [item["message"] for item in items if id_of(item["message"]) == id_of(envelope)]
    return found


# Edit


async def test_an_edit_is_by_the_author_in_the_same_topic_with_the_same_end(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel, elsewhere = await hub.channel(), await hub.channel()
    burn_at = now_ms() + 3_600_000
    plain, burning = text(user, channel, "frist"), text(user, channel, "brief", burn_at=burn_at)
    async with (
        await hub.connect(user) as session,
        await hub.connect(other) as stranger,
        await hub.connect(hub.admin) as admin,
    ):
        await session.store(plain, burning)
        assert await stranger.outcome(edit(other, plain, "mine now")) == "denied"
        assert await admin.outcome(edit(hub.admin, plain, "even the admin")) == "denied"
        assert await session.outcome(edit(user, burning, "for ever")) == "denied"
        assert await session.outcome(edit(user, plain, "brief", burn_at=burn_at)) == "denied"
        assert await session.outcome({**edit(user, plain, "x"), "sig": plain["sig"]}) == "bad_sig"
        moved = message(user, "chat.edit", elsewhere, {"text": "x"}, refs=ref("edit", plain))
        assert await session.outcome(moved) == "bad_request"
        assert (
            await session.outcome(
                message(user, "chat.edit", channel, {"text": "x"}, refs=[*ref("edit", plain), *ref("edit", burning)])
            )
            == "bad_request"
        )
        good = [edit(user, plain, "first"), edit(user, burning, "brief!", burn_at=burn_at)]
        await session.store(*good)
        items = await session.fetch(channel)
        assert [find(items, envelope) for envelope in good] == good
        assert find(items, plain) == plain  # the original stays: readers show the newest edit


async def test_an_edit_may_come_before_its_target(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    late = text(user, channel, "late")
    async with await hub.connect(user) as session:
        await session.store(edit(user, late, "edited"), late)


# Delete


async def test_a_delete_takes_the_body_and_leaves_the_header(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    mark = secrets.token_hex(20)
    target, kept = text(user, channel, mark), text(user, channel, "kept")
    async with await hub.connect(user) as session:
        await session.store(target, kept)
        gone = delete(user, target)
        await session.store(gone)
        items = await session.fetch(channel)
        assert find(items, target) == without_body(target)
        assert (find(items, kept), find(items, gone)) == (kept, gone)
        check_message(find(items, target))
        backlog = await session.subscribe(topics=[channel], since=0, store=session.result["store"])
        assert backlog
        assert find(session.delivered(), target) == without_body(target)
        cursor, salt, body = hub.stored(id_of(target)) or ()
        assert (bool(cursor), salt, body) == (True, None, None)
        # Nothing brings it back.
        assert await session.outcome(target) == "duplicate"
        assert find(await session.fetch(channel), target) == without_body(target)


async def test_a_delete_in_the_same_frame_as_its_target(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    first, second = text(user, channel, "first"), text(user, channel, "second")
    async with await hub.connect(user) as session:
        await session.store(first, delete(user, first), delete(user, second), second)
        items = await session.fetch(channel)
        assert find(items, first) == without_body(first)
        assert find(items, second) == without_body(second)


async def test_a_delete_that_comes_first_wins(hub: World) -> None:
    """The body is never stored and never delivered, live, from the backlog or in pages."""
    user, listener = await hub.add_members(2)
    channel = await hub.channel()
    mark = secrets.token_hex(20)
    target, other_target, last = text(user, channel, mark), text(user, channel, mark), text(user, channel, "the last")
    async with await hub.connect(user) as session, await hub.connect(listener) as reader:
        await reader.subscribe(topics=[channel])
        assert await session.outcome(without_body(target)) == "bad_request"  # without a delete held it needs its body
        gone = [delete(user, target), delete(user, other_target)]
        await session.store(*gone)
        await session.store(target)
        await session.store(without_body(other_target))
        await session.store(last)
        assert [result["status"] for result in await session.publish(other_target, target)] == ["duplicate"] * 2
        await reader.until_delivered(last)
        assert [item["message"] for item in reader.delivered()] == [
            *gone,
            without_body(target),
            without_body(other_target),
            last,
        ]
        items = await session.fetch(channel)
        assert find(items, target) == without_body(target)
        assert find(items, other_target) == without_body(other_target)
        assert (hub.stored(id_of(target)) or ())[1:] == (None, None)
    assert not hub.holds_bytes(mark.encode())


async def test_only_the_author_and_the_topics_admin_delete(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel, elsewhere = await hub.channel(), await hub.channel()
    targets = [text(user, channel, f"number {i}") for i in range(4)]
    note = text(user, "feed", "in the own feed")
    letter = text(other, f"user:{user.text}", "a letter")
    async with (
        await hub.connect(user) as session,
        await hub.connect(other) as stranger,
        await hub.connect(hub.admin) as admin,
    ):
        await session.store(*targets, note)
        await stranger.store(letter)
        own = text(other, channel, "my own")
        await stranger.store(own)
        assert await stranger.outcome(delete(other, targets[0])) == "denied"
        mine_and_theirs = [*ref("delete", own), *ref("delete", targets[0])]
        assert await stranger.outcome(message(other, "chat.delete", channel, {}, refs=mine_and_theirs)) == "denied"
        assert find(await stranger.fetch(channel), own) == own
        assert (
            await session.outcome(delete(user, targets[0], created_at=targets[0]["header"]["created_at"] - 1))
            == "bad_request"
        )
        moved = message(user, "chat.delete", elsewhere, {}, refs=ref("delete", targets[0]))
        assert await session.outcome(moved) == "bad_request"
        both = [*ref("delete", targets[0]), *ref("delete", targets[1])]
        mixed = message(user, "chat.delete", channel, {}, refs=[*both, *ref("edit", targets[2])])
        assert await session.outcome(mixed) == "bad_request"
        items = await session.fetch(channel)
        assert [find(items, target) for target in targets] == targets

        await session.store(message(user, "chat.delete", channel, {"reason": "both"}, refs=both))
        await admin.store(delete(hub.admin, targets[2]))  # the admin of open channels
        await session.store(delete(user, letter))  # the owner of the inbox
        items = await session.fetch(channel)
        assert [find(items, target) == without_body(target) for target in targets] == [True, True, True, False]
        assert find(await session.fetch(f"user:{user.text}"), letter) == without_body(letter)
        assert find(await session.fetch(f"feed:{user.text}"), note) == note


async def test_a_strangers_delete_that_comes_first_does_nothing(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel, elsewhere = await hub.channel(), await hub.channel()
    target = text(user, channel, "it stays")
    early = text(user, channel, "older than that", created_at=now_ms() + 60_000)
    async with await hub.connect(user) as session, await hub.connect(other) as stranger:
        for useless in (
            message(other, "chat.delete", channel, {}, refs=ref("delete", target)),
            message(other, "chat.delete", "feed", {}, refs=ref("delete", target)),
        ):
            assert await stranger.outcome(useless) in ("stored", "denied")
        await session.store(message(user, "chat.delete", elsewhere, {}, refs=ref("delete", target)))
        await session.store(delete(user, early))
        assert await session.outcome(without_body(target)) == "bad_request"
        await session.store(target, early)
        items = await session.fetch(channel)
        assert (find(items, target), find(items, early)) == (target, early)


async def test_nothing_undoes_a_delete(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    target = text(user, channel, "said")
    async with await hub.connect(user) as session:
        await session.store(target)
        gone = delete(user, target)
        await session.store(gone)
        await session.publish(delete(user, gone), edit(user, target, "said again"))
        items = await session.fetch(channel)
        assert find(items, target) == without_body(target)
        assert await session.outcome(target) == "duplicate"
        assert find(await session.fetch(channel), target) == without_body(target)


# React and pin


async def test_reactions_are_for_all_and_pins_for_admins(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel = await hub.channel()
    target = text(user, channel, "a fine thing")
    note = text(user, "feed", "of my own")

    def react(author: Key, to: str, body: Json, about: Json = target) -> Json:
        return message(author, "chat.react", to, body, refs=ref("react", about))

    def pin(author: Key, to: str, about: Json, **body: bool) -> Json:
        return message(author, "chat.pin", to, body, refs=ref("pin", about))

    async with (
        await hub.connect(user) as session,
        await hub.connect(other) as friend,
        await hub.connect(hub.admin) as admin,
    ):
        await session.store(target, note)
        await friend.store(react(other, channel, {"emoji": "👍"}), react(other, channel, {"emoji": "👍", "off": True}))
        await session.store(react(user, channel, {"emoji": "🎉"}))
        for body in ({}, {"emoji": ""}, {"emoji": "👍", "off": 1}, {"emoji": "x" * 33}):
            assert await friend.outcome(react(other, channel, body)) == "bad_request"
        assert await friend.outcome(react(other, "feed", {"emoji": "👍"})) == "bad_request"  # the target is elsewhere
        assert await friend.outcome(message(other, "chat.react", channel, {"emoji": "👍"})) == "bad_request"

        assert await session.outcome(pin(user, channel, target)) == "denied"
        assert await friend.outcome(pin(other, channel, target)) == "denied"
        await admin.store(pin(hub.admin, channel, target), pin(hub.admin, channel, target, off=True))
        await session.store(pin(user, "feed", note))  # everyone is admin of the own feed
        assert len(await session.fetch(channel)) == 6


# Burn


async def test_a_message_burns(hub: World) -> None:
    """At burn_at it is gone for readers; soon after it is gone from the disk; the id is refused from then on."""
    user, channel = await hub.member(), await hub.channel()
    mark = secrets.token_hex(20)
    kept, later = text(user, channel, "kept"), text(user, channel, "later", burn_at=now_ms() + 3_600_000)
    burn_at = now_ms() + 1_500
    burning = text(user, channel, mark, burn_at=burn_at, attention_keys=[user.text], attention_messages=[id_of(kept)])
    reaction = message(user, "chat.react", channel, {"emoji": "🔥"}, refs=ref("react", burning), burn_at=burn_at)
    async with await hub.connect(user) as session:
        await session.store(kept, burning, reaction, later)
        assert find(await session.fetch(channel), burning) == burning
        assert await session.outcome(burning) == "duplicate"

        async with asyncio.timeout(5):
            while len(await session.fetch(channel)) == 4:
                pass
        assert burn_at <= now_ms() <= burn_at + 1_000
        assert {id_of(item["message"]) for item in await session.fetch(channel)} == {id_of(kept), id_of(later)}
        assert await session.outcome(burning) == "burned"
        await session.subscribe(topics=[channel], since=0, store=session.result["store"])
        assert {id_of(item["message"]) for item in session.delivered()} == {id_of(kept), id_of(later)}

        def gone_from_the_disk() -> bool:
            return hub.stored(id_of(burning)) is None and hub.stored(id_of(reaction)) is None

        await asyncio.to_thread(wait_until, gone_from_the_disk, what="burned on the disk")
        assert (await session.topics())[channel]["count"] == 2
        assert await session.outcome(burning) == "burned"
        derived = hub.rows("SELECT count(*) FROM messaging_reference WHERE target = ?", unb64(id_of(burning)))
        assert derived == [(0,)]


# Mail among members


async def test_an_inbox_is_read_by_its_owner(hub: World) -> None:
    owner, sender, third = await hub.add_members(3)
    inbox = f"user:{owner.text}"
    letters = [message(sender, "mail.text", inbox, {"subject": "s", "text": "t"}), text(sender, inbox, "hello")]
    of_third = text(third, inbox, "from the third")
    async with (
        await hub.connect(owner) as mine,
        await hub.connect(sender) as theirs,
        await hub.connect(third) as others,
    ):
        await mine.subscribe(topics=[inbox])
        for session in (theirs, others):
            with pytest.raises(Refused) as caught:
                await session.ask("subscribe", topics=[inbox])
            assert caught.value.code == "denied"
        await others.subscribe(keys=[sender.text, owner.text], messages=[id_of(letters[1])])
        await theirs.store(*letters)
        await others.store(of_third)
        answer = text(owner, f"user:{sender.text}", "thanks", attention_messages=[id_of(letters[1])])
        await mine.store(answer)
        await mine.until_delivered(*letters, of_third)
        assert [item["message"] for item in mine.delivered()] == [*letters, of_third]
        assert len(await mine.fetch(inbox)) == 3
        # The others see by fetch what they wrote there, and nothing else.
        found = await theirs.fetch(inbox)
        assert [find(found, envelope) for envelope in letters] == letters
        assert len(found) == 2
        assert [item["message"] for item in await others.fetch(inbox)] == [of_third]
        assert [item["message"] for item in await theirs.fetch(f"user:{sender.text}")] == [answer]
        last = text(third, await hub.channel(), "the last", attention_keys=[owner.text])
        await others.store(last)
        await others.until_delivered(last)
        assert [item["message"] for item in others.delivered()] == [last]


# Signals


async def test_a_signal_reaches_those_who_listen_and_is_not_kept(hub: World) -> None:
    user, listener, outsider = await hub.add_members(3)
    channel = await hub.channel()
    body = {"typing": True}
    async with (
        await hub.connect(user) as session,
        await hub.connect(user) as second,
        await hub.connect(listener) as friend,
        await hub.connect(outsider) as other,
    ):
        for subscriber in (session, second, friend):
            await subscriber.subscribe(topics=[channel])
        before = (await session.topics())[channel]
        begun = now_ms()
        await session.send_json({"type": "signal", "to": channel, "body": body})
        heard = await friend.until(lambda: friend.first("signal"))
        assert {name: heard[name] for name in ("from", "to", "body")} == {
            "from": user.text,
            "to": channel,
            "body": body,
        }
        assert begun <= heard["at"] <= now_ms()
        await second.until(lambda: second.first("signal"))
        await session.send_json({"type": "signal", "to": f"user:{outsider.text}", "body": {"ringing": 1}})
        heard = await other.until(lambda: other.first("signal"))
        assert (heard["to"], heard["from"]) == (f"user:{outsider.text}", user.text)
        assert (await session.topics())[channel] == before
        assert await friend.fetch(channel) == []
        await session.ask("topics")
        assert session.first("signal") is None  # not to oneself


async def test_signals_have_a_rate_a_size_and_an_address(hub: World) -> None:
    user, listener = await hub.add_members(2)
    channel = await hub.channel()
    async with await hub.connect(user) as session, await hub.connect(listener) as friend:
        await friend.subscribe(topics=[channel])
        for _ in range(12):
            await session.send_json({"type": "signal", "to": channel, "body": {"typing": True}})
        await session.ask("topics")
        errors = [frame for frame in session.frames if frame["type"] == "error"]
        assert 5 <= len(errors) <= 7
        assert {error["code"] for error in errors} == {"rate"}
        assert all(1 <= error["retry_ms"] <= 1_000 for error in errors)
        await friend.ask("topics")
        assert len([frame for frame in friend.frames if frame["type"] == "signal"]) == 12 - len(errors)
    for frame, code in (
        ({"to": channel, "body": "x" * 4_096}, "bad_request"),
        ({"to": channel}, "bad_request"),
        ({"to": "chan:" + b64(os.urandom(32)), "body": 1}, "not_found"),
        ({"to": hub.topic, "body": 1}, "denied"),
        ({"to": 5, "body": 1}, "bad_request"),
    ):
        async with await hub.connect(user) as session:
            await session.send_json({"type": "signal", **frame})
            error = await session.until(lambda session=session: session.first("error"))
            assert error["code"] == code
