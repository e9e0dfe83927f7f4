"""Subscriptions, backlogs, pages, the list of topics (protocol.md section 4)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tests.e2e.plain_client import (
    Connection,
    Json,
    Key,
    Left,
    Refused,
    b64,
    check_message,
    claim,
    id_of,
    message,
    read_link,
    ref,
    temporary_key,
    text,
)
from tests.e2e.world import World, channel_topic, new_name

pytestmark = pytest.mark.e2e

FULL_SPEED_MESSAGES = 3_000
FULL_SPEED_BATCH = 10


def ids(items: list[Json]) -> list[str]:
    return [id_of(item["message"]) for item in items]


def assert_in_order(items: list[Json]) -> None:
    """Strictly rising arrival numbers: nothing came twice, nothing came late."""
    cursors = [item["cursor"] for item in items]
    assert all(a < b for a, b in pairwise(cursors)), cursors


@contextlib.asynccontextmanager
async def at_full_speed(hub: World, user: Key, channel: str) -> AsyncIterator[asyncio.Task[list[str]]]:
    """Somebody who publishes as fast as the hub takes it; the task gives the ids in order."""

    async def publish() -> list[str]:
        sent: list[str] = []
        answers = []
        async with await hub.connect(user) as session:
            for start in range(0, FULL_SPEED_MESSAGES, FULL_SPEED_BATCH):
                batch = [text(user, channel, f"number {start + i}") for i in range(FULL_SPEED_BATCH)]
                sent += map(id_of, batch)
                answers.append(await session.begin("publish", messages=batch))
                await asyncio.sleep(0)  # a turn for the others on this loop
            for answer in answers:
                assert all(result["status"] == "stored" for result in (await answer)["results"])
        return sent

    task = asyncio.create_task(publish())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


# What a subscription brings


async def test_a_topic_brings_what_is_said_there_and_ones_own(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel, elsewhere = await hub.channel(), await hub.channel()
    async with await hub.connect(user) as session, await hub.connect(other) as friend:
        await friend.store(text(other, channel, "before"))
        live = await session.subscribe(topics=[channel])
        said = [text(user, channel, "mine"), text(other, channel, "theirs"), text(user, channel, "the last")]
        await session.store(said[0])
        await friend.store(text(other, elsewhere, "not heard"), said[1])
        await session.store(said[2])
        await session.until_delivered(said[2])
        items = session.delivered()
        assert [item["message"] for item in items] == said  # and without `since` nothing from before
        assert_in_order(items)
        assert all(item["cursor"] > live["cursor"] for item in items)
        for item in items:
            check_message(item["message"])


async def test_keys_bring_what_a_user_writes_and_where_the_user_is_named(hub: World) -> None:
    author, mentioned, speaker, listener = await hub.add_members(4)
    channel, other_channel = await hub.channel(), await hub.channel()
    async with (
        await hub.connect(listener) as session,
        await hub.connect(speaker) as crowd,
        await hub.connect(author) as writer,
    ):
        await session.subscribe(keys=[author.text, mentioned.text])
        heard = [
            text(author, channel, "by the author"),
            text(author, "feed", "by the author elsewhere"),
            text(speaker, other_channel, "@mentioned", attention_keys=[mentioned.text]),
            text(author, other_channel, "the last"),
        ]
        await writer.store(heard[0], heard[1])
        await crowd.store(text(speaker, channel, "of nobody"), heard[2])
        await writer.store(heard[3])
        await session.until_delivered(heard[3])
        assert [item["message"] for item in session.delivered()] == heard


async def test_messages_bring_answers_and_references(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel = await hub.channel()
    target, unrelated = text(user, channel, "what do you think?"), text(user, channel, "something else")
    async with await hub.connect(user) as session, await hub.connect(other) as friend:
        await session.store(target, unrelated)
        await session.subscribe(messages=[id_of(target)])
        heard = [
            text(other, channel, "I agree", attention_messages=[id_of(unrelated), id_of(target)]),
            message(other, "chat.react", channel, {"emoji": "👍"}, refs=ref("react", target)),
            message(user, "chat.edit", channel, {"text": "what do you all think?"}, refs=ref("edit", target)),
            message(user, "chat.delete", channel, {}, refs=ref("delete", target)),
        ]
        await friend.store(text(other, channel, "not an answer"), *heard[:2])
        await session.store(text(user, channel, "nor this"), *heard[2:])
        await session.until_delivered(heard[-1])
        assert [item["message"] for item in session.delivered()] == heard


async def test_what_several_subscriptions_want_comes_once(hub: World) -> None:
    user, author = await hub.add_members(2)
    channel = await hub.channel()
    target = text(author, channel, "the first")
    async with await hub.connect(user) as session, await hub.connect(author) as writer:
        await writer.store(target)
        await session.subscribe(topics=[channel], keys=[author.text, user.text], messages=[id_of(target)])
        await session.subscribe(topics=[channel])
        said = [
            text(author, channel, "all at once", attention_keys=[user.text], attention_messages=[id_of(target)]),
            text(author, channel, "the last"),
        ]
        await writer.store(*said)
        await session.until_delivered(said[-1])
        assert [item["message"] for item in session.delivered()] == said


async def test_unsubscribe_ends_it(hub: World) -> None:
    user, author = await hub.add_members(2)
    channel, kept = await hub.channel(), await hub.channel()
    async with await hub.connect(user) as session, await hub.connect(author) as writer:
        await session.subscribe(topics=[channel, kept], keys=[author.text])
        answer = await session.ask("unsubscribe", topics=[channel], keys=[author.text])
        assert answer == {"type": "unsubscribed", "ref": answer["ref"]}
        await session.ask("unsubscribe", topics=[channel])  # again is no error
        last = text(author, kept, "the last")
        await writer.store(text(author, channel, "not heard"), text(author, "feed", "nor this"), last)
        await session.until_delivered(last)
        assert [item["message"] for item in session.delivered()] == [last]


async def test_a_thousand_of_each_kind_and_no_more(hub: World) -> None:
    user = await hub.member()
    keys = [b64(os.urandom(32)) for _ in range(1_001)]
    async with await hub.connect(user) as session:
        for kind in ("keys", "messages"):
            await session.subscribe(**{kind: keys[:1_000]})
            await session.subscribe(**{kind: keys[:1_000]})  # the same again costs nothing
            with pytest.raises(Refused):
                await session.ask("subscribe", **{kind: keys[1_000:]})
            await session.ask("unsubscribe", **{kind: keys[:1]})
            await session.subscribe(**{kind: keys[1_000:]})
            with pytest.raises(Refused) as caught:
                await session.ask("subscribe", **{kind: keys})
            assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"topics": ["chan:" + b64(bytes(32))]}, "not_found"),
        ({"topics": ["feed:" + b64(bytes(32))]}, "not_found"),
        ({"topics": ["hub:" + b64(bytes(32))]}, "not_found"),
        ({"topics": ["chan:short"]}, "bad_request"),
        ({"topics": ["nothing"]}, "bad_request"),
        ({"topics": [1]}, "bad_request"),
        ({"topics": "all"}, "bad_request"),
        ({"keys": ["short"]}, "bad_request"),
        ({"keys": [], "since": -1}, "bad_request"),
        ({"keys": [], "since": "0"}, "bad_request"),
        ({"keys": [], "since": 0}, "bad_request"),  # and of which store?
    ],
)
async def test_a_wrong_subscription_is_refused(hub: World, fields: Json, code: str) -> None:
    async with await hub.connect(await hub.member()) as session:
        with pytest.raises(Refused) as caught:
            await session.ask("subscribe", **fields)
        assert caught.value.code == code


# Backlog, then live


async def test_backlog_then_live_without_gap_or_double_at_full_speed(hub: World) -> None:
    """Subscribers who begin at different moments of a flood all get the whole of it, once and in order."""
    user, listener = await hub.add_members(2)
    channel, noise = await hub.channel(), await hub.channel()
    async with contextlib.AsyncExitStack() as stack:
        listeners: list[Connection] = []
        for _ in range(6):
            listeners.append(await stack.enter_async_context(await hub.connect(listener)))
        store = listeners[0].result["store"]
        probe = listeners.pop()
        await probe.subscribe(topics=[channel, noise])
        begun = []
        async with at_full_speed(hub, user, channel) as flood, at_full_speed(hub, listener, noise) as other_flood:
            for number, session in enumerate(listeners):
                await probe.until(lambda due=number * 400: len(probe.delivered()) > due)
                begun.append(await session.begin("subscribe", topics=[channel], since=0, store=store))
            sent = await flood
            await other_flood
        for session in listeners:
            await session.until(lambda session=session: len(session.delivered()) >= len(sent))
    for session, answer in zip(listeners, begun, strict=True):
        items = session.delivered()
        assert ids(items) == sent
        assert_in_order(items)
        live = session.first("live")
        assert live is not None
        assert live["cursor"] >= answer.result()["cursor"]
        # Before `live` comes what had arrived until then, after it what came later.
        position = session.frames.index(live)
        for index, frame in enumerate(session.frames):
            if frame["type"] == "deliver":
                for item in frame["messages"]:
                    assert (item["cursor"] <= live["cursor"]) == (index < position)


async def test_a_cut_connection_resumes_with_since(hub: World) -> None:
    """Cut again and again in the middle of a flood; what all the pieces got is the whole, once."""
    user, listener = await hub.add_members(2)
    channel = await hub.channel()
    got: list[Json] = []
    position: Json = {}
    cuts = 0
    async with at_full_speed(hub, user, channel) as flood:
        while len(got) < FULL_SPEED_MESSAGES:
            session = await hub.connect(listener)
            if not position:
                position = {"since": 0, "store": session.result["store"]}
            future = await session.begin("subscribe", topics=[channel], **position)
            enough = min(300, FULL_SPEED_MESSAGES - len(got))
            await session.until(lambda session=session, enough=enough: len(session.delivered()) >= enough)
            session.cut()
            cuts += 1
            await session.closed()
            await session.leave()
            assert future.result()["type"] == "subscribed"
            got += session.delivered()
            position["since"] = got[-1]["cursor"]
        sent = await flood
    assert ids(got) == sent
    assert_in_order(got)
    assert cuts > 3


async def test_coming_and_going_loses_nothing(hub: World) -> None:
    """Unsubscribe and subscribe again with `since`, all the time, while messages trickle in: nothing falls between."""
    users, listener, channel = await hub.add_members(4), await hub.member(), await hub.channel()
    sent: set[str] = set()

    async def trickle(user: Key) -> None:
        async with await hub.connect(user, frames="clear") as session:
            for number in range(250):
                envelope = text(user, channel, f"number {number}")
                await session.store(envelope)
                sent.add(id_of(envelope))

    trickling = asyncio.gather(*map(trickle, users))
    got: list[Json] = []
    async with await hub.connect(listener, frames="clear") as session:
        position: Json = {"since": 0, "store": session.result["store"]}
        over = False
        while not over:
            over = trickling.done()  # and then one turn more
            await session.subscribe(topics=[channel], **position)
            await session.ask("unsubscribe", topics=[channel])
            got += session.delivered()
            session.frames.clear()
            if got:
                position["since"] = got[-1]["cursor"]
    await trickling
    assert_in_order(got)
    missing = sent - set(ids(got))
    assert not missing, f"{len(missing)} of {len(sent)} messages fell between backlog and live"
    assert len(got) == len(sent)


async def test_two_backlogs_at_once_double_nothing(hub: World) -> None:
    """Two subscriptions that want the same, asked for in one breath: each message comes once."""
    user, author = await hub.add_members(2)
    channel = await hub.channel()
    said = [text(author, channel, f"number {i}") for i in range(100)]
    async with await hub.connect(user) as session, await hub.connect(author) as writer:
        await writer.store(*said)
        since: Json = {"since": 0, "store": session.result["store"]}
        both = [
            await session.begin("subscribe", topics=[channel], **since),
            await session.begin("subscribe", keys=[author.text], **since),
        ]
        for future in both:
            ref_ = (await future)["ref"]
            await session.until(lambda ref_=ref_: session.first("live", ref=ref_))
        heard = [ident for ident in ids(session.delivered()) if ident in set(map(id_of, said))]
        assert len(set(heard)) == len(said)
        assert len(heard) == len(said), f"{len(heard) - len(said)} of {len(said)} messages came twice"


async def test_unsubscribe_counts_during_a_backlog_too(hub: World) -> None:
    """Who has been told `unsubscribed` hears nothing more, even where the backlog was still on its way."""
    user, author = await hub.add_members(2)
    channel = await hub.channel()
    async with await hub.connect(user) as session, await hub.connect(author) as writer:
        await writer.store(*[text(author, channel, f"number {i}") for i in range(100)])
        await session.begin("subscribe", topics=[channel], since=0, store=session.result["store"])
        await session.ask("unsubscribe", topics=[channel])
        for _ in range(5):
            await session.topics()  # the backlog's reads are over by now
        session.frames.clear()
        late = text(author, channel, "late")
        await writer.store(late)
        other = await hub.channel()
        await session.subscribe(topics=[other])
        last = text(author, other, "the last")
        await writer.store(last)
        await session.until_delivered(last)
        assert [item["message"] for item in session.delivered()] == [last]


async def test_a_second_subscription_with_backlog_doubles_nothing(hub: World) -> None:
    """A backlog on top of a live subscription brings only what that one does not."""
    user, author = await hub.add_members(2)
    channel = await hub.channel()
    before = [text(author, channel, f"before {i}") for i in range(30)]
    feed = text(author, "feed", "before, elsewhere")
    async with await hub.connect(user) as session, await hub.connect(author) as writer:
        await writer.store(*before, feed)
        store = session.result["store"]
        await session.subscribe(topics=[channel], since=0, store=store)
        await session.until_delivered(before[-1])
        live = text(author, channel, "live")
        await writer.store(live)
        await session.until_delivered(live)
        await session.subscribe(keys=[author.text], since=session.delivered()[29]["cursor"], store=store)
        last = text(author, channel, "the last")
        await writer.store(last)
        await session.until_delivered(last)
        heard = ids(session.delivered())
        assert sorted(heard) == sorted(map(id_of, [*before, live, feed, last]))


async def test_since_is_of_this_store_and_not_beyond_it(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    async with await hub.connect(user) as session:
        store = session.result["store"]
        cursor = (await session.subscribe(topics=[channel]))["cursor"]
        for fields in ({"since": 0, "store": b64(os.urandom(16))}, {"since": cursor + 1_000_000, "store": store}):
            with pytest.raises(Refused) as caught:
                await session.ask("subscribe", topics=[channel], **fields)
            assert caught.value.code == "conflict"
        await session.subscribe(topics=[channel], since=cursor, store=store)  # nothing is missing: no conflict


async def test_a_backlog_of_keys_and_messages_keeps_to_what_one_may_read(hub: World) -> None:
    user, author, third = await hub.add_members(3)
    channel = await hub.channel()
    target = text(author, channel, "target")
    secret = text(author, f"user:{third.text}", "for third alone", attention_keys=[user.text])
    heard = [
        target,
        text(author, f"user:{user.text}", "for you"),
        text(third, channel, "an answer", attention_messages=[id_of(target)]),
        text(third, channel, "you there", attention_keys=[user.text]),
    ]
    async with await hub.connect(author) as writer, await hub.connect(third) as other:
        await writer.store(target, secret, heard[1])
        await other.store(text(third, channel, "of nobody"), heard[2], heard[3])
    async with await hub.connect(user) as session:
        wanted: Json = {"keys": [author.text, user.text], "messages": [id_of(target), id_of(secret)]}
        await session.subscribe(**wanted, since=0, store=session.result["store"])
        items = [item for item in session.delivered() if not item["message"]["header"]["to"].startswith("hub:")]
        assert ids(items) == [id_of(envelope) for envelope in heard]


# Pages


async def test_pages_cover_a_topic_once_in_both_directions(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    times = [1_700_000_000_000 + (i // 5) * 1000 for i in range(120)]  # five a moment: ids decide
    said = [text(user, channel, f"number {i}", created_at=at) for i, at in enumerate(times)]
    async with await hub.connect(user) as session:
        for start in range(0, len(said), 40):
            await session.store(*said[::-1][start : start + 40])
        order = sorted((envelope["header"]["created_at"], id_of(envelope)) for envelope in said)
        assert len({at for at, _ in order}) == 24
        for limit in (7, 50, 119, 120, 500):
            pages = await session.pages(channel, limit=limit)
            items = [item for page in pages for item in page["messages"]]
            assert sorted(ids(items)) == sorted(map(id_of, said))
            assert len(pages) == -(-len(said) // limit)
            places = [item["message"]["header"]["created_at"] for item in items]
            assert places == sorted(places, reverse=True)
            # Forwards from the oldest page's far end: all but the oldest message, which lies at that end.
            forwards = await session.pages(channel, limit=limit, after=pages[-1]["next"])
            assert ids([item for page in forwards for item in page["messages"]]) == ids(items)[-2::-1]
            assert all(len(page["messages"]) == limit for page in forwards[:-1])


async def test_pages_while_others_write(hub: World) -> None:
    """Walking back through a topic that grows at its end misses nothing that was there and repeats nothing."""
    user, listener = await hub.add_members(2)
    channel = await hub.channel()
    before = [text(user, channel, f"before {i}", created_at=1_700_000_000_000 + i) for i in range(200)]
    async with await hub.connect(user) as session, await hub.connect(listener) as reader:
        await session.store(*before[:100])
        await session.store(*before[100:])
        async with at_full_speed(hub, user, channel) as flood:
            found = ids([item for page in await reader.pages(channel, limit=50) for item in page["messages"]])
            await flood
    assert len(set(found)) == len(found)
    assert found[-200:] == [id_of(envelope) for envelope in reversed(before)]


async def test_a_page_fits_a_frame(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    said = [text(user, channel, "x" * 200_000, created_at=1_700_000_000_000 + i) for i in range(12)]
    async with await hub.connect(user) as session:
        for start in range(0, 12, 3):
            await session.store(*said[start : start + 3])
        pages = await session.pages(channel, limit=500)
        assert len(pages) > 2
        assert ids([item for page in pages for item in page["messages"]]) == [id_of(item) for item in reversed(said)]
        backlog = await session.subscribe(topics=[channel], since=0, store=session.result["store"])
        assert backlog["cursor"] >= session.delivered()[-1]["cursor"]
        assert ids(session.delivered()) == [id_of(item) for item in said]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"limit": 0}, "bad_request"),
        ({"limit": 501}, "bad_request"),
        ({"limit": "5"}, "bad_request"),
        ({"before": "x"}, "bad_request"),
        ({"after": 1}, "bad_request"),
        ({"before": b64(bytes(40)), "after": b64(bytes(40))}, "bad_request"),
        ({"after": b64(b"\xff" * 40)}, ""),
        ({"topic": "chan:" + b64(bytes(32))}, "not_found"),
        ({"topic": "space:" + b64(bytes(32))}, "not_found"),
        ({"topic": None}, "bad_request"),
    ],
)
async def test_a_wrong_fetch_is_refused(hub: World, fields: Json, code: str) -> None:
    channel = await hub.channel()
    async with await hub.connect(await hub.member()) as session:
        if code:
            with pytest.raises(Refused) as caught:
                await session.ask("fetch", **{"topic": channel, **fields})
            assert caught.value.code == code
        else:
            with contextlib.suppress(Refused):  # a place of nobody's: an answer of either kind, but not a failure
                await session.ask("fetch", **{"topic": channel, **fields})
        assert not session.first("error", code="internal")
        await session.ask("topics")


# Topics


async def test_the_list_of_topics(hub: World) -> None:
    user, other = await hub.add_members(2)
    channel = await hub.channel()
    async with await hub.connect(user) as session, await hub.connect(hub.admin) as admin:
        rows, all_rows = await session.topics(), await admin.topics()
    assert {f"feed:{user.text}", f"user:{user.text}", f"feed:{other.text}", channel, hub.topic} <= rows.keys()
    assert f"user:{other.text}" not in rows
    assert any(row.get("name") == "lounge" for row in rows.values())
    for name, row in rows.items():
        assert {"topic", "kind", "encrypted", "count", "horizon", "cursor", "role"} <= set(row)
        assert (row["kind"], row["encrypted"]) == (name.partition(":")[0], False)
    assert rows[f"feed:{user.text}"]["role"] == rows[f"user:{user.text}"]["role"] == "admin"
    assert rows[f"feed:{other.text}"]["role"] == rows[channel]["role"] == "member"
    assert all_rows[channel]["role"] == all_rows[hub.topic]["role"] == "admin"


async def test_a_new_channel_and_a_new_member_are_told(hub: World) -> None:
    user, waiting = await hub.add_members(2)
    nonce, newcomer, added = os.urandom(16), Key(), Key()
    link = await asyncio.to_thread(hub.invite)
    temp = temporary_key(read_link(link)[1])
    async with (
        await hub.connect(waiting) as session,
        await hub.connect(hub.admin) as admin,
        await hub.connect() as guest,
    ):
        await admin.store(message(hub.admin, "chan.open", hub.topic, {"nonce": b64(nonce), "name": "news"}))
        topic = channel_topic(hub.admin, nonce, hub.key)
        told = await session.until(lambda: session.first("topic_added", topic=topic))
        assert (told["name"], told["kind"], told["count"], told["role"]) == ("news", "chan", 0, "member")
        assert (await admin.until(lambda: admin.first("topic_added", topic=topic)))["role"] == "admin"

        name = new_name()
        async with await hub.connect(temp) as claimer:
            await claimer.store(claim(temp, newcomer, hub.key, name))
        told = await session.until(lambda: session.first("topic_added", topic=f"feed:{newcomer.text}"))
        assert (told["kind"], told["name"]) == ("feed", name)
        await admin.store(hub.add_user(hub.admin, added))
        await session.until(lambda: session.first("topic_added", topic=f"feed:{added.text}"))
        assert await guest.topics() == {}
        assert not guest.first("topic_added")
    async with await hub.connect(user) as session:
        assert {topic, f"feed:{newcomer.text}", f"feed:{added.text}"} <= (await session.topics()).keys()


async def test_the_hub_topic_shows_each_what_concerns_them(hub: World) -> None:
    user, other = await hub.member(invites=4), await hub.member()
    child = Key()
    adding = hub.add_user(user, child)
    async with (
        await hub.connect(user) as session,
        await hub.connect(other) as stranger,
        await hub.connect(hub.admin) as admin,
    ):
        for reader in (session, stranger, admin):
            await reader.subscribe(topics=[hub.topic])
        await session.store(adding)
        await session.until_delivered(adding)
        await admin.until_delivered(adding)
        assert id_of(adding) in ids(await admin.fetch(hub.topic))
        mine = ids(await session.fetch(hub.topic))
        assert id_of(adding) in mine
        assert len(mine) == 2  # being added oneself, and adding the child
        assert len(await stranger.fetch(hub.topic)) == 1
        last = hub.add_user(hub.admin, Key())
        await admin.store(last)
        await admin.until_delivered(last)
        await stranger.ask("topics")  # whatever was sent to it has come by now
        assert stranger.delivered() == []
    async with await hub.connect(child) as session:
        assert ids(await session.fetch(hub.topic)) == [id_of(adding)]


async def test_a_session_that_has_left_is_not_served(hub: World) -> None:
    user = await hub.member()
    session = await hub.connect(user)
    await session.leave()
    with pytest.raises(Left):
        await session.ask("topics")
