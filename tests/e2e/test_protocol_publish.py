"""Publishing: what is taken, what is refused and with which code, when it is acknowledged (sections 1 and 4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from tests.e2e.plain_client import Json, Key, Refused, b64, id_of, message, now_ms, sign_header, text, unb64
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

MINUTE_MS = 60_000
MAX_BODY_BYTES = 256 * 1024


async def test_one_message_and_a_hundred(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    one, hundred = text(user, channel, "one"), [text(user, channel, f"number {i}") for i in range(100)]
    async with await hub.connect(user) as session:
        await session.store(one)
        await session.store(*hundred)
        rows = (await session.topics())[channel]
        assert rows["count"] == 101
        held = {id_of(item["message"]): item for item in await session.fetch(channel)}
    # Arrival numbers follow the order in the frame.
    cursors = [held[id_of(envelope)]["cursor"] for envelope in [one, *hundred]]
    assert cursors == sorted(set(cursors))
    assert rows["cursor"] == cursors[-1]
    assert [held[id_of(envelope)]["message"] for envelope in hundred] == hundred  # back as it went


async def test_what_is_acknowledged_is_on_the_disk(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    async with await hub.connect(user) as session:
        for i in range(20):
            envelope = text(user, channel, f"durable {i}")
            await session.store(envelope)
            found = hub.stored(id_of(envelope))
            assert found is not None
            assert (found[1], found[2]) == (unb64(envelope["salt"]), unb64(envelope["body"]))


async def test_many_publishes_are_answered_each_under_its_ref(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    batches = [[text(user, channel, f"{i} {j}") for j in range(7)] for i in range(60)]
    async with await hub.connect(user) as session:
        answers = [await session.begin("publish", messages=batch) for batch in batches]
        for batch, answer in zip(batches, await asyncio.gather(*answers), strict=True):
            assert answer["type"] == "published"
            assert answer["results"] == [{"status": "stored", "id": id_of(envelope)} for envelope in batch]


async def test_the_same_again_is_a_duplicate(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    one, two = text(user, channel, "one"), text(user, channel, "two")
    async with await hub.connect(user) as session, await hub.connect(user) as other:
        await session.store(one)
        statuses = [result["status"] for result in await session.publish(one, two, two, one)]
        assert statuses == ["duplicate", "stored", "duplicate", "duplicate"]
        assert await other.outcome(two) == "duplicate"
        assert (await session.topics())[channel]["count"] == 2


async def test_two_sessions_publish_the_same_at_once(hub: World) -> None:
    user, channel = await hub.member(), await hub.channel()
    envelopes = [text(user, channel, f"both say {i}") for i in range(50)]
    async with await hub.connect(user) as one, await hub.connect(user) as other:
        answers = [await session.begin("publish", messages=[item]) for item in envelopes for session in (one, other)]
        statuses = [answer["results"][0]["status"] for answer in await asyncio.gather(*answers)]
        assert sorted(statuses) == ["duplicate"] * 50 + ["stored"] * 50
        assert (await one.topics())[channel]["count"] == 50


# One bad message among good ones. A maker gets the hub, the user, another member and a channel.
Maker = Callable[[World, Key, Key, str], Json]


def _signed_header(user: Key, envelope: Json, **changes: object) -> Json:
    """The envelope with another header, properly signed; None takes a field away."""
    header = {name: value for name, value in {**envelope["header"], **changes}.items() if value is not None}
    try:
        return {**envelope, "header": header, "sig": sign_header(user, header)}
    except ValueError:
        return {**envelope, "header": header}


def _changed(**changes: object) -> Maker:
    return lambda hub, user, other, channel: _signed_header(user, text(user, channel, "changed"), **changes)


def _flip(field: str) -> Maker:
    def make(hub: World, user: Key, other: Key, channel: str) -> Json:
        envelope = text(user, channel, "flipped")
        raw = bytearray(unb64(envelope[field]))
        raw[0] ^= 1
        return {**envelope, field: b64(bytes(raw))}

    return make


def _chat(**fields: object) -> Maker:
    return lambda hub, user, other, channel: text(user, channel, "words", **fields)


def _body(type_: str, body: Json | bytes, **fields: object) -> Maker:
    return lambda hub, user, other, channel: message(user, type_, channel, body, **fields)


RISING = sorted(os.urandom(32) for _ in range(33))

BAD_MESSAGES: dict[str, tuple[str, Maker]] = {
    "signature changed": ("bad_sig", _flip("sig")),
    "header changed": ("bad_sig", lambda hub, user, other, channel: {
        **(made := text(user, channel, "mine")), "header": {**made["header"], "tz": 60}}),
    "signed by a key that is not `from`": ("bad_sig", lambda hub, user, other, channel: {
        **(made := text(user, channel, "mine")), "sig": sign_header(other, made["header"])}),
    "S not reduced": ("bad_sig", lambda hub, user, other, channel: {
        **(made := text(user, channel, "mine")),
        "sig": b64(unb64(made["sig"])[:32] + (
            int.from_bytes(unb64(made["sig"])[32:], "little") + 2**252 + 27742317777372353535851937790883648493
        ).to_bytes(32, "little"))}),
    "body changed": ("bad_request", _flip("body")),
    "salt changed": ("bad_request", _flip("salt")),
    "body_size wrong": ("bad_request", _changed(body_size=1)),
    "no created_at": ("bad_request", _changed(created_at=None)),
    "created_at too late for the protocol": ("bad_request", _changed(created_at=2**44)),
    "tz out of range": ("bad_request", _chat(tz=841)),
    "to is no topic": ("bad_request", _changed(to="somewhere")),
    "a feed's long name": ("bad_request", lambda hub, user, other, channel: text(user, f"feed:{user.text}", "long")),
    "attention_keys not rising": ("bad_request", _chat(attention_keys=[b64(RISING[1]), b64(RISING[0])])),
    "33 attention_keys": ("bad_request", _chat(attention_keys=[b64(key) for key in RISING])),
    "an answered message twice": ("bad_request", _chat(attention_messages=[b64(RISING[0])] * 2)),
    "unknown relation": ("bad_request", _chat(refs=[{"rel": "like", "id": b64(RISING[0])}])),
    "prev outside of a chain": ("bad_request", _chat(prev=[b64(RISING[0])])),
    "burn_at before created_at": ("bad_request", lambda hub, user, other, channel: text(
        user, channel, "odd", created_at=now_ms() + MINUTE_MS, burn_at=now_ms() + MINUTE_MS // 2)),
    "burn_at after more than a year": ("bad_request", _chat(burn_at=now_ms() + 366 * 24 * 3600 * 1000)),
    "key not canonical base64url": ("bad_request", lambda hub, user, other, channel: _signed_header(
        user, text(user, channel, "x"), attention_keys=[b64(bytes(32))[:-1] + "B"])),
    "no header": ("bad_request", lambda hub, user, other, channel: {"x": 1}),
    "no object": ("bad_request", lambda hub, user, other, channel: "message"),  # type: ignore[return-value,dict-item]
    "a field beside the four": ("bad_request", lambda hub, user, other, channel: {**text(user, channel, "x"), "y": 1}),
    "body that is not of its type": ("bad_request", _body("chat.text", {"words": "x"})),
    "body that is no JSON": ("bad_request", _body("chat.text", b"plain")),
    "edit without refs": ("bad_request", _body("chat.edit", {"text": "x"})),
    "mail to a channel": ("bad_request", _body("mail.text", {"text": "x"})),
    "a delete that burns": ("bad_request", _body(
        "chat.delete", {}, refs=[{"rel": "delete", "id": b64(RISING[0])}], burn_at=now_ms() + MINUTE_MS)),
    "encrypted in an open channel": ("bad_request", _chat(enc={"epoch": 1, "win": 0, "kid": b64(bytes(32))})),
    "without its body": ("bad_request", lambda hub, user, other, channel: {
        name: value for name, value in text(user, channel, "x").items() if name not in ("salt", "body")}),
    "float": ("bad_encoding", _changed(x=1.5)),
    "null": ("bad_encoding", lambda hub, user, other, channel: {
        **(made := text(user, channel, "x")), "header": {**made["header"], "x": None}}),
    "empty array": ("bad_encoding", _changed(x=[])),
    "integer too large": ("bad_encoding", _changed(x=2**53)),
    "key with a capital letter": ("bad_encoding", _changed(Big=1)),
    "U+0000": ("bad_encoding", _changed(x="\0")),
    "nested nine deep": ("bad_encoding", _changed(x=[[[[[[[[1]]]]]]]])),
    "control message not canonical": ("bad_encoding", lambda hub, user, other, channel: message(
        user, "add_user", hub.topic, b'{"pubkey":"' + Key().text.encode() + b'","kind":"temp","account_name":"abc"}')),
    "version 2": ("unsupported", _changed(v=2)),
    "group topic": ("unsupported", lambda hub, user, other, channel: message(
        user, "repo.entry", f"group:{b64(bytes(32))}", {"x": 1})),
    "unknown control type": ("unsupported", lambda hub, user, other, channel: message(
        user, "hub.explode", hub.topic, {"x": 1})),
    "body too big": ("too_big", lambda hub, user, other, channel: text(user, channel, "x" * MAX_BODY_BYTES)),
    "header too big": ("too_big", _chat(x="x" * 16 * 1024)),
    "six minutes ahead": ("future", lambda hub, user, other, channel: text(
        user, channel, "x", created_at=now_ms() + 6 * MINUTE_MS)),
    "burned": ("burned", lambda hub, user, other, channel: text(
        user, channel, "x", created_at=now_ms() - MINUTE_MS, burn_at=now_ms() - 1)),
    "signed by another member": ("denied", lambda hub, user, other, channel: text(other, channel, "not mine")),
    "import by a member": ("denied", _body("import.text", {"text": "x", "author": "y", "source": "z"})),
    "unknown channel": ("not_found", lambda hub, user, other, channel: text(user, f"chan:{b64(RISING[0])}", "x")),
    "unknown inbox": ("not_found", lambda hub, user, other, channel: text(user, f"user:{Key().text}", "x")),
    "another hub": ("wrong_server", lambda hub, user, other, channel: message(
        user, "add_user", f"hub:{Key().text}", {"pubkey": Key().text, "account_name": "abc", "kind": "temp"})),
    "control message of yesterday": ("gone", lambda hub, user, other, channel: hub.add_user(
        user, Key(), at=now_ms() - 11 * MINUTE_MS)),
}  # fmt: skip

NO_ID = {"no header", "no object"}


async def test_one_bad_message_leaves_its_neighbours_alone(hub: World) -> None:
    """Every kind of bad message, each between two good ones, the results in the order sent."""
    user, other, channel = await hub.member(invites=5), await hub.member(), await hub.channel()
    names = list(BAD_MESSAGES)
    bad = [BAD_MESSAGES[name][1](hub, user, other, channel) for name in names]
    async with await hub.connect(user) as session, await hub.connect(other) as listener:
        await listener.subscribe(topics=[channel])
        good: list[Json] = []
        wrong: dict[str, tuple[str, Json]] = {}
        step = 20  # of each a frame: two of the bad ones are large
        for start in range(0, len(names), step):
            frame = [text(user, channel, "the first")]
            for envelope in bad[start : start + step]:
                frame += [envelope, text(user, channel, "a neighbour")]
            good += frame[0::2]
            results = await session.publish(*frame)
            assert [result["status"] for result in results[0::2]] == ["stored"] * len(frame[0::2])
            assert [result["id"] for result in results[0::2]] == [id_of(envelope) for envelope in frame[0::2]]
            for name, envelope, result in zip(names[start:], frame[1::2], results[1::2], strict=False):
                expected = {"status": "rejected", "code": BAD_MESSAGES[name][0]}
                if {key: result.get(key) for key in expected} != expected:
                    wrong[name] = (expected["code"], result)
                if name not in NO_ID and "id" in result:
                    assert result["id"] == id_of(envelope)
        assert wrong == {}
        await listener.until_delivered(good[-1])
        assert [item["message"] for item in listener.delivered()] == good
        assert {id_of(item["message"]) for item in await session.fetch(channel)} == set(map(id_of, good))


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "none"},
        {},
        {"messages": [{}] * 101},
        {"messages": [{}], "pow": "work"},
        {"messages": [{}], "pow": [{"id": "short"}]},
    ],
    ids=["none", "no list", "missing", "101", "pow no list", "pow without id"],
)
async def test_a_publish_of_another_form_is_answered_with_an_error(hub: World, fields: Json) -> None:
    async with await hub.connect(await hub.member()) as session:
        with pytest.raises(Refused) as caught:
            await session.ask("publish", **fields)
        assert caught.value.code == "bad_request"
        await session.ask("topics")  # the session lives on


async def test_a_frame_without_ref_is_refused(hub: World) -> None:
    async with await hub.connect(await hub.member()) as session:
        for frame in (
            {"type": "publish", "messages": [{}]},
            {"type": "topics", "ref": "1"},
            {"type": "fetch", "ref": True},
        ):
            session.frames.clear()
            await session.send_json(frame)
            error = await session.until(lambda: session.first("error"))
            assert error["code"] == "bad_request"
            assert "ref" not in error


async def test_an_unknown_frame_is_unsupported(hub: World) -> None:
    async with await hub.connect(await hub.member()) as session:
        with pytest.raises(Refused) as caught:
            await session.ask("teleport")
        assert caught.value.code == "unsupported"


async def test_limits_are_inclusive(hub: World) -> None:
    """The largest body, header lists at their ends, the edges of time."""
    user, channel = await hub.member(), await hub.channel()
    overhead = len(b'{"text":""}')
    async with await hub.connect(user) as session:
        await session.store(text(user, channel, "x" * (MAX_BODY_BYTES - overhead)))
        await session.store(
            text(user, channel, "x", attention_keys=[b64(key) for key in RISING[:32]], tz=-840),
            text(user, channel, "x", created_at=now_ms() + 4 * MINUTE_MS, tz=840),
            text(user, channel, "x", created_at=0),
            text(user, channel, "x", burn_at=now_ms() + 364 * 24 * 3600 * 1000),
            message(user, "plugin.type-of_mine", channel, b"\xff\0 anything"),
            text(user, channel, "x", a_field_of_tomorrow={"kept": True}, crit=["a_field_of_tomorrow"]),
        )
        assert any("a_field_of_tomorrow" in item["message"]["header"] for item in await session.fetch(channel))


async def test_a_feed_has_one_author(hub: World) -> None:
    user, other = await hub.add_members(2)
    async with await hub.connect(user) as session:
        note = message(user, "profile", "feed", {"display_name": "Ada"})
        await session.store(note)
        assert [item["message"] for item in await session.fetch(f"feed:{user.text}")] == [note]
        assert await session.fetch(f"feed:{other.text}") == []
